"""Moments: against float64, by weights, merged from parts, over devices and tile by tile."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.sharding import PartitionSpec

from nasjax.linalg import Moments, covariance, merge, moments, stream_moments
from tests.linalg.pixels import pixels, relative, statistics

MOMENTS = jax.jit(moments)
MERGE = jax.jit(merge)
SHAPE = (96, 4)


def check(found: Moments, x: np.ndarray, tolerance: float = 2e-6) -> None:
    """Compares with the statistics in float64."""
    mean, wanted = statistics(x)
    assert float(found.count) == x.size // x.shape[-1]
    np.testing.assert_allclose(found.mean, mean, rtol=2e-7, atol=1e-6)
    assert relative(covariance(found), wanted) < tolerance


@settings(max_examples=8, deadline=None, derandomize=True)
@given(seed=st.integers(0, 9999), power=st.integers(0, 4), condition=st.sampled_from([1.0, 1e3]))
def test_large_means_cost_no_precision(seed, power, condition):
    """The covariance is as exact under a mean of ten thousand deviations as under none."""
    x = pixels(seed, SHAPE, mean=10.0**power, condition=condition)
    check(MOMENTS(x), x)


def test_many_pixels_cost_no_precision():
    """A float32 sum of 400,000 pixels of mean 100 would be off in the third digit."""
    x = pixels(0, (400_000, 3), mean=100.0)
    check(MOMENTS(x), x, 1e-5)


@pytest.mark.parametrize("value", [0.0, 0.1, -1e4 / 3])
def test_a_constant_has_no_scatter(value):
    """The mean of equal pixels is that pixel to the last bit, and the covariance is 0, by weights too."""
    x = np.full((100_000, 2), value, np.float32)
    found = MOMENTS(x)
    np.testing.assert_array_equal(found.mean, x[0])
    np.testing.assert_array_equal(found.scatter, 0)
    x[:5] = 7.0
    found = MOMENTS(x, np.float32(np.arange(100_000) >= 5))
    np.testing.assert_array_equal(found.mean, x[5])
    np.testing.assert_array_equal(found.scatter, 0)


def test_derivatives_of_the_scatter():
    """Forwards, backwards and twice: those of the general product, which weights of 1 take, for an unsymmetric use."""
    x, direction = jax.random.normal(jax.random.key(0), (2, 20, 4))
    use = jax.random.normal(jax.random.key(1), (4, 4))

    def value(x, weights=None):
        return (moments(x, weights).scatter ** 2 * use).sum()

    def weighed(x):
        return value(x, jnp.ones(20))

    def derivatives(f):
        along = jax.jvp(f, (x,), (direction,))[1]
        return along, jax.grad(f)(x), jax.grad(lambda x: (jax.grad(f)(x) * direction).sum())(x)

    for a, b in zip(derivatives(value), derivatives(weighed), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-3)


@settings(max_examples=8, deadline=None, derandomize=True)
@given(seed=st.integers(0, 9999), top=st.integers(1, 4))
def test_weights_count_pixels(seed, top):
    """A pixel of weight k counts as k pixels, one of weight 0 not at all."""
    x = pixels(seed, SHAPE)
    weights = np.random.default_rng(seed).integers(0, top + 1, SHAPE[0])
    weights[:2] = 1
    check(MOMENTS(x, np.float32(weights)), np.repeat(x, weights, 0))


@settings(max_examples=8, deadline=None, derandomize=True)
@given(seed=st.integers(0, 9999), cut=st.integers(0, SHAPE[0]), shift=st.sampled_from([0.0, 50.0]))
def test_parts_merge_to_the_whole(seed, cut, shift):
    """Any division in two gives the whole, an empty part and parts of very different means among them."""
    x = pixels(seed, SHAPE)
    x[cut:] += shift
    first = np.float32(np.arange(SHAPE[0]) < cut)
    a, b = MOMENTS(x, first), MOMENTS(x, 1 - first)
    check(MERGE(a, b), x)
    np.testing.assert_allclose(MERGE(b, a).scatter, MERGE(a, b).scatter, rtol=1e-4, atol=1e-3)


def test_nothing_is_neutral():
    """The statistics of no pixels are zeros, and change nothing when merged."""
    x = pixels(0, SHAPE)
    none = MOMENTS(x, np.zeros(SHAPE[0], np.float32))
    for leaf in jax.tree.leaves(none):
        np.testing.assert_array_equal(leaf, 0)
    np.testing.assert_array_equal(covariance(none), 0)
    for merged in (MERGE(none, MOMENTS(x)), MERGE(MOMENTS(x), none), MERGE(none, none)):
        assert float(merged.count) in (0, SHAPE[0])
    jax.tree.map(np.testing.assert_array_equal, MERGE(MOMENTS(x), none), MOMENTS(x))


@pytest.mark.parametrize("weighted", [False, True])
def test_devices_see_the_whole(weighted):
    """Split over eight devices, means and all, each has the statistics of all pixels; so has a named `vmap` axis."""
    x = pixels(1, SHAPE)
    x[:12] += 30
    weights = np.float32(np.arange(SHAPE[0]) % 3 > 0) if weighted else None
    wanted = x[weights > 0] if weighted else x
    mesh, rows = jax.make_mesh((8,), ("rows",), axis_types=(jax.sharding.AxisType.Auto,)), PartitionSpec("rows")
    part = functools.partial(moments, axis_name="rows")
    whole = jax.shard_map(part, mesh=mesh, in_specs=(rows, rows if weighted else None), out_specs=PartitionSpec())
    check(jax.jit(whole)(x, weights), wanted)
    stacked = None if weights is None else weights.reshape(8, -1)
    found = jax.vmap(part, axis_name="rows")(x.reshape(8, -1, SHAPE[1]), stacked)
    check(jax.tree.map(lambda leaf: leaf[3], found), wanted)


def test_tiles_of_any_size_give_the_whole():
    """An image in uneven tiles, read once and one at a time, has the statistics of the whole."""
    image = pixels(2, (20, 30, 3), mean=20.0)
    tiles = (image[a:b, c:d] for a, b in ((0, 16), (16, 20)) for c, d in ((0, 1), (1, 17), (17, 30)))
    check(stream_moments(tiles), image)
    check(stream_moments([image]), image)


def test_no_tiles():
    """An image of no tiles has no statistics."""
    with pytest.raises(ValueError, match="there are no tiles"):
        stream_moments(iter(()))


def test_batches_and_types():
    """Leading axes are independent, and half precision is computed in float32."""
    x = pixels(3, (2, 3, 40, 4))
    found = MOMENTS(jnp.asarray(x, jnp.bfloat16))
    assert {leaf.dtype for leaf in found} == {jnp.dtype("float32")}
    assert [leaf.shape for leaf in found] == [(2, 3), (2, 3, 4), (2, 3, 4, 4)]
    rounded = np.asarray(jnp.asarray(x, jnp.bfloat16), np.float32)
    for i, j in np.ndindex(2, 3):
        check(jax.tree.map(lambda leaf, at=(i, j): leaf[at], found), rounded[i, j])


def test_gradients():
    """Weights and pixels have the gradient of the covariance, though the mean's detour is hidden from it."""
    x, direction = pixels(4, SHAPE), pixels(5, (SHAPE[1], SHAPE[1]))

    def loss(x):
        found = moments(x)
        return (covariance(found) * direction).sum() + found.mean.sum()

    found = jax.jit(jax.grad(loss))(x)
    centred = x - x.mean(0)
    wanted = centred @ (direction + direction.T) / (SHAPE[0] - 1) + 1 / SHAPE[0]
    np.testing.assert_allclose(found, wanted, atol=1e-5)
