"""Pictures whose left and right borders belong together."""

from collections.abc import Callable

import numpy as np

_BLOCK = 2**20  # pixels that are mixed at once


def continued(plane: np.ndarray, columns: int) -> np.ndarray:
    """A plane `[h, w]` with so many columns of the other side beyond its left and right border."""
    return np.pad(plane, ((0, 0), (columns, columns)), mode="wrap") if columns else plane


def wrapped(change: Callable[[np.ndarray], np.ndarray], pixels: np.ndarray) -> np.ndarray:
    """A change of a picture `[h, w, c]` that sees all of it, or counts its columns, without a seam at its borders.

    The picture is changed twice, once turned by half: around each border pixels come from the one in which they lie in
    the middle, and in between both are mixed. The output may be an integer as large. The same type comes out; levels
    are rounded after mixing.
    """
    half, plain = pixels.shape[1] // 2, change(pixels)
    width = plain.shape[1]
    turned = np.roll(change(np.roll(pixels, half, 1)), -half * (width // pixels.shape[1]), 1)
    # 0 at the borders, 1 in the middle half: a quarter of the width to mix on either side.
    place = (np.arange(width, dtype=np.float32) + 0.5) / max(width, 1)
    share = np.clip(4 * np.minimum(place, 1 - place) - 0.25, 0, 1)[None, :, None]
    rows = max(1, _BLOCK // max(width, 1))
    for top in range(0, len(plain), rows):
        part = slice(top, top + rows)
        mixed = share * plain[part].astype(np.float32) + (1 - share) * turned[part].astype(np.float32)
        turned[part] = mixed if np.issubdtype(plain.dtype, np.floating) else np.round(mixed)
    return turned
