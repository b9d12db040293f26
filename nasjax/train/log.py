"""What a run says while it runs: `metrics.jsonl` is the record, `status.json` the present, all else are views."""

import json
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, final

from nasjax.files import append_json, read_json, write_json, write_whole
from nasjax.say import Say, clock, to_stderr, told
from nasjax.train.processes import is_first
from nasjax.train.validation import Validation
from nasjax.train.writers import Writer
from nasjax.typing import Params

_PLAIN_SECONDS = 15.0  # between two lines where the output is no terminal
_TERMINATED = 128 + signal.SIGTERM  # what a command exits with that is told to stop


@final
class RunLog:
    """The log of one phase of `steps` steps in the run folder `folder`; a context manager.

    `writers` are given the numbers too, as "phase/name" (`train.writers`); whoever made them closes them. `validation`
    is what `fit` measures now and then, beside the loss; `on_write` is called whenever `status.json` was renewed.
    Progress is shown as a bar in a terminal (the first of trainings that run beside one another has it), and told to
    `say` line by line elsewhere; None silences both. What ends the block decides the state in `status.json`, unless
    somebody else has said one. Of several processes, only the first one writes.
    """

    def __init__(
        self,
        folder: str | Path,
        phase: str,
        steps: int,
        *,
        writers: Sequence[Writer] = (),
        validation: Validation | None = None,
        on_write: Callable[[], None] | None = None,
        say: Say | None = to_stderr,
    ):
        self.folder, self.phase, self.steps, self.validation = Path(folder), phase, steps, validation
        self._writes = is_first()
        self._on_write, self._writers = on_write, tuple(writers)
        # (number, params of all players as they are), at the end of each cycle of warm restarts; for whoever keeps them
        self.on_snapshot: Callable[[int, Mapping[str, Params]], None] | None = None
        self._say = told(say if self._writes else None)
        self._last: tuple[float, int] | None = None
        self._printed = 0.0
        self._bar = _bar(phase, steps) if self._writes and say is not None and sys.stderr.isatty() else None

    def __enter__(self) -> "RunLog":
        if self._writes:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._status(0, {}, "started")
        return self

    def __exit__(self, kind: object, error: BaseException | None, *where: object) -> None:
        if self._bar is not None:
            self._bar.close()
        status = self.folder / "status.json"
        # Whoever leads the training through several phases says the state of the whole by itself.
        if self._writes and status.is_file() and "state" not in (now := read_json(status)):
            ended = closed(error) if error is not None else {"state": "done", "done": True, "message": "finished"}
            write_json(status, {**now, **ended, "updated": time.time()}, indent=None)

    def tell(self, text: str) -> None:
        """Say a line to whoever follows the run."""
        self._say(text)

    def snapshot(self, number: int, params: Mapping[str, Params]) -> None:
        """Hand on the params at the end of a cycle, counted from 1."""
        if self.on_snapshot is not None:
            self.on_snapshot(number, params)

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
            write_whole(path, b"".join(kept))

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Add one line to `metrics.jsonl` and renew `status.json` and the terminal."""
        if not self._writes:
            return
        rate = self._rate(step)
        numbers = {name: float(value) for name, value in values.items()}
        numbers |= {} if rate is None else {"steps_per_s": rate}
        line = {"time": time.time(), "phase": self.phase, "step": step, "steps": self.steps, **numbers}
        append_json(self.folder / "metrics.jsonl", line)
        self._status(step, numbers, "")
        self._show(step, numbers)
        for writer in self._writers:
            writer.write(step, {f"{self.phase}/{name}": value for name, value in numbers.items()})

    def warn(self, step: int, text: str) -> None:
        """Say what is wrong with the training, and keep it as a line of `metrics.jsonl`, under "warning"."""
        self._say(f"  {self.phase}: {text}")
        if self._writes:
            line = {"time": time.time(), "phase": self.phase, "step": step, "steps": self.steps, "warning": text}
            append_json(self.folder / "metrics.jsonl", line)

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
        write_json(self.folder / "status.json", {**place, **now}, indent=None, durable=False)
        if self._on_write is not None:
            self._on_write()

    def _show(self, step: int, numbers: Mapping[str, float]) -> None:
        text = "  ".join(f"{name} {value:.4g}" for name, value in numbers.items())
        if self._bar is not None:
            self._bar.update(step, text)
        elif time.monotonic() - self._printed > _PLAIN_SECONDS or step >= self.steps:
            self._printed = time.monotonic()
            self._say(f"  {self.phase} {step}/{self.steps}{_left(read_json(self.folder / 'status.json'))}  {text}")


def closed(error: BaseException) -> dict[str, object]:
    """What `status.json` says of a run that an error ended."""
    stopped = isinstance(error, KeyboardInterrupt | SystemExit) or type(error).__name__ == "Interrupted"
    said = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, KeyboardInterrupt):
        said = "stopped by Ctrl-C"
    elif isinstance(error, SystemExit) and error.code == _TERMINATED:
        said = "stopped by SIGTERM"
    return {"state": "stopped" if stopped else "failed", "done": False, "message": said}


def _left(status: Mapping[str, Any]) -> str:
    """What a phase will still take, and the run that it belongs to, where their pace is known."""
    times = {"": status.get("eta_s"), "in all ": (status.get("run") or {}).get("eta_s")}
    said = [f"{what}{clock(seconds)}" for what, seconds in times.items() if seconds]
    return f"  {', '.join(said)} left" if said else ""


def _bar(phase: str, steps: int) -> "_Bar | None":
    """A progress line, unless the terminal has one already."""
    from rich.errors import LiveError

    try:
        return _Bar(phase, steps)
    except LiveError:
        return None


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
