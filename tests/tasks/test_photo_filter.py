"""Photo filters learned from pairs: what is asked for where the input is white."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.losses import ssim_loss
from nasjax.sampling import single
from nasjax.tasks.base import Model, to_float
from nasjax.tasks.photo_filter import FilterLoss, held_white, photo_filter_task


def test_the_target_rolls_off_to_white():
    """By the least channel of the input: at white all white, `share` of the range below it nothing, half-way half."""
    levels = jnp.array([1.0, 0.9, 0.8, 0.5, -1.0])
    x = jnp.broadcast_to(levels[:, None, None, None], (5, 1, 1, 3))
    found = held_white(jnp.full_like(x, 0.2), x, share=0.1)
    np.testing.assert_allclose(found[:, 0, 0, 0], [1.0, 0.6, 0.2, 0.2, 0.2], atol=1e-6)
    red = x.at[..., 1:].set(0.0)  # a bright colour is no white
    np.testing.assert_allclose(held_white(jnp.full_like(x, 0.2), red, share=0.1), 0.2)


@pytest.mark.parametrize(("white", "wanted"), [(0.0, 0.0), (0.25, 0.4)])
def test_clipped_pixels_are_asked_to_stay_white(white, wanted):
    """A filter that gives the truth loses nothing by it, and half of what is between truth and white where a half is.

    One picture of two halves, one of them clipped, whose truth is 0.2.
    """
    model = Model(lambda key: {}, lambda params, plan, x: jnp.full_like(x, 51 / 127.5 - 0.2))
    loss = FilterLoss(lab=0.0, smooth=0.0, monotone=0.0, white=white)
    task = photo_filter_task(loss, model, single(np.zeros(1, np.int32)), patch=4, batch=1)
    x = np.full((1, 4, 4, 3), 100, np.uint8)
    x[:, :2] = 255
    batch = {"input": jnp.asarray(x), "target": jnp.full_like(x, 153)}
    value, _ = jax.jit(task.losses["generator"])({"generator": {}}, jnp.zeros((1, 1), int), batch, jax.random.key(0))
    assert float(value) == pytest.approx(wanted, abs=1e-3)


def test_structure_is_that_of_lightness():
    """Noise in blue alone, which is 7 % of the light, is a change of colour, and hardly one of structure."""
    rng = np.random.default_rng(0)
    target = np.broadcast_to(rng.integers(60, 200, (1, 16, 16, 1)), (1, 16, 16, 3)).astype(np.uint8)
    y = target.astype(np.float32) / 127.5 - 1
    y = y + np.array([0, 0, 0.4], np.float32) * rng.choice([-1, 1], (1, 16, 16, 1))
    model = Model(lambda key: {}, lambda params, plan, x: jnp.asarray(y, jnp.float32)[None])
    loss = FilterLoss(pixel=0.0, lab=0.0, ssim=1.0)
    task = photo_filter_task(loss, model, single(np.zeros(1, np.int32)), patch=16, batch=1)
    batch = {"input": jnp.asarray(target), "target": jnp.asarray(target)}
    _, logs = jax.jit(task.losses["generator"])({"generator": {}}, jnp.zeros((1, 1), int), batch, jax.random.key(0))
    assert 0 < float(logs["ssim"]) < 0.05 < 0.1 < float(ssim_loss(jnp.asarray(y), to_float(jnp.asarray(target))))


def test_a_share_is_of_the_range():
    """More than all of it is nothing that a person can mean."""
    with pytest.raises(ValueError, match="white is a share of the range, 0 to 1, got 2"):
        FilterLoss(white=2.0)
