"""How fast formulations of look-ups are that photo filters are made of, one against the other.

    python scripts/bench_lookups.py [--repeats 5]

Nanoseconds a pixel of one megapixel, each formulation jitted alone; those of one thing agree to 1e-4. Prints a line of
JSON a figure; wants an idle machine.
"""

import argparse

import jax
import jax.numpy as jnp
import numpy as np
from bench_filter import picture, say, seconds

from nasjax.ops.lookup import polyline, sliced, trilinear

NODES, CELLS, DEPTH = 9, 16, 8


def main() -> None:
    """All formulations."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    lookups(parser.parse_args().repeats)


def lookups(repeats: int) -> None:
    """Formulations of one three-dimensional table and of one grid, on a megapixel; they agree to 1e-4."""
    x = jnp.asarray(picture(1000, 1000), jnp.float32)[None] / 127.5 - 1
    rng = np.random.default_rng(0)
    table = jnp.asarray(rng.normal(size=(1, NODES**3, 3)), jnp.float32)
    grid = jnp.asarray(rng.normal(size=(1, CELLS, CELLS, DEPTH * 12)), jnp.float32)
    curves = jnp.asarray(rng.normal(size=(1, 16, 3)), jnp.float32)
    forms = {
        "curves: bent lines": (lambda: polyline(x, curves), None),
        "cube: gathered corners": (jax.jit(lambda: trilinear(table, x)), "cube"),
        "cube: packed cells": (jax.jit(lambda: packed(table, x)), "cube"),
        "cube: products of hats": (jax.jit(lambda: hats(table, x)), "cube"),
        "grid: gathered corners": (jax.jit(lambda: gathered(grid, x)), "grid"),
        "grid: interpolated planes": (jax.jit(lambda: planes(grid, x)), "grid"),
    }
    wanted: dict[str, np.ndarray] = {}
    for name, (fn, group) in forms.items():
        y = np.asarray(fn())
        if group is not None:
            np.testing.assert_allclose(y, wanted.setdefault(group, y), atol=1e-4)
        _, times = seconds(lambda fn=fn: jax.block_until_ready(fn()), repeats)
        say({"lookup": name, "ns_per_pixel": round(times[len(times) // 2] * 1e3, 1)})


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
    _, h, w, _ = x.shape
    inputs = [*(x[..., k] for k in range(3)), jnp.ones(())]
    rows, columns = _places(h).reshape(1, h, 1, 1), _places(w).reshape(1, 1, w, 1)
    return sliced(grid, x.mean(-1, keepdims=True), inputs, rows=rows, columns=columns, depth=DEPTH)


def planes(grid: jax.Array, x: jax.Array) -> jax.Array:
    """Maps of every pixel by products of matrices, one step of brightness after the other."""
    _, h, w, _ = x.shape

    def near(n: int) -> jax.Array:
        place = jnp.clip(_places(n) * CELLS - 0.5, 0, CELLS - 1)
        return jnp.maximum(1 - jnp.abs(place[:, None] - jnp.arange(CELLS)), 0)

    rows = jnp.einsum("yi,bijc->byjc", near(h), grid).reshape(1, h, CELLS, DEPTH, 12)
    guide = jnp.clip((x.mean(-1) + 1) * (DEPTH / 2) - 0.5, 0, DEPTH - 1)
    maps = sum(
        jnp.einsum("xj,byjc->byxc", near(w), rows[:, :, :, z]) * jnp.maximum(1 - jnp.abs(guide - z), 0)[..., None]
        for z in range(DEPTH)
    )
    padded = jnp.concatenate([x, jnp.ones_like(x[..., :1])], -1)
    return jnp.einsum("byxnc,byxn->byxc", maps.reshape(1, h, w, 4, 3), padded)


if __name__ == "__main__":
    main()
