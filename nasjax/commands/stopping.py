"""Signals that stop a command: SIGTERM and Ctrl-C, as an exception in the main thread."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any, NoReturn


class Stopped(BaseException):
    """A signal asked the command to stop; `code` is what it exits with: 130 after Ctrl-C, 143 after SIGTERM."""

    def __init__(self, code: int):
        super().__init__(code)
        self.code = code


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Raise `Stopped` inside the block where SIGINT or SIGTERM comes; signals that are ignored stay so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, frame: Any) -> NoReturn:
    raise Stopped(128 + number)
