"""How fast formulations of look-ups are that photo filters are made of, one against the other.

    python scripts/bench_lookups.py [--repeats 5]

Nanoseconds a pixel of one megapixel (of gradients, of four pictures of 96 x 96, as in training), each formulation
jitted alone; those of one thing agree to 1e-4. "Not materialised" is the same without `ops.materialised`, "automatic"
what automatic differentiation makes of gathered corners; Lab is of sRGB, by the powers that JAX has or those of
`ops.power`. Prints a line of JSON a figure; wants an idle machine.
"""

import argparse
import functools
import unittest.mock
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from bench_filter import picture, say, seconds

from nasjax.metrics import colour
from nasjax.ops.lookup import polyline, trilinear
from nasjax.ops.materialised import materialised
from nasjax.ops.slicing import _corners_used as corners_used
from nasjax.ops.slicing import sliced

NODES, CELLS, DEPTH = 9, 16, 8


def main() -> None:
    """All formulations."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    lookups(repeats)
    chains(repeats)
    labs(repeats)


def lookups(repeats: int) -> None:
    """Formulations of one three-dimensional table and of one grid, on a megapixel; they agree to 1e-4."""
    x = jnp.asarray(picture(1000, 1000), jnp.float32)[None] / 127.5 - 1
    rng = np.random.default_rng(0)
    table = jnp.asarray(rng.normal(size=(1, NODES**3, 3)), jnp.float32)
    grid = jnp.asarray(rng.normal(size=(1, CELLS, CELLS, DEPTH * 12)), jnp.float32)
    curves = jnp.asarray(rng.normal(size=(1, 16, 3)), jnp.float32)
    forms = {
        "curves: bent lines": (lambda curves, x: polyline(x, curves), curves, "curves"),
        "cube: gathered corners": (trilinear, table, "cube"),
        "cube: packed cells": (packed, table, "cube"),
        "cube: products of hats": (hats, table, "cube"),
        "grid: gathered corners": (gathered, grid, "grid"),
        "grid: interpolated planes": (planes, grid, "grid"),
    }
    wanted: dict[str, np.ndarray] = {}
    for name, (fn, given, group) in forms.items():
        # As arguments: of constants, XLA would do part of the work while it compiles.
        program = jax.jit(fn)
        y = np.asarray(program(given, x))
        np.testing.assert_allclose(y, wanted.setdefault(group, y), atol=1e-4)
        time_of(name, program, (given, x), repeats)


def chains(repeats: int) -> None:
    """A grid, then a table, forward and back: each stored before the next, or left to XLA's fusion."""
    rng = np.random.default_rng(0)
    table = jnp.asarray(rng.normal(size=(1, NODES**3, 3)), jnp.float32)
    grid = jnp.asarray(0.1 * rng.normal(size=(1, CELLS, CELLS, DEPTH * 12)), jnp.float32)
    large = jnp.asarray(picture(1000, 1000), jnp.float32)[None] / 127.5 - 1
    small = jnp.stack([large[0, i : i + 96, i : i + 96] for i in (0, 200, 400, 600)])
    tables, grids = (jnp.repeat(v, 4, 0) for v in (table, grid))

    def chain(slice_fn, grid, table, x):
        return trilinear(table, x + slice_fn(grid, x))

    def loss(slice_fn, grid, table, x):
        return jnp.square(chain(slice_fn, grid, table, x)).sum()

    for name, slice_fn in (("grid, then cube", gathered), ("grid, then cube: not materialised", fused)):
        time_of(name, jax.jit(functools.partial(chain, slice_fn)), (grid, table, large), repeats)
    for name, slice_fn in (("gradients", gathered), ("gradients: automatic", automatic)):
        time_of(name, jax.jit(jax.grad(functools.partial(loss, slice_fn), (0, 1, 2))), (grids, tables, small), repeats)


def labs(repeats: int) -> None:
    """Colours in Lab of a megapixel, and gradients of a loss of them."""
    large = jnp.asarray(picture(1000, 1000), jnp.float32)[None] / 127.5 - 1
    small = large[:, :192, :192]
    wanted = None
    for name, power in (("Lab", colour.power), ("Lab: by JAX's powers", powers)):

        def lab(x: jax.Array, power=power) -> jax.Array:
            with unittest.mock.patch.object(colour, "power", power):
                return colour.rgb_to_lab(x)

        program = jax.jit(lab)
        wanted = np.asarray(program(large)) if wanted is None else wanted
        np.testing.assert_allclose(np.asarray(program(large)), wanted, atol=1e-3)
        time_of(name, program, (large,), repeats)
        time_of(f"{name}, gradients", jax.jit(jax.grad(lambda x, lab=lab: jnp.square(lab(x)).sum())), (small,), repeats)


def powers(x: jax.Array, exponent: float) -> jax.Array:
    """As JAX has them."""
    return jnp.cbrt(x) if exponent == 1 / 3 else x**exponent


def time_of(name: str, fn: Callable[..., Any], given: tuple[jax.Array, ...], repeats: int) -> None:
    """Says what a program takes a pixel of its last argument."""
    _, times = seconds(lambda: jax.block_until_ready(fn(*given)), repeats)
    pixels = given[-1].size // 3
    say({"lookup": name, "ns_per_pixel": round(times[len(times) // 2] * 1e9 / pixels, 1)})


def packed(table: jax.Array, x: jax.Array) -> jax.Array:
    """All eight corners of a cell in one row."""
    m, cube = NODES - 1, table.reshape(NODES, NODES, NODES, 3)
    corners = [cube[a : a + m, b : b + m, c : c + m] for a in (0, 1) for b in (0, 1) for c in (0, 1)]
    cells = jnp.stack(corners, -2).reshape(m**3, 8, 3)
    place = jnp.clip((x + 1) * (m / 2), 0, m)
    index = jnp.minimum(place.astype(jnp.int32), m - 1)
    f = place - index
    weights = [
        (f[..., 0] if a else 1 - f[..., 0]) * (f[..., 1] if b else 1 - f[..., 1]) * (f[..., 2] if c else 1 - f[..., 2])
        for a in (0, 1)
        for b in (0, 1)
        for c in (0, 1)
    ]
    rows = cells[(index[..., 0] * m + index[..., 1]) * m + index[..., 2]]
    return (rows * jnp.stack(weights, -1)[..., None]).sum(-2)


def hat(v: jax.Array, nodes: int) -> jax.Array:
    """How much each node weighs."""
    return jnp.maximum(1 - jnp.abs((v[..., None] + 1) * ((nodes - 1) / 2) - jnp.arange(nodes)), 0)


def hats(table: jax.Array, x: jax.Array) -> jax.Array:
    """A product of matrices over two colours, and a sum over the third."""
    red, green, blue = (hat(x[..., k], NODES) for k in range(3))
    pairs = (red[..., :, None] * green[..., None, :]).reshape(*x.shape[:-1], NODES**2)
    mixed = pairs @ table.reshape(NODES**2, NODES * 3)
    return (mixed.reshape(*x.shape[:-1], NODES, 3) * blue[..., None]).sum(-2)


def _places(n: int) -> jax.Array:
    return (jnp.arange(n) + 0.5) / n


def gathered(grid: jax.Array, x: jax.Array) -> jax.Array:
    """As the library does it."""
    return sliced(grid, x.mean(-1, keepdims=True), _inputs(x), **_where(x), depth=DEPTH)


def fused(grid: jax.Array, x: jax.Array) -> jax.Array:
    """The same, left to XLA's fusion."""
    return _corners_used(grid, x)


def automatic(grid: jax.Array, x: jax.Array) -> jax.Array:
    """Stored, but differentiated by jax."""
    return materialised(_corners_used(grid, x))


def _corners_used(grid: jax.Array, x: jax.Array) -> jax.Array:
    rows, columns = (place[..., 0] * CELLS - 0.5 for place in _where(x).values())
    z = (x.mean(-1) + 1) * (DEPTH / 2) - 0.5
    return corners_used(grid, z, tuple(_inputs(x)), rows, columns, DEPTH)


def _inputs(x: jax.Array) -> list[jax.Array]:
    return [*(x[..., k] for k in range(3)), jnp.ones(())]


def _where(x: jax.Array) -> dict[str, jax.Array]:
    batch, height, width, _ = x.shape
    rows, columns = _places(height).reshape(1, height, 1, 1), _places(width).reshape(1, 1, width, 1)
    return {"rows": jnp.repeat(rows, batch, 0), "columns": jnp.repeat(columns, batch, 0)}


def planes(grid: jax.Array, x: jax.Array) -> jax.Array:
    """Maps of every pixel by products of matrices, one step of brightness after the other."""
    _, h, w, _ = x.shape

    def near(n: int) -> jax.Array:
        place = jnp.clip(_places(n) * CELLS - 0.5, 0, CELLS - 1)
        return jnp.maximum(1 - jnp.abs(place[:, None] - jnp.arange(CELLS)), 0)

    rows = jnp.einsum("yi,bijc->byjc", near(h), grid).reshape(1, h, CELLS, DEPTH, 12)
    guide = jnp.clip((x.mean(-1) + 1) * (DEPTH / 2) - 0.5, 0, DEPTH - 1)
    steps = [
        jnp.einsum("xj,byjc->byxc", near(w), rows[:, :, :, z]) * jnp.maximum(1 - jnp.abs(guide - z), 0)[..., None]
        for z in range(DEPTH)
    ]
    maps = functools.reduce(jnp.add, steps)
    padded = jnp.concatenate([x, jnp.ones_like(x[..., :1])], -1)
    return jnp.einsum("byxnc,byxn->byxc", maps.reshape(1, h, w, 4, 3), padded)


if __name__ == "__main__":
    main()
