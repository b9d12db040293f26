"""Structural similarity of two maps, on which SSIM of pictures and SSIM of their edges are built."""

import functools
import operator

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

WINDOW, _SIGMA = 11, 1.5  # Wang et al. 2004, "Image quality assessment", section III-C
PEAK = 255.0


_C1, _C2 = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2


def similarity_map(x: Float[Array, "*batch h w c"], y: Float[Array, "*batch h w c"]) -> Float[Array, "*batch i j c"]:
    """SSIM of every window that lies wholly inside, `[h - 10, w - 10]`; values in levels 0..255.

    Wang et al. 2004, equation 13: 11x11 Gaussian, sigma 1.5, K1 = 0.01, K2 = 0.03.
    """
    mean_x, mean_y, var_x, var_y, cov = _moments(x, y)
    luminance = (2 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1)
    return luminance * (2 * cov + _C2) / (var_x + var_y + _C2)


def structure_map(x: Float[Array, "*batch h w c"], y: Float[Array, "*batch h w c"]) -> Float[Array, "*batch i j c"]:
    """What two pictures have in common in each window when light and contrast are left out of account, -1 to 1.

    The correlation of both windows, each with the same faint noise of variance C2 / 2: the third factor of SSIM (same
    source, equation 10) with its constant inside the root, where a window without detail is not like every other. Near
    1 where a window is the other one made brighter, darker, or of more or less contrast. Sizes and values as in
    `similarity_map`.
    """
    _, _, var_x, var_y, cov = _moments(x, y)
    noise = _C2 / 2
    return (cov + noise) / jnp.sqrt((jnp.maximum(var_x, 0) + noise) * (jnp.maximum(var_y, 0) + noise))


def _moments(x: Array, y: Array) -> tuple[Array, Array, Array, Array, Array]:
    """Means, variances and covariance of every window."""
    # Centred before squaring: variances do not notice, and float32 keeps two more digits of them.
    x, y = x - 128, y - 128
    mean_x, mean_y, xx, yy, xy = _blur(jnp.stack([x, y, x * x, y * y, x * y]))
    var_x, var_y, cov = xx - mean_x**2, yy - mean_y**2, xy - mean_x * mean_y
    return mean_x + 128, mean_y + 128, var_x, var_y, cov


def _blur(x: Array) -> Array:
    """Gaussian window over height and width, valid positions only."""
    taps = np.exp(-0.5 * ((np.arange(WINDOW) - WINDOW // 2) / _SIGMA) ** 2)
    taps /= taps.sum()
    for axis in (x.ndim - 3, x.ndim - 2):
        size = x.shape[axis] - WINDOW + 1
        views = [float(w) * lax.slice_in_dim(x, k, k + size, axis=axis) for k, w in enumerate(taps)]
        x = functools.reduce(operator.add, views)
    return x
