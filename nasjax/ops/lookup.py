"""Tables that pixels look up: curves, two- and three-dimensional colour tables.

Written for CPUs, where a gather of a few numbers is cheap and an array of a dozen numbers a pixel is not: each corner
of a cell is gathered, weighted and added in one fused loop over the picture (`scripts/bench_lookups.py` compares this
with matrix products of hat functions and with packed cells). Colours are in [-1, 1]; what lies outside is looked up at
the border. Tables are `[*d, entries, channels]`, one for each image, whose leading axes are those of the image.
"""

import functools
import itertools
import math
from collections.abc import Iterator

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from nasjax.ops.materialised import materialised


@jax.jit
def take_rows(table: Float[Array, "*d n c"], index: Int[Array, "*d h w"]) -> Float[Array, "*d h w c"]:
    """Row `index` of each image's own table; indices must lie in it. Named, so that exporters recognise it."""
    lead, (entries, channels) = index.shape[:-2], table.shape[-2:]
    if not lead:
        return table.at[index].get(mode="promise_in_bounds")
    count = math.prod(lead)
    first = (jnp.arange(count, dtype=jnp.int32) * entries).reshape(*lead, 1, 1)
    flat = table.reshape(count * entries, channels)
    return flat.at[index + first].get(mode="promise_in_bounds")


def polyline(x: Float[Array, "*d h w c"], values: Float[Array, "*e n c"]) -> Float[Array, "*d h w c"]:
    """A curve a channel through `values` at n places spread evenly over [-1, 1], linear between them.

    `values` has the leading axes of x. A sum of bent lines: no table is looked up.
    """
    nodes = values.shape[-2]
    slopes = (values[..., 1:, :] - values[..., :-1, :]) * ((nodes - 1) / 2)
    x = jnp.clip(x, -1, 1)
    y = _entry(values, 0) + _entry(slopes, 0) * (x + 1)
    for k in range(1, nodes - 1):
        bend = _entry(slopes, k) - _entry(slopes, k - 1)
        y = y + bend * jnp.maximum(x - (2 * k / (nodes - 1) - 1), 0)
    return y


def _entry(values: Array, k: int) -> Array:
    """Entry k of each image, as an image of one pixel."""
    return values[..., None, k : k + 1, :]


def bilinear(
    table: Float[Array, "*d n c"], x: Float[Array, "*d h w a"], y: Float[Array, "*d h w a"]
) -> Float[Array, "*d h w c"]:
    """A square table of n = side^2 entries at the places (x, y), each of one channel."""
    return _interpolated(table, [x[..., 0], y[..., 0]], math.isqrt(table.shape[-2]))


def trilinear(table: Float[Array, "*d n c"], x: Float[Array, "*d h w a"]) -> Float[Array, "*d h w c"]:
    """A cubic table of n = side^3 entries at colours x (a = 3): red is the slowest axis, blue the fastest."""
    return _interpolated(table, [x[..., k] for k in range(3)], round(table.shape[-2] ** (1 / 3)))


def _interpolated(table: Array, places: list[Array], side: int) -> Array:
    """Multilinear interpolation; the last of `places` is the fastest axis of the table."""
    cells = [cell((p + 1) * ((side - 1) / 2), side) for p in places]
    base, strides = jnp.zeros((), jnp.int32), [side**k for k in reversed(range(len(places)))]
    for (index, _), stride in zip(cells, strides, strict=True):
        base = base + index * stride
    y = jnp.zeros(())
    for corner, weight in corners([fraction for _, fraction in cells]):
        offset = sum(step * stride for step, stride in zip(corner, strides, strict=True))
        y = y + take_rows(table, base + offset) * weight[..., None]
    return materialised(y)


def cell(place: Array, nodes: int) -> tuple[Array, Array]:
    """The cell between two of `nodes` places, and how far into it; a NaN lands in some cell, not beyond the table."""
    place = jnp.clip(place, 0, nodes - 1)
    index = jnp.clip(place.astype(jnp.int32), 0, nodes - 2)
    return index, place - index


def corners(fractions: list[Array]) -> Iterator[tuple[tuple[int, ...], Array]]:
    """The corners of a cell, as steps along each axis, and the weight of each."""
    for corner in itertools.product((0, 1), repeat=len(fractions)):
        sides = [f if step else 1 - f for step, f in zip(corner, fractions, strict=True)]
        yield corner, functools.reduce(jnp.multiply, sides)
