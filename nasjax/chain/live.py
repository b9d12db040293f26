"""The report of an experiment that runs: `report.html` written anew now and then, at next to no cost."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import final

import jax

from nasjax.report import write_report

_EVERY_S = 10.0
# Of the time that passes, the share that writing pages may take: thousands of candidates make a page dear.
_SHARE, _SHARE_AT_ONCE = 0.02, 0.1


@final
class LiveReport:
    """Writes the report of the run folder `folder`; what goes wrong in it is said, and never stops the experiment.

    Of several processes, the first one writes. `now_fn` is a clock in seconds.
    """

    def __init__(self, folder: Path, say: Callable[[str], None], *, now_fn: Callable[[], float] = time.monotonic):
        self._folder, self._say, self._now_fn = folder, say, now_fn
        self._ended, self._took = -float("inf"), 0.0
        self._complaint = ""

    def look(self, *, news: bool = False) -> None:
        """Write the report if the last one is ten seconds old and writing stays below 2 % of the time.

        With `news`, as a generation of a search is, write it at once unless that would take over 10 % of the time.
        """
        least = self._took / _SHARE_AT_ONCE if news else max(_EVERY_S, self._took / _SHARE)
        if self._now_fn() - self._ended >= least:
            self.write()

    def write(self) -> None:
        """Write the report now."""
        if jax.process_index() != 0:
            return
        start = self._now_fn()
        try:
            write_report(self._folder)
        except Exception as error:  # whatever it is: a page to look at is not worth hours of training
            self._complain(f"the report could not be written ({type(error).__name__}: {error}); the run goes on")
        self._ended = self._now_fn()
        self._took = self._ended - start

    def _complain(self, complaint: str) -> None:
        if complaint != self._complaint:
            self._complaint = complaint
            self._say(complaint)
