"""Bilateral grids as operations: a linear map a pixel, from a small grid over place and brightness.

`x` has the `image` `[..., h, w, 3]`, its `guide` `[..., h, w, 1]`, the places of its `rows` and `columns`, and features
of the whole picture: `trunk` `[..., n, n, c]`, `fine` `[..., 2n, 2n, e]` and their `mean`. All start at the identity.
"""

import functools
import re
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nasjax.ops.base import Op
from nasjax.ops.conv import conv, conv_params
from nasjax.ops.params import Param
from nasjax.ops.reflected import relu
from nasjax.ops.slicing import sliced
from nasjax.ops.strided import mean2

_NAME = re.compile(r"(?P<kind>[am])(?P<side>\d+)x(?P<depth>\d+)")
_HIDDEN = 4
_SIZES = {"a": 12, "m": 4 * _HIDDEN + 3 * (_HIDDEN + 1)}  # numbers of the map of a place
_LUMA = (0.299, 0.587, 0.114)


def grids(names: Sequence[str], cells: int) -> dict[str, Op]:
    """Operations by name: none, aSxD (affine maps, S x S places, D of brightness) or mSxD (a small network a pixel).

    S is half of `cells`, `cells` or twice as much. Raises ValueError for another name or size.
    """
    return {name: _KEPT if name == "none" else _grid(name, cells) for name in names}


@functools.cache
def guides() -> dict[str, Op]:
    """What tells the maps of one place apart: luma, or luma with what a small network adds."""

    def luma(p, x, out, inner):
        return jnp.clip(_luma(x), -1, 1)

    def learned(p, x, out, inner):
        return jnp.clip(_luma(x) + conv(p["z"], relu(conv(p["a"], x, 8)), 1), -1, 1)

    def params(c, out, inner):
        return {"a": conv_params(1, c, 8, gain=1.0), "z": conv_params(1, 8, 1, gain=0.0)}

    return {"luma": Op("luma", lambda c, out, inner: {}, luma), "mlp": Op("guide", params, learned)}


def maps_of(name: str, params: Mapping, features: Mapping[str, Array]) -> Float[Array, "*d i j depth size"]:
    """What a grid of that name makes of features of pictures: a map for each place and step of brightness.

    Of an affine map, 3 changes for each of red, green and blue, then 3 that are added; all weights of a small network.
    """
    grid = _predicted(params, features, int(name[1:].partition("x")[0]))
    return grid.reshape(*grid.shape[:-1], -1, _SIZES[name[0]])


def _predicted(p: Mapping, features: Mapping[str, Array], side: int) -> Array:
    """The grid of so many places a side, `[..., side, side, depth * size]`."""
    local, number = features["trunk"], p["z"]["w"].shape[-1]
    if local.shape[-2] != side:
        local = mean2(local) if local.shape[-2] > side else features["fine"]
    return conv(p["z"], local, number) + conv(p["g"], features["mean"], number)


def _luma(x: jax.Array) -> jax.Array:
    # As products, not as a matrix: the same to the bit whatever the number of pixels.
    return sum((x[..., k : k + 1] * weight for k, weight in enumerate(_LUMA)), jnp.zeros(()))


_KEPT = Op("kept", lambda c, out, inner: {}, lambda p, x, out, inner: x["image"])


@functools.cache
def _grid(name: str, cells: int) -> Op:
    found = _NAME.fullmatch(name)
    if found is None or int(found["side"]) * 2 not in (cells, 2 * cells, 4 * cells) or int(found["depth"]) < 2:
        raise ValueError(
            f"photo_filter: unknown grid {name!r}; allowed: none, aSxD or mSxD with S of {cells // 2}, {cells}, "
            f"{2 * cells} and D >= 2"
        )
    depth, side = int(found["depth"]), int(found["side"])
    size = _SIZES[found["kind"]]

    def params(c, out, inner):
        wide = c["fine"] if side > cells else c["trunk"]
        heads = {name: conv_params(1, n, depth * size, gain=0.0) for name, n in (("z", wide), ("g", c["mean"]))}
        return heads if size == 12 else {**heads, "first": Param((4 * _HIDDEN,), std=0.5)}

    def apply(p, x, out, inner):
        grid = _predicted(p, x, side)
        return x["image"] + (_affine if size == 12 else _network)(p, grid, x, depth)

    return Op(name, params, apply)


def _affine(p: Mapping, grid: jax.Array, x: Mapping[str, jax.Array], depth: int) -> jax.Array:
    return _sliced(grid, x, _inputs(x["image"]), depth)


def _network(p: Mapping, grid: jax.Array, x: Mapping[str, jax.Array], depth: int) -> jax.Array:
    """Colours to a few hidden numbers and back, by maps that both come from the grid."""
    cells = grid.reshape(*grid.shape[:-1], depth, -1)
    first, second = cells[..., : 4 * _HIDDEN], cells[..., 4 * _HIDDEN :]
    first = (first + p["first"].astype(grid.dtype).reshape((1,) * (first.ndim - 1) + (-1,))).reshape(
        *grid.shape[:-1], -1
    )
    hidden = relu(_sliced(first, x, _inputs(x["image"]), depth))
    return _sliced(second.reshape(*grid.shape[:-1], -1), x, _inputs(hidden), depth)


def _inputs(x: jax.Array) -> list[jax.Array]:
    return [*(x[..., k] for k in range(x.shape[-1])), jnp.ones((), x.dtype)]


def _sliced(grid: jax.Array, x: Mapping[str, jax.Array], inputs: list[jax.Array], depth: int) -> jax.Array:
    return sliced(grid, x["guide"], inputs, rows=x["rows"], columns=x["columns"], depth=depth)
