"""What libraries have to say about a file, heard as lines of text instead of printed as lines of source."""

import contextlib
import logging
import threading
import warnings
from collections.abc import Iterator
from typing import Any, final

from PIL import Image, PngImagePlugin

_LOGGERS = ("PIL", "pillow_heif")
_LONGEST_TEXT = 2**26  # bytes of one text in a PNG; Pillow's own limit, 2^20, refuses whole pictures for their captions


@contextlib.contextmanager
def listening() -> Iterator[list[str]]:
    """The lines that image libraries warn or log with in this thread, inside the block; nothing of them is printed.

    Meanwhile Pillow's fixed limits of pixels and text are lifted, in all threads: the limit is `max_pixels`.
    """
    lines: list[str] = []
    before, _thread.lines = getattr(_thread, "lines", None), lines
    _shared.enter()
    try:
        yield lines
    finally:
        _shared.leave()
        _thread.lines = before


def one_line(error: BaseException | str) -> str:
    """An error or a warning as one line: its text, or its type where it has none."""
    return " ".join(str(error).split()) or type(error).__name__


@final
class _Shared:
    """Settings of whole modules, changed while at least one thread listens."""

    def __init__(self) -> None:
        self._lock, self._listeners, self._undo = threading.Lock(), 0, contextlib.ExitStack()

    def enter(self) -> None:
        with self._lock:
            self._listeners += 1
            if self._listeners == 1:
                self._undo.enter_context(warnings.catch_warnings())
                warnings.filterwarnings("always", module=rf"({'|'.join(_LOGGERS)})\b")
                warnings.showwarning = _showing_or(warnings.showwarning)
                for name in _LOGGERS:
                    logging.getLogger(name).addHandler(_handler)
                self._undo.callback(_restore, Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK)
                Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK = None, _LONGEST_TEXT

    def leave(self) -> None:
        with self._lock:
            self._listeners -= 1
            if self._listeners == 0:
                self._undo.close()


def _showing_or(show: Any) -> Any:
    def hear(message: Any, category: Any, filename: Any, lineno: Any, file: Any = None, line: Any = None) -> None:
        lines = getattr(_thread, "lines", None)
        if lines is None:
            show(message, category, filename, lineno, file, line)
        else:
            lines.append(one_line(str(message)))

    return hear


@final
class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        lines = getattr(_thread, "lines", None)
        if lines is not None:
            lines.append(one_line(record.getMessage()))


def _restore(pixels: int | None, text: int) -> None:
    Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK = pixels, text
    for name in _LOGGERS:
        logging.getLogger(name).removeHandler(_handler)


_thread, _shared, _handler = threading.local(), _Shared(), _Handler(logging.WARNING)
