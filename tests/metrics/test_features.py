"""Features of pictures and their sums: how the pictures were cut into batches or spread over devices must not show."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from nasjax.metrics import cached_statistics, collect, merge_moments, moments
from nasjax.metrics.features import gram_vector, pooled

IMAGES = np.random.default_rng(0).normal(size=(11, 4, 4, 3)).astype(np.float32)


@jax.jit
def feature_fn(x):
    return jnp.tanh(x.reshape(len(x), -1)[:, ::5])


@pytest.mark.parametrize("batch", [1, 4, 11, 16])
def test_ragged_batches_are_exact(batch):
    """Any batch size gives the same rows, to the bit, by one program."""
    calls = []

    def counted(x):
        calls.append(x.shape)
        return feature_fn(x)

    found = collect(jax.jit(counted), iter(IMAGES), batch=batch)
    np.testing.assert_array_equal(found, collect(feature_fn, IMAGES, batch=3))
    assert calls == [(batch, 4, 4, 3)]


def test_devices_are_exact():
    """Eight devices, of which the last ones have fillers only."""
    mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
    spread = NamedSharding(mesh, PartitionSpec("data"))
    found = collect(feature_fn, IMAGES, batch=16, sharding=spread)
    np.testing.assert_array_equal(found, collect(feature_fn, IMAGES, batch=16))
    with pytest.raises(ValueError, match="no images"):
        collect(feature_fn, IMAGES[:0], batch=4)


def test_moments_merge():
    """Parts of any size, in float64: the moments of all, hence numpy's mean and covariance."""
    x = collect(feature_fn, IMAGES, batch=4) + 1000  # far from 0, where float32 sums would lose the spread
    parts = merge_moments(merge_moments(moments(x[:1]), moments(x[1:8])), moments(x[8:]))
    whole = moments(x)
    assert parts.count == whole.count == 11
    np.testing.assert_allclose(parts.total, whole.total, rtol=1e-15)
    np.testing.assert_allclose(parts.outer, whole.outer, rtol=1e-15)
    mean = whole.total / 11
    np.testing.assert_allclose((whole.outer - 11 * np.outer(mean, mean)) / 10, np.cov(x.T.astype(float)), atol=1e-8)


def test_pooled_by_hand():
    """Means over positions, levels joined in the order asked for; a Gram vector is the upper triangle."""
    deep = jnp.array([[[1.0, 0.0], [0.0, 2.0]]])  # 1 x 2 pixels of 2 channels
    np.testing.assert_allclose(pooled((deep, 3 * deep)), [0.5, 1.0, 1.5, 3.0])
    np.testing.assert_allclose(pooled((deep, 3 * deep), (2,)), [1.5, 3.0])
    np.testing.assert_allclose(gram_vector(deep), [0.5, 0.0, 2.0])


def test_cached_statistics(tmp_path):
    """Made once; another protocol's file, or no such file at all, is refused, and nothing half written is left."""
    made = []

    def features_fn():
        made.append(1)
        return np.arange(6, dtype=np.float32).reshape(3, 2)

    path = tmp_path / "deep" / "reference.npz"
    for _ in range(2):
        found = cached_statistics(path, "vgg16 relu5_3, 3 pictures", features_fn)
    assert len(made) == 1 and [p.name for p in path.parent.iterdir()] == ["reference.npz"]
    np.testing.assert_array_equal(found.features, [[0, 1], [2, 3], [4, 5]])
    assert found.moments.count == 3
    with pytest.raises(ValueError, match="of 'vgg16 relu5_3, 3 pictures', not of 'clean'"):
        cached_statistics(path, "clean", features_fn)
    whole = path.read_bytes()
    np.savez(tmp_path / "other.npz", a=np.zeros(3)), np.save(tmp_path / "alone.npy", np.zeros(3))
    for content in (
        whole[:100],
        b"",
        b"text",
        *((tmp_path / name).read_bytes() for name in ("other.npz", "alone.npy")),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="reference.npz is damaged, or holds no statistics"):
            cached_statistics(path, "vgg16 relu5_3, 3 pictures", features_fn)
