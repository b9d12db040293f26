"""Metrics are sums: how the data was cut into batches or spread over devices must not show."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.sharding import AxisType, PartitionSpec

from nasjax.metrics import mean_metric

METRIC = mean_metric(
    {
        "error": lambda p, t, sizes: jnp.abs(p - t).mean(axis=(1, 2, 3)),
        "ratio": lambda p, t, sizes: (p / t).mean(axis=(1, 2, 3)),
    }
)


UPDATE = jax.jit(METRIC.update)


def data(count):
    rng = np.random.default_rng(3)
    return rng.normal(size=(count, 4, 4, 1)).astype(np.float32), np.ones((count, 4, 4, 1), np.float32)


def expected(prediction, target):
    return np.abs(prediction - target).mean(), prediction.mean()


def padded_batches(prediction, target, size):
    """Batches of one size; the last is filled with zeros of weight 0, where 0 / 0 makes the second score NaN."""
    for start in range(0, len(prediction), size):
        p, t = prediction[start : start + size], target[start : start + size]
        fill = [(0, size - len(p)), (0, 0), (0, 0), (0, 0)]
        yield np.pad(p, fill), np.pad(t, fill), (np.arange(size) < len(p)).astype(np.float32)


@settings(deadline=None, max_examples=15)
@given(st.integers(1, 13), st.integers(1, 5))
def test_ragged_batches_are_exact(count, size):
    """Any batch size gives the mean over images, fillers or not."""
    prediction, target = data(count)
    state = METRIC.init()
    for p, t, weight in padded_batches(prediction, target, size):
        state = UPDATE(state, p, t, weight=weight)
    np.testing.assert_allclose(list(METRIC.compute(state).values()), expected(prediction, target), rtol=1e-5, atol=1e-6)


def test_merge_equals_one_pass():
    """Two halves of unequal length, merged."""
    prediction, target = data(7)
    states = [UPDATE(METRIC.init(), prediction[s], target[s]) for s in (slice(0, 2), slice(2, 7))]
    np.testing.assert_allclose(
        list(METRIC.compute(METRIC.merge(*states)).values()), expected(prediction, target), rtol=1e-5, atol=1e-6
    )


def test_devices_merge_by_psum():
    """Eight devices, of which some hold fillers only."""
    prediction, target = data(11)
    ((p, t, weight),) = padded_batches(prediction, target, 16)
    mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))

    def local(p, t, weight):
        return jax.lax.psum(METRIC.update(METRIC.init(), p, t, weight=weight), "data")

    spec = PartitionSpec("data")
    state = jax.jit(jax.shard_map(local, mesh=mesh, in_specs=(spec,) * 3, out_specs=PartitionSpec()))(p, t, weight)
    np.testing.assert_allclose(list(METRIC.compute(state).values()), expected(prediction, target), rtol=1e-5, atol=1e-6)


def test_nothing_counted_is_nan():
    """An empty data set has no mean; zero would look like a score."""
    assert np.isnan(METRIC.compute(METRIC.init())["error"])


def test_names_are_kept():
    """The table of scores names the columns."""
    assert list(METRIC.compute(METRIC.init())) == ["error", "ratio"]
    assert pytest.approx(0) == float(METRIC.init()["error"].count)
