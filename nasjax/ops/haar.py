"""The orthonormal Haar wavelet of images: one level of analysis, and the synthesis that undoes it exactly."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float


class Bands(NamedTuple):
    """The four sub-bands of an image, each of half its height and width.

    `l` is low (sum) and `h` is high (difference); the first letter is along the height, the second along the width: a
    vertical edge is in `lh`, a horizontal one in `hl`. `ll` is twice the mean of each 2x2 square.
    """

    ll: Float[Array, "*d h w c"]
    lh: Float[Array, "*d h w c"]
    hl: Float[Array, "*d h w c"]
    hh: Float[Array, "*d h w c"]


def haar_analysis(x: Float[Array, "*d h w c"]) -> Bands:
    """Splits an image into sub-bands whose squares sum to the image's.

    ValueError for odd sizes, which have no orthonormal split into halves: the caller pads (and crops after the
    synthesis), since only it knows with what. Source: Mallat 1989; as a pooling of networks, WCT2, arXiv 1903.09760,
    section 3.2.
    """
    height, width = x.shape[-3:-1]
    if height % 2 or width % 2:
        raise ValueError(f"haar_analysis: height and width must be even, got {height}x{width}; pad the image first")
    # Squares as axes of their own: their slices are cheap to transpose, strided slices are not.
    squares = x.reshape(*x.shape[:-3], height // 2, 2, width // 2, 2, x.shape[-1])
    top, bottom = squares[..., 0, :, :, :], squares[..., 1, :, :, :]
    low, high = top + bottom, bottom - top
    ll, lh = _along_width(low)
    hl, hh = _along_width(high)
    return Bands(ll, lh, hl, hh)


def haar_synthesis(bands: Bands) -> Float[Array, "*d h w c"]:
    """The image of which `haar_analysis` gives these sub-bands."""
    low, high = _across_width(bands.ll, bands.lh), _across_width(bands.hl, bands.hh)
    rows = jnp.stack([low - high, low + high], -3)
    *lead, half, _, width, channels = rows.shape
    return rows.reshape(*lead, 2 * half, width, channels)


def _along_width(x: Array) -> tuple[Array, Array]:
    """Half the sum and half the difference of neighbours `[..., w, 2, c]`."""
    left, right = x[..., 0, :], x[..., 1, :]
    return (left + right) / 2, (right - left) / 2


def _across_width(low: Array, high: Array) -> Array:
    """Half of what `_along_width` was given, with neighbours side by side."""
    pairs = jnp.stack([low - high, low + high], -2) / 2
    *lead, half, _, channels = pairs.shape
    return pairs.reshape(*lead, 2 * half, channels)
