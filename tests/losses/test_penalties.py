"""Penalties of a discriminator whose slopes are known, and when they are computed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.losses import lazily, one_centred, zero_centred
from nasjax.ops.conv import conv

KEY = jax.random.key(0)
X = jax.random.normal(KEY, (3, 2, 2, 1))
W = jnp.array([1.0, -2.0, 0.5, 2.0]).reshape(1, 2, 2, 1)  # squared norm 9.25


def linear(x):
    """One score an image, of slope W everywhere."""
    return (x * W).sum((-3, -2, -1))


def quadratic(x):
    """A score map whose sum is half the squared norm of the image, so that its slope is the image."""
    return 0.5 * jnp.square(x)


def test_zero_centred_by_hand():
    """A linear score has its weights' squared norm everywhere, a quadratic one that of the images."""
    assert float(zero_centred(linear, X)) == pytest.approx(9.25, rel=1e-6)
    wanted = (np.asarray(X) ** 2).sum((1, 2, 3)).mean()
    assert float(zero_centred(quadratic, X)) == pytest.approx(wanted, rel=1e-6)


def test_one_centred_by_hand():
    """A linear score has one slope everywhere; half of it as many times is the mean over two positions."""
    wanted = (9.25**0.5 - 1) ** 2
    assert float(one_centred(linear, X, 0 * X, key=KEY)) == pytest.approx(wanted, rel=1e-5)
    two = lambda x: jnp.stack([linear(x), 0 * linear(x)], -1)  # noqa: E731
    assert float(one_centred(two, X, 0 * X, key=KEY)) == pytest.approx((9.25**0.5 / 2 - 1) ** 2, rel=1e-5)


def test_one_centred_looks_between():
    """The slope of a quadratic score is the point itself: between an image and itself lies nothing else."""
    at = (np.asarray(X) ** 2).sum((1, 2, 3)) ** 0.5 / 4  # the mean over four positions
    assert float(one_centred(quadratic, X, X, key=KEY)) == pytest.approx(((at - 1) ** 2).mean(), rel=1e-5)
    between = one_centred(quadratic, X, -X, key=KEY)
    assert float(between) > float(one_centred(quadratic, X, X, key=KEY))  # nearer to 0, where the slope is 0


def test_penalties_can_be_trained_by():
    """Second derivatives by the params of a convolution: finite, also of zeros, and those of finite differences."""
    params = {"w": jax.random.normal(KEY, (3, 3, 1, 1)), "b": jnp.zeros((1,))}

    def penalty(p):
        score_fn = lambda x: jnp.tanh(conv(p, x, 1, stride=2))  # noqa: E731
        return zero_centred(score_fn, X) + one_centred(score_fn, X, 0 * X, key=KEY)

    grad = jax.jit(jax.grad(penalty))
    step = 1e-2
    moved = [{"w": params["w"].at[1, 1].add(s), "b": params["b"]} for s in (step, -step)]
    slope = (float(penalty(moved[0])) - float(penalty(moved[1]))) / (2 * step)
    assert float(grad(params)["w"][1, 1, 0, 0]) == pytest.approx(slope, rel=1e-2)
    assert np.isfinite(grad(jax.tree.map(jnp.zeros_like, params))["w"]).all()


def test_lazily_has_the_same_mean():
    """Every third step has three times the penalty, the others none; every step is the penalty itself."""
    found = [float(lazily(lambda: jnp.asarray(2.0), jnp.int32(step), every=3)) for step in range(6)]
    assert found == [6, 0, 0, 6, 0, 0]
    assert float(lazily(lambda: jnp.asarray(2.0), jnp.int32(5), every=1)) == 2
    with pytest.raises(ValueError, match="every must be 1 or more steps, got 0"):
        lazily(lambda: jnp.asarray(2.0), jnp.int32(0), every=0)
