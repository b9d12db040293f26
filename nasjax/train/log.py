"""What a run says while it runs: `metrics.jsonl` is the record, `status.json` the present, the terminal a view."""

import json
import math
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, final

from nasjax.train.processes import is_first
from nasjax.train.validation import Validation

_PLAIN_SECONDS = 15.0  # between two lines where the output is no terminal


@final
class RunLog:
    """The log of one phase of `steps` steps in the run folder `folder`; a context manager.

    `tensorboard` also writes scalars for TensorBoard to `folder/tensorboard` (the extra of that name); `validation` is
    what `fit` measures now and then, beside the loss; `on_write` is called whenever `status.json` was renewed. Of
    several processes, only the first one writes.
    """

    def __init__(
        self,
        folder: str | Path,
        phase: str,
        steps: int,
        *,
        tensorboard: bool = False,
        validation: Validation | None = None,
        on_write: Callable[[], None] | None = None,
    ):
        self.folder, self.phase, self.steps, self.validation = Path(folder), phase, steps, validation
        self._writes = is_first()
        self._on_write = on_write
        self._last: tuple[float, int] | None = None
        self._printed = 0.0
        self._bar = _Bar(phase, steps) if self._writes and sys.stderr.isatty() else None
        self._board = _board(self.folder / "tensorboard") if self._writes and tensorboard else None

    def __enter__(self) -> "RunLog":
        if self._writes:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._status(0, {}, "started")
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.close()
        if self._board is not None:
            self._board.close()

    def start(self, step: int) -> None:
        """Count steps per second from here: after compiling, or after resuming."""
        self._last = (time.monotonic(), step)

    def rewind(self, step: int) -> None:
        """Drop this phase's lines after `step` from `metrics.jsonl`: the phase goes on from there and writes them anew.

        Lines that a killed process left torn go as well. Readers see the old file or the new one.
        """
        path = self.folder / "metrics.jsonl"
        if not self._writes or not path.is_file():
            return
        lines = path.read_bytes().splitlines(keepends=True)
        kept = [line for line in lines if not self._is_after(step, line)]
        if len(kept) < len(lines):
            _replace(path, b"".join(kept))

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Add one line to `metrics.jsonl` and renew `status.json` and the terminal."""
        if not self._writes:
            return
        rate = self._rate(step)
        numbers = {name: float(value) for name, value in values.items()}
        numbers |= {} if rate is None else {"steps_per_s": rate}
        # JSON has no NaN: a value that is not finite is null.
        said = {name: value if math.isfinite(value) else None for name, value in numbers.items()}
        line = {"time": time.time(), "phase": self.phase, "step": step, "steps": self.steps, **said}
        append_line(self.folder / "metrics.jsonl", line)
        self._status(step, numbers, "")
        self._show(step, numbers)
        if self._board is not None:
            for name, value in numbers.items():
                self._board.add_scalar(f"{self.phase}/{name}", value, step)

    def _is_after(self, step: int, line: bytes) -> bool:
        try:
            row = json.loads(line)
        except ValueError:
            return True
        return row.get("phase") == self.phase and row.get("step", 0) > step

    def _rate(self, step: int) -> float | None:
        now, before = time.monotonic(), self._last
        self._last = (now, step)
        if before is None or step <= before[1]:
            return None
        return round((step - before[1]) / max(now - before[0], 1e-9), 3)

    def _status(self, step: int, numbers: Mapping[str, float], message: str) -> None:
        rate = numbers.get("steps_per_s")
        eta = None if not rate else round((self.steps - step) / rate, 1)
        place = {"phase": self.phase, "step": step, "steps": self.steps, "steps_per_s": rate, "eta_s": eta}
        now = {"updated": time.time(), "done": False, "message": message}
        replace_json(self.folder / "status.json", {**place, **now})
        if self._on_write is not None:
            self._on_write()

    def _show(self, step: int, numbers: Mapping[str, float]) -> None:
        text = "  ".join(f"{name} {value:.4g}" for name, value in numbers.items())
        if self._bar is not None:
            self._bar.update(step, text)
        elif time.monotonic() - self._printed > _PLAIN_SECONDS or step >= self.steps:
            self._printed = time.monotonic()
            print(f"  {self.phase} {step}/{self.steps}  {text}", file=sys.stderr, flush=True)


class _Bar:
    """A progress line in a terminal."""

    def __init__(self, phase: str, steps: int):
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(24), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, TextColumn("{task.fields[text]}", style="dim"))
        self._progress.start()
        self._task = self._progress.add_task(phase, total=steps, text="")

    def update(self, step: int, text: str) -> None:
        self._progress.update(self._task, completed=step, text=text)

    def close(self) -> None:
        self._progress.stop()


def append_line(path: Path, row: Mapping[str, Any]) -> None:
    """Add one JSON line in a single write, so that a killed process leaves whole lines (or one torn last line).

    A torn last line is closed first: it costs itself, not the line after it. Raises ValueError for NaN and infinity,
    which JSON does not have.
    """
    line = json.dumps(row, allow_nan=False).encode() + b"\n"
    with open(path, "a+b") as file:
        if file.seek(0, os.SEEK_END) > 0:
            file.seek(-1, os.SEEK_END)
            line = line if file.read(1) == b"\n" else b"\n" + line
        file.write(line)


def replace_json(path: Path, content: Any) -> None:
    """Replace a JSON file as a whole: readers see the old or the new one."""
    _replace(path, json.dumps(content).encode() + b"\n")


def _replace(path: Path, content: bytes) -> None:
    beside = path.with_name(f".{path.name}.part")
    beside.write_bytes(content)
    os.replace(beside, path)


def _board(folder: Path) -> Any:
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        raise ImportError("writing for TensorBoard needs the extra: pip install 'nasjax[tensorboard]'") from error
    return SummaryWriter(str(folder))
