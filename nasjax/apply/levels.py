"""Pixels as levels of 8 or 16 bits, as files store them, and as floats in [-1, 1], as networks take them."""

import numpy as np

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as Pillow's own greys
_HALF = {np.dtype(np.uint8): 127.5, np.dtype(np.uint16): 32767.5}


def to_floats(pixels: np.ndarray) -> np.ndarray:
    """Levels as float32 in [-1, 1]; floats as they are. Raises ValueError for another type."""
    if np.issubdtype(pixels.dtype, np.floating):
        return pixels.astype(np.float32, copy=False)
    if pixels.dtype not in _HALF:
        raise ValueError(f"pixels must be uint8, uint16, or float in [-1, 1]; got {pixels.dtype}")
    wide = pixels.astype(np.float32)
    wide /= np.float32(_HALF[pixels.dtype])  # in place: of large parts each further array counts
    wide -= np.float32(1)
    return wide


def to_levels(pixels: np.ndarray, *, deep: bool) -> np.ndarray:
    """Pixels of any kind as levels of 16 bits (`deep`) or 8: clipped and rounded; levels of that depth as they are."""
    wanted = np.dtype(np.uint16 if deep else np.uint8)
    if pixels.dtype == wanted:
        return pixels
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint16) * np.uint16(257)
    levels = (to_floats(pixels) + 1) * np.float32(_HALF[wanted])
    return np.round(levels.clip(0, 2 * _HALF[wanted])).astype(wanted)


def greys_of(levels: np.ndarray) -> np.ndarray:
    """One channel of levels out of three that are the same, or nearly."""
    if (levels == levels[..., :1]).all():
        return levels[..., :1]
    return np.round(levels @ LUMA)[..., None].astype(levels.dtype)
