"""Feature losses by hand, and where their gradients go."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.losses import feature_loss
from nasjax.losses.perceptual import feature_distance
from nasjax.nets.vgg import init_encoder, vgg

KEY = jax.random.key(0)
ENCODER = vgg((4, 6), (2, 2))
PARAMS = init_encoder(ENCODER, KEY)


def test_distance_by_hand():
    """The mean over the chosen levels of each level's mean square."""
    features = (jnp.zeros((2, 4, 4, 3)), jnp.ones((2, 2, 2, 5)), jnp.full((2, 1, 1, 7), 2.0))
    target = tuple(jnp.zeros_like(f) for f in features)
    assert float(feature_distance(features, target, levels=(1, 2, 3))) == pytest.approx((0 + 1 + 4) / 3)
    assert float(feature_distance(features, target, levels=(3,))) == pytest.approx(4)


@pytest.mark.parametrize("levels", [(), (0,), (1, 3)])
def test_levels_that_are_not_there(levels):
    """The message lists those that are."""
    features = (jnp.zeros((1, 2, 2, 3)), jnp.zeros((1, 1, 1, 3)))
    with pytest.raises(ValueError, match=r"among \[1, 2\]"):
        feature_distance(features, features, levels=levels)


def test_loss_pulls_the_image_alone():
    """Equal images lose nothing; otherwise a step against the gradient helps, and encoder and target stay fixed."""
    y, target = jax.random.uniform(KEY, (2, 1, 8, 8, 3), minval=-1.0)

    def loss(params, y, target):
        return feature_loss(ENCODER.apply, params, y, target=target, levels=(1, 2))

    step = jax.jit(jax.value_and_grad(loss, (0, 1, 2)))
    assert float(step(PARAMS, y, y)[0]) == 0
    before, (to_params, to_y, to_target) = step(PARAMS, y, target)
    assert float(step(PARAMS, y - 0.1 * to_y, target)[0]) < float(before)
    assert np.isfinite(to_y).all() and np.asarray(to_y).any()
    assert not any(np.asarray(g).any() for g in jax.tree.leaves((to_params, to_target)))
