"""Bilateral grids, against what can be computed by hand, and their gradients against automatic differentiation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.ops.materialised import materialised
from nasjax.ops.slicing import sliced

RNG = np.random.default_rng(0)


def _uniform(*shape):
    return RNG.uniform(-1, 1, shape).astype(np.float32)


@jax.jit
def _slice(grid, guide, inputs, *, rows, columns):
    places = (jnp.asarray(rows).reshape(1, -1, 1, 1), jnp.asarray(columns).reshape(1, 1, -1, 1))
    return sliced(grid, guide, inputs, rows=places[0], columns=places[1], depth=2)


def test_a_grid_is_interpolated_in_place_and_guide():
    """Against hat functions over rows, columns and guide, and one product with the inputs a pixel."""
    grid, guide, x = _uniform(1, 3, 4, 2 * 6), _uniform(1, 5, 7, 1), _uniform(1, 5, 7)
    rows, columns = ((np.arange(n, dtype=np.float32) + 0.5) / n for n in (5, 7))
    weights = [np.maximum(1 - np.abs(np.clip(p * n - 0.5, 0, n - 1)[:, None] - np.arange(n)), 0) for p, n in ((rows, 3), (columns, 4))]  # fmt: skip  # noqa: E501
    near = np.maximum(1 - np.abs(np.clip((guide[0, ..., 0] + 1) - 0.5, 0, 1)[..., None] - np.arange(2)), 0)
    maps = np.einsum("hi,wj,hwd,ijdnc->hwnc", *weights, near, grid.reshape(3, 4, 2, 2, 3))
    wanted = maps[:, :, 0] * x[0][..., None] + maps[:, :, 1]
    y = _slice(grid, guide, [x, np.float32(1)], rows=rows, columns=columns)
    np.testing.assert_allclose(y[0], wanted, atol=1e-5)


def test_part_of_a_picture_is_sliced_as_in_the_whole():
    """Rows 2 to 4 alone, told where they lie, are those of the whole picture."""
    grid, guide, x = _uniform(1, 3, 4, 2 * 6), _uniform(1, 5, 7, 1), _uniform(1, 5, 7)
    rows, columns = ((np.arange(n, dtype=np.float32) + 0.5) / n for n in (5, 7))
    whole = _slice(grid, guide, [x, jnp.ones(())], rows=rows, columns=columns)
    part = _slice(grid, guide[:, 2:4], [x[:, 2:4], jnp.ones(())], rows=rows[2:4], columns=columns)
    np.testing.assert_array_equal(part, whole[:, 2:4])


def _hats(place, nodes):
    """How much each node weighs at each place, nodes at 0, 1, 2 ...; places beyond the ends are the ends."""
    numbers = np.arange(nodes, dtype=np.float32).reshape((1,) * place.ndim + (nodes,))
    return jnp.maximum(1 - jnp.abs(jnp.clip(place, 0, nodes - 1)[..., None] - numbers), 0)


def _summed(grid, guide, x, places):
    """The same by sums over all cells, which jax differentiates by itself."""
    weights = [_hats(place * n - 0.5, n) for place, n in zip(places, grid.shape[-3:-1], strict=True)]
    near = _hats((guide[..., 0] + 1) - 0.5, 2)
    cells = grid.reshape(*grid.shape[:-1], 2, 2, 3)
    maps = jnp.einsum("hi,wj,sbhwd,sbijdnc->sbhwnc", *weights, near, cells)
    return maps[..., 0, :] * x[..., None] + maps[..., 1, :]


@pytest.mark.parametrize("wanted", [0, 1, 2])
def test_gradients_are_those_of_sums_over_all_cells(wanted):
    """By the grid, the guide (beyond its ends there is none) and the input, for streams of several pictures."""
    given = (_uniform(2, 2, 3, 4, 12), np.float32(1.4) * _uniform(2, 2, 5, 7, 1), _uniform(2, 2, 5, 7))
    places = tuple((np.arange(n, dtype=np.float32) + 0.5) / n for n in (5, 7))
    rows = np.broadcast_to(places[0].reshape(1, 1, -1, 1, 1), (2, 2, 5, 1, 1))
    columns = np.broadcast_to(places[1].reshape(1, 1, 1, -1, 1), (2, 2, 1, 7, 1))

    def fast(grid, guide, x):
        return jnp.square(
            sliced(grid, guide, [x, jnp.ones(())], rows=jnp.asarray(rows), columns=jnp.asarray(columns), depth=2)
        ).sum()

    def slow(grid, guide, x):
        return jnp.square(_summed(grid, guide, x, places)).sum()

    found, known = (jax.jit(jax.grad(fn, argnums=wanted))(*given) for fn in (fast, slow))
    assert np.abs(known).max() > 0.1
    np.testing.assert_allclose(found, known, rtol=1e-4, atol=1e-4)


def test_gradients_of_half_precision_have_it():
    """Each has the precision of what it is a gradient by; by grid and input they are nearly those of full precision."""
    grid, guide, x = _uniform(1, 3, 4, 12), _uniform(1, 5, 7, 1), _uniform(1, 5, 7)
    rows, columns = ((np.arange(n, dtype=np.float32) + 0.5) / n for n in (5, 7))

    def loss(grid, guide, x):
        made = _slice(grid, guide, [x, jnp.ones((), x.dtype)], rows=rows, columns=columns)
        return made.astype(jnp.float32).sum()

    gradients = jax.jit(jax.grad(loss, (0, 1, 2)))
    full, half = (gradients(*(v.astype(t) for v in (grid, guide, x))) for t in (np.float32, jnp.bfloat16))
    assert {found.dtype.name for found in half} == {"bfloat16"}
    for known, found in ((full[0], half[0]), (full[2], half[2])):  # which cell a guide is in may turn on its rounding
        np.testing.assert_allclose(np.float32(found), known, atol=0.05 * np.abs(known).max())


def test_materialised_numbers_are_the_same():
    """To the bit, of the gradient as well, for streams too; on CPUs by a convolution, which XLA does not fuse away."""
    x = np.float32(1e3) * _uniform(2, 3, 4, 5, 3)
    np.testing.assert_array_equal(materialised(x), x)
    np.testing.assert_array_equal(jax.jit(jax.grad(lambda v: (materialised(v) * x).sum()))(x), x)
    assert "convolution" in materialised.lower(x[0]).as_text()
