"""Tables that pixels look up, against what can be computed by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.ops import lookup

# One program each: eager jax would compile every step for every shape.
bilinear, polyline, trilinear = (jax.jit(fn) for fn in (lookup.bilinear, lookup.polyline, lookup.trilinear))

RNG = np.random.default_rng(0)


def _uniform(*shape):
    return RNG.uniform(-1, 1, shape).astype(np.float32)


def _hats(v, nodes):
    """How much each of the nodes, evenly spread over [-1, 1], weighs at each value."""
    place = (np.clip(v, -1, 1) + 1) * (nodes - 1) / 2
    return np.maximum(1 - np.abs(place[..., None] - np.arange(nodes)), 0)


def test_rows_are_those_of_each_images_own_table():
    """Two images with equal indices and different tables get different rows; streams in front of them too."""
    table, index = _uniform(2, 3, 4, 2), RNG.integers(0, 4, (2, 3, 5, 6))
    wanted = np.stack([[table[s, b][index[s, b]] for b in range(3)] for s in range(2)])
    np.testing.assert_array_equal(lookup.take_rows(jnp.asarray(table), jnp.asarray(index)), wanted)


def test_a_cube_is_interpolated_between_eight_corners():
    """Against a sum over all entries weighed by hat functions; colours beyond the range are those of its border."""
    table, x = _uniform(2, 5**3, 3), np.float32(1.3) * _uniform(2, 4, 3, 3)
    red, green, blue = (_hats(x[..., k], 5) for k in range(3))
    wanted = np.einsum("bhwi,bhwj,bhwk,bijkc->bhwc", red, green, blue, table.reshape(2, 5, 5, 5, 3))
    np.testing.assert_allclose(trilinear(table, x), wanted, atol=1e-5)


def test_a_plane_is_interpolated_with_its_first_colour_as_the_slow_axis():
    """The table of x alone gives x, whatever y is."""
    table = np.linspace(-1, 1, 4, dtype=np.float32).repeat(4)[None, :, None]
    x, y = _uniform(1, 3, 5, 1), _uniform(1, 3, 5, 1)
    np.testing.assert_allclose(bilinear(table, x, y), x, atol=1e-6)


def test_a_curve_goes_through_its_values():
    """At the places of the values it has them, in between it is linear, outside it is constant."""
    values = _uniform(1, 4, 1)
    x = np.array([-2, -1, -1 / 3, 0, 1 / 3, 1, 3], np.float32).reshape(1, 1, 7, 1)
    v = values[0, :, 0]
    wanted = [v[0], v[0], v[1], (v[1] + v[2]) / 2, v[2], v[3], v[3]]
    np.testing.assert_allclose(np.asarray(polyline(x, values))[0, 0, :, 0], wanted, atol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_reads_no_memory_beyond_the_table(value):
    """Colours that are not finite land in some cell: the program lives, and other pixels are untouched."""
    table, x = _uniform(1, 3**3, 3), _uniform(1, 2, 2, 3)
    spoiled = x.copy()
    spoiled[0, 0, 0] = value
    found, wanted = (np.asarray(trilinear(table, v)) for v in (spoiled, x))
    np.testing.assert_array_equal(found[0, 1], wanted[0, 1])


def test_gradients_reach_tables_and_colours():
    """The gradient by a table is how much each entry weighs; that by a colour is the table's slope."""
    table = np.linspace(-1, 1, 3, dtype=np.float32)
    cube = np.stack(np.meshgrid(table, table, table, indexing="ij"), -1).reshape(1, 27, 3)  # the identity
    x = np.float32(0.9) * _uniform(1, 2, 3, 3)
    by_table, by_x = jax.jit(jax.grad(lambda t, x: trilinear(t, x).sum(), argnums=(0, 1)))(cube, x)
    np.testing.assert_allclose(by_x, 1, atol=1e-5)
    np.testing.assert_allclose(np.asarray(by_table).sum((0, 1)), 6, atol=1e-5)
