"""What a command on many pictures says: a bar in a terminal, lines in a log, and paths on standard output."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, final

from nasjax.say import clock

_SECONDS = 30.0  # between two lines in a log


@final
class Progress:
    """Tells on standard error how far a command is, and names files on standard output as they are written."""

    def __init__(self, command: str):
        self.command, self.written = command, 0
        self._bar: Any = None
        self._total = self._steps = 0
        self._begun = self._told = time.monotonic()

    @contextlib.contextmanager
    def over(self, total: int) -> Iterator[None]:
        """Count the steps of the block, of which there are so many; of a single one, its parts (`part`)."""
        self._total, self._steps, self._begun = total, 0, time.monotonic()
        self._told = self._begun
        if total > 1 and sys.stderr.isatty():
            self._bar = _bar(self.command, total, "pictures")
        try:
            yield
        finally:
            self.close()

    def close(self) -> None:
        """Leave the bar as it is."""
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.stop()

    def step(self) -> None:
        """One more picture is done with."""
        self._steps += 1
        if self._total > 1:
            self._tell(self._steps, self._total, "pictures")

    def part(self, done: int, total: int) -> None:
        """So many windows of a picture are done with, in one pass over it; told of where it is the only picture."""
        if self._total != 1 or total == 1:
            return
        if done == 1:  # a pass may be the picture's second
            self._begun = time.monotonic()
        if self._bar is None and sys.stderr.isatty():
            self._bar = _bar(self.command, total, "parts")
        self._tell(done, total, "parts")

    def _tell(self, done: int, total: int, what: str) -> None:
        rate = done / max(time.monotonic() - self._begun, 1e-6)
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done, total=total, rate=f"{rate:.2g}")
        elif time.monotonic() - self._told > _SECONDS:
            self._told = time.monotonic()
            self.say(f"{done} of {total}, {rate:.2g} {what}/s, {clock((total - done) / rate)} left")

    def say(self, text: str) -> None:
        """A line on standard error."""
        self._print(_printable(text), sys.stderr)

    def path(self, path: Path | str) -> None:
        """The path of a file that was written, on standard output."""
        self.written += 1
        self._print(_printable(str(path)), sys.stdout)

    def _print(self, text: str, stream: Any) -> None:
        if self._bar is not None and stream.isatty():
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
            return
        try:
            print(text, file=stream, flush=True)
        except BrokenPipeError:  # whoever reads no further does not end the work, nor its exit code
            with contextlib.suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), stream.fileno())


def _bar(command: str, total: int, what: str) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(f"{{task.fields[rate]}} {what}/s,"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    bar = Bar(*columns, console=Console(stderr=True), redirect_stdout=False, redirect_stderr=False)
    bar.add_task(command, total=total, rate="-")
    bar.start()
    return bar


def _printable(text: str) -> str:
    """Names of files may hold bytes that are no text."""
    return os.fsencode(text).decode("utf-8", "replace")
