"""Colours of pictures as distributions: how near one palette is to another, how strong it is, how much of it is cut.

Images are sRGB in [-1, 1]; colours are CIELAB under D65 (2 degrees), L* from 0 to 100.
"""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from nasjax.ops.power import power

# Linear sRGB -> XYZ (IEC 61966-2-1), and the white that it gives.
_XYZ = np.array(
    [[0.4123908, 0.3575843, 0.1804808], [0.2126390, 0.7151687, 0.0721923], [0.0193308, 0.1191948, 0.9505322]]
)
_WHITE = _XYZ.sum(1)
_EDGE = 6 / 29  # where CIELAB's cube root becomes a line
_HALF_LEVEL = 0.5 / 127.5


def to_lab(x: Float[Array, "*d h w 3"]) -> Float[Array, "*d h w 3"]:
    """CIELAB of sRGB in [-1, 1], clipped first: L* in 0..100, a* and b* within about +-110. Source: CIE 15."""
    level = jnp.clip((x.astype(jnp.float32) + 1) / 2, 0, 1)
    # Away from the branch that is taken the power is not needed, and its gradient at 0 would not be finite.
    linear = jnp.where(level > 0.04045, power((jnp.maximum(level, 0.04045) + 0.055) / 1.055, 2.4), level / 12.92)
    xyz = jnp.matmul(linear, jnp.asarray((_XYZ / _WHITE[:, None]).T, jnp.float32), precision=lax.Precision.HIGHEST)
    root = jnp.where(xyz > _EDGE**3, power(jnp.maximum(xyz, _EDGE**3), 1 / 3), xyz / (3 * _EDGE**2) + 4 / 29)
    red, green, blue = (root[..., i] for i in range(3))
    return jnp.stack([116 * green - 16, 500 * (red - green), 200 * (green - blue)], -1)


def sliced_wasserstein(
    output: Float[Any, "h w 3"], style: Float[Any, "i j 3"], *, directions: int = 64, quantiles: int = 256
) -> float:
    """The distance of two palettes in CIELAB units: 0 where the distributions of colours are equal.

    The mean over `directions` (evenly spread over a half sphere) of the 1-Wasserstein distance of the projected
    colours, each distribution at `quantiles` levels in the middle of equal shares of the pixels. Sizes may differ.
    Computed by numpy, which sorts a hundred times as fast as XLA does on CPUs.
    Source: Rabin et al., Wasserstein barycenter and its application to texture mixing, 2011, section 2.
    """
    axes = _half_sphere(directions).astype(np.float32)

    def at_levels(image: Any) -> np.ndarray:
        colours = np.asarray(to_lab(jnp.asarray(image))).reshape(-1, 3)
        places = ((np.arange(quantiles) + 0.5) / quantiles * len(colours)).astype(int)
        return np.sort(axes @ colours.T)[:, places]

    return float(np.abs(at_levels(output) - at_levels(style)).mean())


def clipped_share(x: Float[Array, "*d h w 3"]) -> Float[Array, "*d"]:
    """The share of pixels of which a channel is at an end of the range, to half a grey level of 255."""
    return (jnp.abs(x) >= 1 - _HALF_LEVEL).any(-1).astype(jnp.float32).mean((-2, -1))


def mean_chroma(x: Float[Array, "*d h w 3"]) -> Float[Array, "*d"]:
    """The mean distance of colours from grey, C* of CIELAB."""
    lab = to_lab(x)
    return jnp.sqrt(lab[..., 1] ** 2 + lab[..., 2] ** 2).mean((-2, -1))


def contrast(x: Float[Array, "*d h w 3"]) -> Float[Array, "*d"]:
    """The standard deviation of lightness, L* of CIELAB."""
    return to_lab(x)[..., 0].std((-2, -1))


def _half_sphere(number: int) -> Float[np.ndarray, "n 3"]:
    """Points of a Fibonacci lattice: their nearest neighbours are all about equally far."""
    z = (np.arange(number) + 0.5) / number
    turn = np.arange(number) * math.pi * (3 - math.sqrt(5))
    ring = np.sqrt(1 - z**2)
    return np.stack([ring * np.cos(turn), ring * np.sin(turn), z], -1)
