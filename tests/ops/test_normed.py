"""Blocks of image-translation generators: masks equal slices, and a norm is what its name says."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.ops.base import formulation
from nasjax.ops.normed import normed, normed_blocks
from nasjax.ops.params import draw, lead

KEY = jax.random.key(0)


def _shaken(specs):
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda a: np.float32(np.asarray(a) + 0.1 * rng.standard_normal(a.shape)), draw(KEY, specs))


@pytest.mark.parametrize("norm", ["affine", "fixed"])
@pytest.mark.parametrize("name", normed_blocks())
def test_masked_block_equals_sliced_block(name, norm):
    """A traced width masks what a static width slices away, for trunk and inner channels, in both formulations."""
    op = normed_blocks(norm)[name]
    p = _shaken(op.params(12, 12, 16))
    x = jax.random.normal(KEY, (2, 6, 7, 12)) * (jnp.arange(12) < 8).reshape(1, 1, 1, 12)
    masked = jax.jit(op.apply)(p, x, jnp.int32(8), jnp.int32(8))
    with formulation("native"):
        narrow = lead(p, op.params(8, 8, 8))
        sliced = jax.jit(lambda p, x: op.apply(p, x, 8, 8))(narrow, x[..., :8])
    np.testing.assert_allclose(masked[..., :8], sliced, atol=5e-5)
    assert not np.asarray(masked[..., 8:]).any()


def test_norms_by_hand():
    """Instance norm gives zero mean and unit variance; affine scales and shifts that; fixed scales and shifts alone."""
    x = 5 + 3 * jax.random.normal(KEY, (1, 8, 8, 2))
    p = {"scale": jnp.array([2.0, 3.0]), "bias": jnp.array([0.5, -1.0])}
    scale, bias = (p[part].reshape(1, 1, 1, 2) for part in ("scale", "bias"))
    plain = normed({}, x, 2)
    np.testing.assert_allclose([plain.mean(), plain.var()], [0, 1], atol=1e-4)
    np.testing.assert_allclose(normed({"norm": p}, x, 2), plain * scale + bias, atol=1e-5)
    np.testing.assert_allclose(normed({"fixed": p}, x, 2), x * scale + bias, atol=1e-5)


def test_a_block_ends_in_a_norm():
    """What a block adds to its input has zero mean and unit variance, whatever the scale of its kernels."""
    for name, op in normed_blocks("instance").items():
        p = jax.tree.map(lambda a: 30 * np.asarray(a), draw(KEY, op.params(8, 8, 8)))
        x = jax.random.normal(KEY, (1, 8, 8, 8))
        added = jax.jit(lambda p, x, op=op: op.apply(p, x, 8, 8) - x)(p, x)
        np.testing.assert_allclose(added.mean((1, 2)), 0, atol=1e-4, err_msg=name)
        np.testing.assert_allclose(added.var((1, 2)), 1, atol=1e-2, err_msg=name)
