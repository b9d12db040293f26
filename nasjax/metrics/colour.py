"""Differences of colours as people see them: CIE Lab and CIEDE2000."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from nasjax.metrics.base import Metric, mean_metric
from nasjax.ops.power import power

# sRGB to XYZ, D65 (IEC 61966-2-1), rows X, Y, Z; the white point is the image of (1, 1, 1).
_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_CUBE, _SLOPE = (6 / 29) ** 3, (29 / 6) ** 2 / 3
_25_POWER_7 = 25.0**7
_TINY = 1e-12  # under roots: greys then have a gradient


def rgb_to_lab(x: Float[Array, "*d h w 3"]) -> Float[Array, "*d h w 3"]:
    """CIE Lab (D65) of sRGB images in [-1, 1], which are clipped: L in 0..100, a and b about -100..100."""
    rgb = jnp.clip((x.astype(jnp.float32) + 1) / 2, 0, 1)
    # The power's gradient at 0 is infinite, and `where` would multiply it by 0.
    linear = jnp.where(rgb <= 0.04045, rgb / 12.92, power((jnp.maximum(rgb, 0.04045) + 0.055) / 1.055, 2.4))
    red, green, blue = (linear[..., i] for i in range(3))
    x, y, z = (_lightness((r * red + g * green + b * blue) / (r + g + b)) for r, g, b in _XYZ)
    return jnp.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def ciede2000(lab: Float[Array, "*d 3"], other: Float[Array, "*d 3"]) -> Float[Array, "*d"]:
    """The CIEDE2000 difference of Lab colours: 0 where equal, about 1 where just noticeable, lower is better.

    Sharma, Wu and Dalal 2005, "The CIEDE2000 color-difference formula", equations 2 to 22, kL = kC = kH = 1.
    """
    l1, a1, b1 = (lab[..., i].astype(jnp.float32) for i in range(3))
    l2, a2, b2 = (other[..., i].astype(jnp.float32) for i in range(3))
    stretch = 1.5 - 0.5 * _chroma_weight((_norm(a1, b1) + _norm(a2, b2)) / 2)
    a1, a2 = stretch * a1, stretch * a2
    c1, c2 = _norm(a1, b1), _norm(a2, b2)
    # The hue difference as what is left of the distance without the chroma's: no angles, which grey has none of.
    d_h = jnp.sqrt(jnp.maximum((a1 - a2) ** 2 + (b1 - b2) ** 2 - (c1 - c2) ** 2, _TINY))
    d_h = jnp.where(a1 * b2 >= a2 * b1, d_h, -d_h)
    l_mean, c_mean, h_mean = (l1 + l2) / 2, (c1 + c2) / 2, _mean_hue((a1, b1, c1), (a2, b2, c2))
    light = jnp.square(l_mean - 50)
    s_l = 1 + 0.015 * light / jnp.sqrt(20 + light)
    s_c, s_h = 1 + 0.045 * c_mean, 1 + 0.015 * c_mean * _hue_weight(h_mean)
    turn = -jnp.sin(2 * jnp.deg2rad(30.0) * jnp.exp(-jnp.square((jnp.rad2deg(h_mean) - 275) / 25)))
    light, chroma, hue = (l2 - l1) / s_l, (c2 - c1) / s_c, d_h / s_h
    square = light**2 + chroma**2 + hue**2 + 2 * _chroma_weight(c_mean) * turn * chroma * hue
    return jnp.sqrt(jnp.maximum(square, _TINY))


def colour_difference(x: Float[Array, "*d h w 3"], target: Float[Array, "*d h w 3"]) -> Float[Array, "*d"]:
    """The mean CIEDE2000 over the pixels of each pair of sRGB images in [-1, 1], clipped, not rounded."""
    return ciede2000(rgb_to_lab(x), rgb_to_lab(target)).mean((-2, -1))


def colour_metric() -> Metric:
    """The mean over images of `colour_difference`, named `ciede2000`. Images must fill the array."""

    def score(prediction, target, sizes):
        if sizes is not None:
            raise ValueError("colour_metric: padded images would be compared with their padding; score them one by one")
        return colour_difference(jnp.asarray(prediction), jnp.asarray(target))

    return mean_metric({"ciede2000": score})


def _lightness(t: Array) -> Array:
    return jnp.where(t > _CUBE, power(jnp.maximum(t, _CUBE), 1 / 3), _SLOPE * t + 4 / 29)


def _norm(a: Array, b: Array) -> Array:
    return jnp.sqrt(a * a + b * b + _TINY)


def _chroma_weight(c: Array) -> Array:
    """sqrt(c^7 / (c^7 + 25^7)), which is 0 near grey and 1 for vivid colours."""
    seventh = c**7
    return jnp.sqrt(seventh / (seventh + _25_POWER_7) + _TINY)


def _mean_hue(one: tuple[Array, Array, Array], two: tuple[Array, Array, Array]) -> Array:
    """The mean of two hues in radians, 0 to 2 pi, the short way round; with a grey, the sum (equation 14)."""
    # A grey has no hue; it gets one that has a gradient.
    h1, h2 = (jnp.arctan2(b, jnp.where(c > 1e-5, a, 1.0)) % (2 * jnp.pi) for a, b, c in (one, two))
    total, far = h1 + h2, jnp.abs(h1 - h2) > jnp.pi
    across = jnp.where(total < 2 * jnp.pi, total + 2 * jnp.pi, total - 2 * jnp.pi)
    mean = jnp.where(far, across, total) / 2
    return jnp.where((one[2] > 1e-5) & (two[2] > 1e-5), mean, total)


def _hue_weight(h: Array) -> Array:
    """The factor T of equation 15."""
    terms = ((-0.17, 1, -30), (0.24, 2, 0), (0.32, 3, 6), (-0.20, 4, -63))
    waves = [weight * jnp.cos(times * h + np.deg2rad(shift)) for weight, times, shift in terms]
    return 1 + waves[0] + waves[1] + waves[2] + waves[3]
