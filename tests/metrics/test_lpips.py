"""LPIPS by hand, on a trunk of one feature: the image itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.losses import lpips_loss
from nasjax.metrics import lpips, lpips_metric

PARAMS = {"trunk": {}, "heads": {"head0": jnp.array([1.0, 2.0, 4.0])}}


def encode(params, x):
    return (x,)


def test_by_hand():
    """Unit vectors along red and green differ by 1 in each: weights 1 + 2; in half of the positions, half of it."""
    red, green = (jnp.zeros((2, 1, 2, 3)).at[..., c].set(5.0) for c in (0, 1))
    half = green.at[1, :, 0].set(jnp.array([7.0, 0.0, 0.0]))
    np.testing.assert_allclose(lpips(encode, PARAMS, red, target=half), [3.0, 1.5], rtol=1e-6)


def test_metric_is_named_and_averaged():
    """The name says which network; a filler does not count; padding is refused."""
    metric = lpips_metric(encode, PARAMS, "mirror")
    red, green = (jnp.zeros((2, 1, 2, 3)).at[..., c].set(5.0) for c in (0, 1))
    state = metric.update(metric.init(), red, green, weight=jnp.array([1.0, 0.0]))
    assert {name: float(v) for name, v in metric.compute(state).items()} == {"lpips_mirror": pytest.approx(3.0)}
    with pytest.raises(ValueError, match="padded images"):
        metric.update(metric.init(), red, green, sizes=jnp.ones((2, 2), jnp.int32))


def test_as_a_loss():
    """Equal images lose nothing, black ones neither nor NaN; a step against the gradient helps, by `y` alone."""
    y, target = jax.random.uniform(jax.random.key(0), (2, 1, 3, 3, 3), minval=-1.0)
    step = jax.jit(jax.value_and_grad(lambda y, t: lpips_loss(encode, PARAMS, y, target=t), (0, 1)))
    for same in (y, jnp.zeros_like(y)):
        value, grads = step(same, same)
        assert float(value) == pytest.approx(0, abs=1e-9) and np.isfinite(grads).all()
    value, (grad, to_target) = step(y, target)
    assert float(step(y - 0.05 * grad, target)[0]) < float(value) and not np.asarray(to_target).any()
