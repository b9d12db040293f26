"""Bilateral grids of linear maps: slicing them at every pixel, fused with what the maps are used for.

Forward each corner of a cell is gathered and used at once, as in `ops.lookup`: a pixel's map is never stored. Backward,
where automatic differentiation would make a scatter of every gather, maps are stored once and the gradient of the table
is a product of matrices (`scripts/bench_lookups.py` compares). Source: HDRNet, arXiv 1707.02880, section 3.3.
"""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nasjax.ops.lookup import cell, corners, take_rows
from nasjax.ops.materialised import materialised


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
    the whole picture would have there; they have no gradients. Source: HDRNet, arXiv 1707.02880, section 3.3.
    """
    places = (rows[..., 0] * grid.shape[-3] - 0.5, columns[..., 0] * grid.shape[-2] - 0.5)
    return materialised(_used(grid, (guide[..., 0] + 1) * (depth / 2) - 0.5, tuple(inputs), *places, depth))


def _corners_used(grid: Array, z: Array, inputs: tuple[Array, ...], y: Array, x: Array, depth: int) -> Array:
    """The maps at the places z of each pixel, y of its row and x of its column, on the inputs; 0 is the first cell."""
    cells = _Cells.of(grid, z, y, x, depth)
    channels, made = cells.rows.shape[-1] // len(inputs), jnp.zeros(())
    for (dj, dk), weight in corners([cells.right, cells.near]):
        for n, given in enumerate(inputs):
            entries = take_rows(cells.rows[..., n * channels : (n + 1) * channels], cells.corner(dj, dk))
            made = made + entries * (weight * given)[..., None]
    return made


class _Cells(NamedTuple):
    """The table with one row an entry, the first corner of each pixel's cell, and how far into it the pixel lies."""

    rows: Array
    first: Array
    depth: int
    right: Array
    near: Array

    @classmethod
    def of(cls, grid: Array, z: Array, y: Array, x: Array, depth: int) -> "_Cells":
        down, across = grid.shape[-3:-1]
        # Between two rows of cells first: a row of the picture then has a small table of its own.
        place = jnp.clip(y, 0, down - 1)[..., None]
        table = functools.reduce(jnp.add, [_hat(place, i) * grid[..., i : i + 1, :, :] for i in range(down)])
        height, entries = table.shape[-3], across * depth
        j, right = cell(x, across)
        k, near = cell(z, depth)
        row = (jnp.arange(height, dtype=jnp.int32) * entries).reshape((1,) * (k.ndim - 2) + (height, 1))
        return cls(table.reshape(*table.shape[:-3], height * entries, -1), row + j * depth + k, depth, right, near)

    def corner(self, dj: int, dk: int) -> Array:
        """The entry that lies so many cells to the right, and steps of the guide further."""
        return self.first + (dj * self.depth + dk)

    def maps(self, dk: int) -> Array:
        """Each pixel's map at the step of the guide below it (0) or above it (1)."""
        left, right = (take_rows(self.rows, self.corner(dj, dk)) for dj in (0, 1))
        return left + self.right[..., None] * (right - left)


def _forward(grid: Array, z: Array, inputs: tuple[Array, ...], y: Array, x: Array, depth: int) -> tuple[Array, Any]:
    return _corners_used(grid, z, inputs, y, x, depth), (grid, z, inputs, y, x)


def _backward(depth: int, kept: Any, dy: Array) -> tuple[Any, ...]:
    # Computed as precisely as the output, whatever the inputs' precision.
    grid, z, inputs, y, x = jax.tree.map(lambda v: jnp.asarray(v, dy.dtype), kept)
    cells = _Cells.of(grid, z, y, x, depth)
    below, above = (cells.maps(dk).reshape(*z.shape, len(inputs), -1) for dk in (0, 1))
    maps = below + cells.near[..., None, None] * (above - below)
    by_inputs = tuple(_like(given, (maps[..., n, :] * dy).sum(-1)) for n, given in enumerate(inputs))
    outer = jnp.stack([dy * (given[..., None] if given.ndim else given) for given in inputs], -2)
    inside = (z >= 0) & (z <= depth - 1)
    by_z = jnp.where(inside, (outer * (above - below)).sum((-2, -1)), 0)
    gradients = (_by_grid(grid, z, y, x, outer), by_z, by_inputs, jnp.zeros_like(y), jnp.zeros_like(x))
    return jax.tree.map(lambda gradient, v: gradient.astype(v.dtype), gradients, kept)


def _by_grid(grid: Array, z: Array, y: Array, x: Array, outer: Array) -> Array:
    """How much each cell weighs at each pixel, times what the pixel's map was used for: products of matrices."""
    down, across, size = grid.shape[-3:]
    depth = size // (outer.shape[-2] * outer.shape[-1])
    weights = _hats(x, across)[..., :, None] * _hats(z, depth)[..., None, :]
    weights, outer = (v.reshape(*v.shape[:-2], -1) for v in (weights, outer))
    by_row = jnp.swapaxes(weights, -1, -2) @ outer
    by_row = by_row.reshape(*by_row.shape[:-2], across * size)
    return (jnp.swapaxes(_hats(y[..., 0], down), -1, -2) @ by_row).reshape(*by_row.shape[:-2], down, across, size)


_used = jax.custom_vjp(_corners_used, nondiff_argnums=(5,))
_used.defvjp(_forward, _backward)


def _like(given: Array, gradient: Array) -> Array:
    """The gradient by an input that may be one number for all pixels."""
    return gradient if given.ndim else gradient.sum()


def _hat(place: Array, node: Any) -> Array:
    return jnp.maximum(1 - jnp.abs(place - node), 0)


def _hats(place: Array, nodes: int) -> Array:
    """How much each node weighs, as a last axis."""
    numbers = jnp.arange(nodes, dtype=place.dtype).reshape((1,) * place.ndim + (nodes,))
    return _hat(jnp.clip(place, 0, nodes - 1)[..., None], numbers)
