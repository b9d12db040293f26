"""Transparent pixels have no colour: whatever a file stores there must never count."""

import numpy as np
from jaxtyping import Float


def spread_colours(rgb: Float[np.ndarray, "h w 3"], alpha: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w 3"]:
    """The picture with its visible colours continued into what is wholly transparent; what is visible stays as it is.

    Each invisible pixel takes a mean of the visible ones around it, weighted by their `alpha` (0 to 1), of the smallest
    neighbourhood that has any: in a pyramid of halved pictures, filled from the coarsest level down ("pull-push" of
    Gortler et al. 1996, "The Lumigraph", section 3.4.2). A picture that is invisible altogether
    becomes grey.
    """
    hidden = alpha <= 0
    if not hidden.any():
        return rgb
    if hidden.all():
        return np.zeros_like(rgb)
    filled = _filled(rgb * alpha[..., None], alpha.astype(np.float32))
    return np.where(hidden[..., None], filled, rgb).astype(rgb.dtype)


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
