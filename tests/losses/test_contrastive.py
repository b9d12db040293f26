"""The contrastive loss by hand, and that it knows which patch belongs where."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.losses import contrastive_loss, nce_heads
from nasjax.losses.contrastive import patch_nce
from nasjax.ops.params import draw

KEY = jax.random.key(1)


def test_patch_nce_by_hand():
    """Two orthogonal unit vectors: the own key has product 1, the other 0."""
    own = jnp.eye(2)[None]
    assert float(patch_nce(own, own, tau=0.5)) == pytest.approx(np.log(1 + np.exp(-2)), rel=1e-5)
    assert float(patch_nce(own, own[:, ::-1], tau=0.5)) == pytest.approx(np.log(1 + np.exp(2)), rel=1e-5)


def test_patch_nce_equals_a_softmax():
    """Random unit vectors, softmax written out; images do not see each other's patches."""
    q, k = np.random.default_rng(0).normal(size=(2, 2, 5, 4))
    q, k = (x / np.linalg.norm(x, axis=-1, keepdims=True) for x in (q, k))
    exponents = np.exp(np.einsum("bpd,bqd->bpq", q, k) / 0.07)
    wanted = -np.log(np.einsum("bpp->bp", exponents) / exponents.sum(-1)).mean()
    found = patch_nce(*(jnp.asarray(x, jnp.float32) for x in (q, k)), tau=0.07)
    assert float(found) == pytest.approx(wanted, rel=1e-4)


@pytest.fixture(scope="module")
def layers():
    """Heads and features of two layers, the second with fewer places than are asked for."""
    heads = draw(KEY, nce_heads((6, 3), 16))
    keys = jax.random.split(KEY)
    return heads, (jax.random.normal(keys[0], (2, 5, 4, 6)), jax.random.normal(keys[1], (2, 2, 2, 3)))


def test_own_places_are_recalled(layers):
    """Equal features lose less than those moved by a pixel, and there is no gradient to the input's features."""
    heads, features = layers
    moved = tuple(jnp.roll(f, 1, 2) for f in features)
    loss = jax.jit(lambda ours, theirs: contrastive_loss(heads, ours, theirs, key=KEY, num=12))
    assert float(loss(features, features)) < 0.5 * float(loss(moved, features))
    to_ours, to_theirs = jax.jit(jax.grad(loss, (0, 1)))(moved, features)
    assert all(np.asarray(g).any() and np.isfinite(g).all() for g in to_ours)
    assert not any(np.asarray(g).any() for g in to_theirs)


def test_places_are_drawn_without_repetition(layers):
    """As many places as asked for, each once: constant features then give exactly the logarithm of their number."""
    heads, features = layers
    flat = tuple(jnp.ones_like(f) for f in features)
    found = contrastive_loss(heads, flat, flat, key=KEY, num=12)
    assert float(found) == pytest.approx((np.log(12) + np.log(4)) / 2, rel=1e-5)
