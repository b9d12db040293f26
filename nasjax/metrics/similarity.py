"""Structural similarity of two maps, on which SSIM of pictures and SSIM of their edges are built."""

import functools
import operator

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

WINDOW, _SIGMA = 11, 1.5  # Wang et al. 2004, "Image quality assessment", section III-C
PEAK = 255.0


def similarity_map(x: Float[Array, "*batch h w c"], y: Float[Array, "*batch h w c"]) -> Float[Array, "*batch i j c"]:
    """SSIM of every window that lies wholly inside, `[h - 10, w - 10]`; values in levels 0..255.

    Wang et al. 2004, equation 13: 11x11 Gaussian, sigma 1.5, K1 = 0.01, K2 = 0.03.
    """
    c1, c2 = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2
    # Centred before squaring: variances do not notice, and float32 keeps two more digits of them.
    x, y = x - 128, y - 128
    mean_x, mean_y, xx, yy, xy = _blur(jnp.stack([x, y, x * x, y * y, x * y]))
    var_x, var_y, cov = xx - mean_x**2, yy - mean_y**2, xy - mean_x * mean_y
    mean_x, mean_y = mean_x + 128, mean_y + 128
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return luminance * (2 * cov + c2) / (var_x + var_y + c2)


def _blur(x: Array) -> Array:
    """Gaussian window over height and width, valid positions only."""
    taps = np.exp(-0.5 * ((np.arange(WINDOW) - WINDOW // 2) / _SIGMA) ** 2)
    taps /= taps.sum()
    for axis in (x.ndim - 3, x.ndim - 2):
        size = x.shape[axis] - WINDOW + 1
        views = [float(w) * lax.slice_in_dim(x, k, k + size, axis=axis) for k, w in enumerate(taps)]
        x = functools.reduce(operator.add, views)
    return x
