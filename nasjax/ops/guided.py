"""The guided filter: smooths an image while its edges follow those of another one.

Sources: He, Sun and Tang, Guided Image Filtering, PAMI 2013, algorithm 1 and section 3.5 (colour guides); He and Sun,
Fast Guided Filter, arXiv 1505.00996 (coefficients of a smaller image, interpolated).
"""

import functools
import math
import operator
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nasjax.ops.reflect import fill_up
from nasjax.ops.resize import upscale

# Pixels worked on at a time: moments of a colour guide are three dozen numbers a pixel, of which several copies live.
_STRIP = 1 << 20


def guided_filter(
    guide: Float[Array, "*d i j g"], x: Float[Array, "*d h w c"], *, radius: int, epsilon: float, stride: int = 1
) -> Float[Array, "*d h w c"]:
    """Filters `x` so that inside every window it is an affine function of the guide.

    Windows are squares of `2 * radius + 1` pixels, cut at the borders, where means are over the pixels that exist.
    `epsilon` is a variance of the guide, in the guide's units squared (a contrast of 0.02 of the range is 0.0016 for
    guides in [-1, 1]): where the guide varies less, `x` is averaged; where it varies more, the guide's detail comes
    back. Below 1e-6 times the guide's squared range it drowns in float32 rounding. A guide of one channel is a grey
    one; of three, a colour one, with a 3x3 system a pixel. Computed in float32 whatever the type of `x`, which is the
    type of the output; work grows with the logarithm of the radius. Large images are worked on in strips, which changes
    nothing but the memory (half a gigabyte for photographs).

    With a `stride` windows are made of squares of `stride` pixels, of which all pixels count, there is one window a
    square, and the coefficients in between are interpolated: a `stride`-th of the work squared, but for sums and the
    output. ValueError for another number of guide channels, different sizes, a radius below 1, a stride that does not
    divide it, or an epsilon that is not positive.
    """
    if guide.shape[-1] not in (1, 3):
        raise ValueError(f"guided_filter: the guide must have 1 or 3 channels, got {guide.shape[-1]}")
    if guide.shape[:-1] != x.shape[:-1]:
        raise ValueError(f"guided_filter: the guide's shape {guide.shape} and the image's {x.shape} differ in size")
    if radius < 1 or not epsilon > 0:
        raise ValueError(
            f"guided_filter: radius must be at least 1, epsilon positive; got radius={radius}, epsilon={epsilon}"
        )
    if stride < 1 or radius % stride:
        raise ValueError(f"guided_filter: stride must divide the radius {radius}, got {stride}")
    height, width = x.shape[-3:-1]
    guide, x = fill_up(guide, stride), fill_up(x, stride)
    return _in_strips(guide, x, _Window(radius, epsilon, stride))[..., :height, :width, :]


def keep_detail(
    content: Float[Array, "*d h w 3"],
    y: Float[Array, "*d h w 3"],
    *,
    radius: int = 16,
    epsilon: float = 3e-4,
    stride: int = 4,
) -> Float[Array, "*d h w 3"]:
    """What `y` changes of `content`, filtered along the content's edges and added to it; of `y`'s type, not clipped.

    Filtering the change instead of `y` itself leaves the content's fine detail where it is, and the outlines that a
    network draws along hard edges go with the rest of what does not follow them. The defaults are those of
    `nasjax stylize`; raises ValueError as `guided_filter`.
    """
    change = y.astype(jnp.float32) - content
    return (content + guided_filter(content, change, radius=radius, epsilon=epsilon, stride=stride)).astype(y.dtype)


class _Window(NamedTuple):
    """Reach in pixels, the guide's variance that counts as none, and pixels from one window to the next."""

    radius: int
    epsilon: float
    stride: int


def _in_strips(guide: Array, x: Array, window: _Window) -> Array:
    """As many rows at a time as `_STRIP` allows, from strips of one height, so that one program does for all.

    A pixel depends on those up to twice the radius away: its window's coefficients, and the windows of those; where
    coefficients are interpolated, on those of the next square as well.
    """
    if not all(isinstance(n, int) for n in x.shape):
        return _filter(guide, x, window)  # a symbolic size (`jax.export`) has no number of strips
    height, stride = x.shape[-3], window.stride
    reach = 2 * window.radius + (stride if stride > 1 else 0)
    kept = max(_STRIP // math.prod((*x.shape[:-3], x.shape[-2])), 4 * window.radius) // stride * stride
    if kept + 2 * reach >= height:
        return _filter(guide, x, window)
    strips = []
    for top in range(0, height, kept):
        first = min(max(top - reach, 0), height - kept - 2 * reach)
        part = slice(first, first + kept + 2 * reach)
        y = _filter(guide[..., part, :, :], x[..., part, :, :], window)
        strips.append(y[..., top - first : min(top + kept, height) - first, :, :])
    return jnp.concatenate(strips, -3)


@functools.partial(jax.jit, static_argnums=2)
def _filter(guide: Array, x: Array, window: _Window) -> Array:
    # Moments lose as many digits as means exceed deviations. A constant taken off both images changes nothing in the
    # result, so the largest part of the means goes first.
    shift = rough_mean(x)
    guide, p = guide.astype(jnp.float32) - rough_mean(guide), x.astype(jnp.float32) - shift
    slopes, offset = _affine(guide, p, window)
    means = box_mean(jnp.concatenate([*slopes, offset], -1), window.radius // window.stride)
    if window.stride > 1:
        means = upscale(means, window.stride, method="bilinear")
    *slopes, offset = jnp.split(means, guide.shape[-1] + 1, -1)
    y = _weighted(slopes, [guide[..., k : k + 1] for k in range(guide.shape[-1])]) + offset
    return (y + shift).astype(x.dtype)


def _affine(guide: Array, p: Array, window: _Window) -> tuple[list[Array], Array]:
    """Slopes (for each guide channel, `[..., c]`) and offsets of each window, equations 14 and 15."""
    num, joint = guide.shape[-1], jnp.concatenate([guide, p], -1)
    moments = [joint, *[guide[..., k : k + 1] * joint for k in range(num)]]
    # Put together, they would be copied pixel by pixel before anything is summed.
    means, *products = [box_mean(_squares(m, window.stride), window.radius // window.stride) for m in moments]
    mean_g, mean_p = [means[..., k : k + 1] for k in range(num)], means[..., num:]
    variance = {
        (i, j): products[i][..., j : j + 1] - mean_g[i] * mean_g[j] + (window.epsilon if i == j else 0.0)
        for i in range(num)
        for j in range(i, num)
    }
    slopes = _solve(variance, [products[k][..., num:] - mean_g[k] * mean_p for k in range(num)])
    return slopes, mean_p - _weighted(slopes, mean_g)


def _squares(x: Array, side: int) -> Array:
    """Means over squares of `side` pixels; sizes are multiples of it."""
    if side == 1:
        return x
    *lead, height, width, channels = x.shape
    return x.reshape(*lead, height // side, side, width // side, side, channels).mean((-4, -2))


def _solve(matrix: dict[tuple[int, int], Array], right: list[Array]) -> list[Array]:
    """Solves a symmetric positive definite system a pixel, by its upper triangle, eliminating one row after another.

    Elimination rather than the inverse by cofactors: along an edge two of the three eigenvalues are about epsilon, and
    a determinant of epsilon squared is less than what rounding leaves of the products that it is the difference of.
    """
    if len(right) == 1:
        return [right[0] / matrix[0, 0]]
    num, pivot = len(right), matrix[0, 0]
    factors = [matrix[0, j] / pivot for j in range(1, num)]
    rest = {(i - 1, j - 1): matrix[i, j] - factors[i - 1] * matrix[0, j] for i in range(1, num) for j in range(i, num)}
    lower = _solve(rest, [right[i] - factors[i - 1] * right[0] for i in range(1, num)])
    return [right[0] / pivot - _weighted(factors, lower), *lower]


@functools.partial(jax.jit, static_argnums=1)
def box_mean(x: Float[Array, "*d h w c"], radius: int) -> Float[Array, "*d h w c"]:
    """Means over squares of `2 * radius + 1` pixels, of those pixels that lie inside the image; in float32."""
    x = x.astype(jnp.float32)
    for axis in (x.ndim - 3, x.ndim - 2):
        size = x.shape[axis]
        reach = min(radius, size - 1) if isinstance(size, int) else radius  # a symbolic size may not be comparable
        ones = jnp.ones((size,) + (1,) * (x.ndim - 1 - axis), jnp.float32)
        count = _window_sum(ones, 0, reach)
        x = _window_sum(x, axis, reach) / count.reshape((1,) * axis + count.shape)
    return x


# A prefix sum needs one subtraction a window, but of numbers that grow with the image: at 2048 pixels of values about
# 1, float32 keeps three digits of a variance of 0.01. Sums of 1, 2, 4, ... neighbours need log2 of the window's
# additions and round like a pairwise sum.
def _window_sum(x: Array, axis: int, radius: int) -> Array:
    """Sums over windows of `2 * radius + 1` elements along an axis, with zeros outside."""
    size, length = x.shape[axis], 2 * radius + 1
    power = jnp.pad(x, [(radius, radius) if a == axis else (0, 0) for a in range(x.ndim)])
    parts, start, span = [], 0, 1
    while True:
        # `power[i]` is the sum of `span` elements from i on; the window is put together by the bits of its length.
        if length & span:
            parts.append(jax.lax.slice_in_dim(power, start, start + size, axis=axis))
            start += span
        if 2 * span > length:
            return functools.reduce(operator.add, parts)
        kept = power.shape[axis] - span
        power = jax.lax.slice_in_dim(power, 0, kept, axis=axis) + jax.lax.slice_in_dim(
            power, span, span + kept, axis=axis
        )
        span *= 2


@jax.jit
def rough_mean(x: Float[Array, "*d h w c"]) -> Float[Array, "*d 1 1 c"]:
    """Mean over height and width in float32, taken off against rounding only; named, so that windows have their own."""
    return x.astype(jnp.float32).mean((-3, -2), keepdims=True)


def _weighted(weights: list[Array], values: list[Array]) -> Array:
    return functools.reduce(operator.add, [w * v for w, v in zip(weights, values, strict=True)])
