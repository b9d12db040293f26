"""What becomes of a stylising network's output: its own errors are taken off, its colours are matched to the style's,
and nothing is cut off hard.

All of it leaves a picture alone that nothing was transferred to, to the last bit: the correction by what it is made of,
the match by its strength, the limit because it begins where the content ends.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from nasjax.linalg import Moments, Transfer, apply_transfer, covariance
from nasjax.linalg.roots import identity
from nasjax.typing import Scalar

STRENGTH = 0.5  # of the match; the network has moved most already, and what it left is partly the content's own light
# A style whose colours are less far from grey than the first (root mean square, of a range of 2) is a grey one, whose
# colours are matched in full: the network leaves a tint that has no place in black and white. Two and six grey levels.
_GREY, _COLOURED = 2 / 127.5, 6 / 127.5
# Half a grey level squared, of a range of 2: less is coding noise, and no reason to amplify it.
_NOISE = (1 / 255) ** 2
_NEAR = 0.1  # change, of a range of 2, at which half of the network's error on the content is still taken off
_KNEE = 0.9  # of the range: values beyond it, and beyond the content's own, are bent instead of cut off
# Grey axis first, then two of colour; rows have length 1, so that distances stay what they are.
_AXES = np.array([[1, 1, 1], [1, -1, 0], [0.5, 0.5, -1]], np.float32) / np.sqrt([[3], [2], [1.5]], dtype=np.float32)


class Match(NamedTuple):
    """A map of colours, and how much of it is used: 0 to 1."""

    transfer: Transfer
    strength: Float[Array, "*b"]


def corrected(
    content: Float[Array, "*d c"], moved: Float[Array, "*d c"], own: Float[Array, "*d c"]
) -> Float[Array, "*d c"]:
    """The content with what the transfer changes: `moved` is the network's output, `own` that without any transfer.

    `own` is not quite the content: the decoder has an error. It is taken off `moved` where that is near `own`, and less
    the more a pixel is moved: the error on a yellow flower is not that on a red one. Where nothing is moved the result
    is the content, exactly.
    """
    change = moved - own
    distance = (change * change).mean(-1, keepdims=True)
    return content + change - (content - own) * (distance / (distance + _NEAR**2))


def colour_match(own: Moments, style: Moments, alpha: Scalar | float = 1.0) -> Match:
    """The map that gives colours of statistics `own` those of `style`, grey axis and plane of colours apart.

    Along the grey axis means and deviations are matched; in the plane of colours means and covariances, by the linear
    map that moves colours the least (Monge-Kantorovich). Of two-dimensional covariances it has a closed form, as the
    geometric mean of one and the inverse of the other, so any runtime can compute it. Half of it is used, all of it for
    grey styles, times `alpha`. Statistics are of RGB in [-1, 1], with any leading axes.

    Source: Pitie and Kokaram, The linear Monge-Kantorovitch linear colour mapping, CVMP 2007, equation 14; Bhatia,
    Positive Definite Matrices, section 4.1.
    """
    ours, theirs = (_in_axes(covariance(m)) for m in (own, style))
    grey = jnp.sqrt(theirs[..., 0, 0] / ours[..., 0, 0])
    plane = _geometric_mean(_inverse(ours[..., 1:, 1:]), theirs[..., 1:, 1:])
    first, rest = (_ranked(_AXES[i:j], plane) for i, j in ((0, 1), (1, 3)))
    matrix = grey[..., None, None] * _dot(_turned(first), first) + _dot(_dot(_turned(rest), plane), rest)
    return Match(Transfer(matrix, own.mean, style.mean), alpha * (STRENGTH + (1 - STRENGTH) * _greyness(style)))


def matched(found: Match, y: Float[Array, "*b n 3"]) -> Float[Array, "*b n 3"]:
    """Colours after the map, as far as its strength says."""
    return y + found.strength[..., None, None] * (apply_transfer(found.transfer, y) - y)


def soft_limit(y: Float[Array, "*d 3"], content: Float[Array, "*d 3"]) -> Float[Array, "*d 3"]:
    """Values in [-1, 1]: what goes beyond 0.9 and beyond the content's own value approaches the end, smoothly."""
    knee = jnp.maximum(jnp.abs(content), _KNEE).clip(0, 1)
    room, beyond = 1 - knee, jnp.maximum(jnp.abs(y) - knee, 0)
    bent = room * jnp.tanh(beyond / jnp.maximum(room, 1e-6))
    return jnp.where(beyond > 0, jnp.sign(y) * (knee + bent), y)


def _greyness(m: Moments) -> Array:
    """1 for a style of greys, 0 for one of colours, by the mean square of their distance from the grey axis."""
    mean = m.mean - m.mean.mean(-1, keepdims=True)
    spread = _in_axes(covariance(m))
    distance = jnp.sqrt((mean * mean).sum(-1) + spread[..., 1, 1] + spread[..., 2, 2])
    return jnp.clip((_COLOURED - distance) / (_COLOURED - _GREY), 0, 1)


def _in_axes(matrix: Array) -> Array:
    """A covariance along the axes of grey and colours, with the floor of noise."""
    axes = _ranked(_AXES, matrix)
    return _dot(_dot(axes, matrix), _turned(axes)) + _NOISE * identity(matrix)


def _geometric_mean(a: Array, b: Array) -> Array:
    """The geometric mean of two symmetric positive 2x2 matrices."""
    scale_a, scale_b = jnp.sqrt(_determinant(a)), jnp.sqrt(_determinant(b))
    total = a / scale_a[..., None, None] + b / scale_b[..., None, None]
    return total * jnp.sqrt(scale_a * scale_b / _determinant(total))[..., None, None]


def _inverse(a: Array) -> Array:
    swapped = jnp.stack(
        [jnp.stack([a[..., 1, 1], -a[..., 0, 1]], -1), jnp.stack([-a[..., 1, 0], a[..., 0, 0]], -1)], -2
    )
    return swapped / _determinant(a)[..., None, None]


def _determinant(a: Array) -> Array:
    return a[..., 0, 0] * a[..., 1, 1] - a[..., 0, 1] * a[..., 1, 0]


def _ranked(rows: np.ndarray, like: Array) -> Array:
    return jnp.asarray(rows).reshape((1,) * (like.ndim - 2) + rows.shape)


def _turned(a: Array) -> Array:
    return jnp.swapaxes(a, -1, -2)


def _dot(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b, precision=lax.Precision.HIGHEST)
