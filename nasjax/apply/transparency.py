"""Transparent pixels have no colour: whatever a file stores there must never count."""

import numpy as np
from jaxtyping import Float, Num

from nasjax.apply.levels import to_floats, to_levels

_BLOCK = 2**20  # pixels that are worked on at once


def spread_colours(pixels: Num[np.ndarray, "h w 3"], alpha: Float[np.ndarray, "h w"]) -> Num[np.ndarray, "h w 3"]:
    """The picture with its visible colours continued into what is wholly transparent; what is visible stays as it is.

    Each invisible pixel takes a mean of the visible ones around it, weighted by their `alpha` (0 to 1), of the smallest
    neighbourhood that has any: in a pyramid of halved pictures, filled from the coarsest level down ("pull-push" of
    Gortler et al. 1996, "The Lumigraph", section 3.4.2). A picture that is invisible altogether
    becomes grey. Pixels are levels of 8 or 16 bits, or floats in [-1, 1]; so is the result.
    """
    hidden = alpha <= 0
    if not hidden.any():
        return pixels
    out, coarse = np.array(pixels), None if hidden.all() else _filled(*_half(pixels, alpha))
    # In blocks of rows: floats of all pixels at once are four times the picture.
    for top in range(0, len(alpha), rows := 2 * _block(alpha)):
        here = slice(top, min(top + rows, len(alpha)))
        if hidden[here].any():
            colours = np.zeros(out[here].shape, np.float32) if coarse is None else _doubled_part(coarse, here, alpha)
            out[here][hidden[here]] = _like(colours, out)[hidden[here]]
    return out


def _half(pixels: np.ndarray, alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums of weighted colours, and of weights, at half the size."""
    height, width = ((n + 1) // 2 for n in alpha.shape)
    sums, weights = np.empty((height, width, 3), np.float32), np.empty((height, width), np.float32)
    for top in range(0, height, rows := _block(alpha)):
        end = min(top + rows, height)
        # Squares look one pixel over their border; the rows around are halved too, and left out.
        first = max(top - 1, 0)
        part = slice(2 * first, 2 * end + 2)
        opacity = alpha[part].astype(np.float32)[..., None]
        sums[top:end] = _halved(to_floats(pixels[part]) * opacity)[top - first : end - first]
        weights[top:end] = _halved(opacity)[top - first : end - first, :, 0]
    return sums, weights


def _doubled_part(coarse: np.ndarray, here: slice, alpha: np.ndarray) -> np.ndarray:
    """Some rows, from an even one on, of a picture twice as large."""
    first = max(here.start // 2 - 1, 0)
    doubled = _doubled(coarse[first : (here.stop + 1) // 2 + 1])
    return doubled[here.start - 2 * first : here.stop - 2 * first, : alpha.shape[1]]


def _block(alpha: np.ndarray) -> int:
    return max(1, _BLOCK // alpha.shape[1])


def _like(colours: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Floats as the type of pixels."""
    floats = np.issubdtype(pixels.dtype, np.floating)
    return colours.astype(pixels.dtype) if floats else to_levels(colours, deep=pixels.dtype == np.uint16)


def _filled(sums: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Colours everywhere, from sums of weighted colours: a pixel without weight takes those of the next level."""
    seen = weights > 0
    colours = sums / np.where(seen, weights, 1)[..., None]
    if seen.all():
        return colours
    height, width = weights.shape
    coarse = _filled(_halved(sums), _halved(weights[..., None])[..., 0])
    return np.where(seen[..., None], colours, _doubled(coarse)[:height, :width])


def _halved(array: np.ndarray) -> np.ndarray:
    """Half the size by weights 1 3 3 1 along each axis: sums that look one pixel over the border of their square."""
    for axis in (0, 1):
        even = array.shape[axis] % 2
        padding = [(0, 0)] * array.ndim
        padding[axis] = (1, 1 + even)
        padded = np.moveaxis(np.pad(array, padding), axis, 0)
        sums = padded[:-3:2] + 3 * (padded[1:-2:2] + padded[2:-1:2]) + padded[3::2]
        array = np.moveaxis(sums, 0, axis)
    return array


def _doubled(array: np.ndarray) -> np.ndarray:
    """Twice the size, linearly in between: squares of one colour would show in what a network makes of them."""
    for axis in (0, 1):
        rows = np.moveaxis(array, axis, 0)
        out = np.empty((2 * len(rows), *rows.shape[1:]), array.dtype)
        out[::2], out[1::2] = 0.75 * rows, 0.75 * rows
        out[2::2] += 0.25 * rows[:-1]
        out[1:-1:2] += 0.25 * rows[1:]
        out[0] += 0.25 * rows[0]
        out[-1] += 0.25 * rows[-1]
        array = np.moveaxis(out, 0, axis)
    return array
