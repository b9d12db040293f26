"""Pixels of pictures that are too large for memory: in a file, of which memory holds what is being worked on."""

import contextlib
import mmap
import tempfile
import threading
from collections.abc import Iterator

import numpy as np
from numpy.typing import DTypeLike

_IN_MEMORY = 2**26  # bytes of pixels up to which memory is the place for them: programs need the rest
_PAUSE = 0.05  # seconds


def canvas(size: tuple[int, int], *, deep: bool) -> np.ndarray:
    """Levels `[h, w, 3]` of 8 or 16 bits (`deep`), to be filled part by part; large ones are in a temporary file.

    The file has no name, vanishes with the array, and lies where temporary files do (TMPDIR). `release` says that what
    was written may leave memory. Whatever computes a picture fills one of these, by `to_levels`, and hands it on as
    `Picture.pixels`; `write_picture` encodes it without another copy.
    """
    dtype, channels = (np.uint16, 3) if deep else (np.uint8, 4)
    # Four bytes a pixel are what Pillow has, too: `behind` gives them to it as they are.
    whole = mapped((*size, channels), dtype)
    return whole[..., :3] if isinstance(whole, np.memmap) else np.zeros((*size, 3), dtype)


def mapped(shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """An array of zeros, in such a file where it is large."""
    if np.prod(shape, dtype=np.int64) * np.dtype(dtype).itemsize <= _IN_MEMORY:
        return np.zeros(shape, dtype)
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, dtype, "w+", shape=shape)


def release(pixels: np.ndarray) -> None:
    """Let what a file holds of an array leave memory; it comes back where it is read. Other arrays stay."""
    file = getattr(pixels, "_mmap", None)
    if file is not None and hasattr(file, "madvise"):
        file.madvise(mmap.MADV_DONTNEED)


@contextlib.contextmanager
def releasing(pixels: np.ndarray) -> Iterator[None]:
    """Release an array again and again, while something reads it from end to end in one call."""
    if getattr(pixels, "_mmap", None) is None:
        yield
        return
    done = threading.Event()

    def work() -> None:
        while not done.wait(_PAUSE):
            release(pixels)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def behind(pixels: np.ndarray) -> np.ndarray | None:
    """The four bytes a pixel of which a canvas shows three; None for other arrays."""
    base = pixels.base
    fits = isinstance(base, np.ndarray) and base.dtype == np.uint8 and base.shape == (*pixels.shape[:2], 4)
    return base if fits and pixels.dtype == np.uint8 else None
