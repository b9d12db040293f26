"""Mean and covariance as sums that merge: over tiles of an image, over devices, over regions.

`n` counts pixels. Everything is float32, and products of matrices are not rounded to less, whatever the device does by
default: a covariance in bfloat16 or TF32 has no small eigenvalues left to whiten with.
"""

from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

# A part of an image [..., c], as it was read.
Tile: TypeAlias = Float[Array, "*d c"] | Float[np.ndarray, "*d c"]

HIGHEST = jax.lax.Precision.HIGHEST
_BLOCK = 256


class Moments(NamedTuple):
    """What mean and covariance are made of: number of pixels, their mean, and the sum of outer products about it.

    A tuple of zeros is the statistics of no pixels at all, and merges as such.
    """

    count: Float[Array, "*b"]
    mean: Float[Array, "*b c"]
    scatter: Float[Array, "*b c c"]


def moments(
    x: Float[Array, "*b n c"], weights: Float[Array, "*b n"] | None = None, axis_name: str | None = None
) -> Moments:
    """The statistics of n pixels, each counted `weights` times (0 or 1 for a region; default: once).

    With `axis_name` pixels are those of all devices along a mesh axis (inside `shard_map` or `vmap`). Deviations are
    taken from the mean in a second pass, so a mean much larger than the deviation costs no precision; a constant
    channel has the scatter 0 exactly.
    """
    x = x.astype(jnp.float32)
    weights = None if weights is None else weights.astype(jnp.float32)
    count = _count(x, weights)
    mean = _mean(x, weights, count)
    centred = x - mean[..., None, :]
    scatter = _scatter(centred) if weights is None else _products(centred * weights[..., None], centred)
    found = Moments(count, mean, scatter)
    return found if axis_name is None else _across(found, axis_name)


def merge(a: Moments, b: Moments) -> Moments:
    """The statistics of the pixels of both. Source: Chan, Golub and LeVeque 1979, section 2 (pairwise update)."""
    count = a.count + b.count
    share = b.count / _positive(count)
    step = b.mean - a.mean
    mean = a.mean + step * share[..., None]
    return Moments(count, mean, a.scatter + b.scatter + _outer(step) * (a.count * share)[..., None, None])


def covariance(m: Moments) -> Float[Array, "*b c c"]:
    """The unbiased covariance (divided by n - 1), exactly symmetric; zero for a single pixel or none."""
    scatter = m.scatter / jnp.maximum(m.count - 1, 1)[..., None, None]
    return (scatter + jnp.swapaxes(scatter, -1, -2)) / 2


def stream_moments(tiles: Iterable[Tile]) -> Moments:
    """The statistics of an image that is never in memory as a whole: `tiles` are its parts `[..., c]`, of any sizes.

    Each size of tile compiles once. The result is that of `moments` over all pixels, to rounding. Raises ValueError
    where there are no tiles.
    """
    total = None
    for tile in tiles:
        part = _tile_moments(jnp.asarray(tile).reshape(-1, tile.shape[-1]))
        total = part if total is None else _merge(total, part)
    if total is None:
        raise ValueError("stream_moments: there are no tiles; give at least one array [..., c]")
    return total


_tile_moments = jax.jit(moments)
_merge = jax.jit(merge)


def _count(x: Array, weights: Array | None) -> Array:
    if weights is not None:
        return weights.sum(-1)
    return jnp.broadcast_to(jnp.asarray(x.shape[-2]).astype(jnp.float32), x.shape[:-2])


def _mean(x: Array, weights: Array | None, count: Array) -> Array:
    """Sums run over differences: from one of the pixels, then from the mean so found.

    A float32 sum over a million pixels may be off by a percent; of a percent of a difference that is nothing. Where
    all pixels are equal the differences are 0, and the mean is that pixel to the last bit.
    """

    def step(origin: Array) -> Array:
        # The mean does not depend on where differences are taken from: no gradient needs to flow there.
        origin = jax.lax.stop_gradient(origin)
        difference = x - origin[..., None, :]
        total = (difference if weights is None else difference * weights[..., None]).sum(-2)
        return jnp.where(count[..., None] > 0, origin + total / _positive(count)[..., None], 0.0)

    return step(step(_one_pixel(x, weights)))


@jax.custom_jvp
def _scatter(x: Array) -> Array:
    """The sum of outer products of each pixel with itself; its gradient is one product where a general one is two."""
    return _products(x, x)


@_scatter.defjvp
def _scatter_tangent(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    half = _products(primals[0], tangents[0])
    return _scatter(*primals), half + jnp.swapaxes(half, -1, -2)


def _products(left: Array, right: Array) -> Array:
    """The sum of outer products; where it would run over many pixels one by one, which costs digits, in blocks.

    Sums of squares never cancel: one by one, 4096 of them are off by 1e-5 of the sum, in blocks of blocks by 1e-6.
    """
    pixels, channels = left.shape[-2:]
    # XLA's CPU backend sums in blocks by itself but for small matrices; a symbolic size is that of an exported network.
    if channels < 16 and isinstance(pixels, int) and pixels > _BLOCK:
        ends = [(0, 0)] * (left.ndim - 2) + [(0, -pixels % _BLOCK), (0, 0)]
        blocks = (*left.shape[:-2], -1, _BLOCK, channels)
        left, right = (jnp.pad(v, ends).reshape(blocks) for v in (left, right))
        return _block_sum(jnp.einsum("...knc,...knd->...kcd", left, right, precision=HIGHEST))
    return jnp.einsum("...nc,...nd->...cd", left, right, precision=HIGHEST)


def _block_sum(x: Array) -> Array:
    """The sum over the third axis from the end."""
    if x.shape[-3] <= _BLOCK:
        return x.sum(-3)
    x = jnp.pad(x, [(0, 0)] * (x.ndim - 3) + [(0, -x.shape[-3] % _BLOCK), (0, 0), (0, 0)])
    return _block_sum(x.reshape(*x.shape[:-3], -1, _BLOCK, *x.shape[-2:]).sum(-3))


def _one_pixel(x: Array, weights: Array | None) -> Array:
    """The first pixel, or the first of those that weigh most."""
    if weights is None:
        return jax.lax.slice_in_dim(x, 0, 1, axis=-2).squeeze(-2)
    first = jnp.argmax(weights, -1)[..., None, None]
    return jnp.take_along_axis(x, first, -2).squeeze(-2)


def _across(m: Moments, axis_name: str) -> Moments:
    """Merges the statistics of all devices: one sum of counts and means, one of scatters about the common mean."""
    count, weighted = jax.lax.psum((m.count, m.mean * m.count[..., None]), axis_name)
    mean = weighted / _positive(count)[..., None]
    about = m.scatter + _outer(m.mean - mean) * m.count[..., None, None]
    return Moments(count, mean, jax.lax.psum(about, axis_name))


def _outer(v: Array) -> Array:
    return v[..., :, None] * v[..., None, :]


def _positive(count: Array) -> Array:
    return jnp.where(count > 0, count, 1.0)
