"""Tables that pixels look up: curves, two- and three-dimensional colour tables, bilateral grids of affine maps.

Written for CPUs, where a gather of a few numbers is cheap and an array of a dozen numbers a pixel is not: each corner
of a cell is gathered, weighted and added in one fused loop over the picture (`scripts/bench_lookups.py` compares this
with matrix products of hat functions and with packed cells). Colours are in [-1, 1]; what lies outside is looked up at
the border. Tables are `[*d, entries, channels]`, one for each image, whose leading axes are those of the image.
"""

import functools
import itertools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int


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
    return _corners(table, [x[..., 0], y[..., 0]], math.isqrt(table.shape[-2]))


def trilinear(table: Float[Array, "*d n c"], x: Float[Array, "*d h w a"]) -> Float[Array, "*d h w c"]:
    """A cubic table of n = side^3 entries at colours x (a = 3): red is the slowest axis, blue the fastest."""
    return _corners(table, [x[..., k] for k in range(3)], round(table.shape[-2] ** (1 / 3)))


def sliced(
    grid: Float[Array, "*d i j k"],
    guide: Float[Array, "*d h w a"],
    inputs: Sequence[Array],
    *,
    rows: Float[Array, "*d h e f"],
    columns: Float[Array, "*d e w f"],
    depth: int,
) -> Float[Array, "*d h w c"]:
    """What a bilateral grid's linear maps make of `inputs`: maps are interpolated in place and in the guide, then used.

    The k numbers of a cell are `depth` maps, from guide -1 to 1, each with c numbers for each input `[*d, h, w]` (or
    the scalar 1). `rows` and `columns` are where the pixels lie, 0..1 of the whole picture: a strip of it gets what
    the whole picture would have there. Source: HDRNet, arXiv 1707.02880, section 3.3.
    """
    down, across, size = grid.shape[-3], grid.shape[-2], grid.shape[-1] // depth
    place = jnp.clip(rows * down - 0.5, 0, down - 1)
    # Between two rows of cells first: a row of the picture then has a small table of its own.
    hats = [jnp.maximum(1 - jnp.abs(place - i), 0) for i in range(down)]
    table = functools.reduce(jnp.add, [hat * grid[..., i : i + 1, :, :] for i, hat in enumerate(hats)])
    height = table.shape[-3]
    table = table.reshape(*table.shape[:-3], height * across * depth, size)
    j, right = _cell(columns[..., 0] * across - 0.5, across)
    k, near = _cell((guide[..., 0] + 1) * (depth / 2) - 0.5, depth)
    row = (jnp.arange(height, dtype=jnp.int32) * (across * depth)).reshape((1,) * (k.ndim - 2) + (height, 1))
    first = row + j * depth + k
    channels, y = size // len(inputs), jnp.zeros(())
    for (dj, dk), weight in _weights([right, near]):
        index = first + (dj * depth + dk)
        for n, given in enumerate(inputs):
            entries = take_rows(table[..., n * channels : (n + 1) * channels], index)
            y = y + entries * (weight * given)[..., None]
    return y


def _corners(table: Array, places: list[Array], side: int) -> Array:
    """Multilinear interpolation; the last of `places` is the fastest axis of the table."""
    cells = [_cell((p + 1) * ((side - 1) / 2), side) for p in places]
    base, strides = jnp.zeros((), jnp.int32), [side**k for k in reversed(range(len(places)))]
    for (index, _), stride in zip(cells, strides, strict=True):
        base = base + index * stride
    y = jnp.zeros(())
    for corner, weight in _weights([fraction for _, fraction in cells]):
        offset = sum(step * stride for step, stride in zip(corner, strides, strict=True))
        y = y + take_rows(table, base + offset) * weight[..., None]
    return y


def _cell(place: Array, nodes: int) -> tuple[Array, Array]:
    """The cell between two of `nodes` places, and how far into it; a NaN lands in some cell, not beyond the table."""
    place = jnp.clip(place, 0, nodes - 1)
    index = jnp.clip(place.astype(jnp.int32), 0, nodes - 2)
    return index, place - index


def _weights(fractions: list[Array]):
    """The corners of a cell, as steps along each axis, and the weight of each."""
    for corner in itertools.product((0, 1), repeat=len(fractions)):
        sides = [f if step else 1 - f for step, f in zip(corner, fractions, strict=True)]
        yield corner, functools.reduce(jnp.multiply, sides)
