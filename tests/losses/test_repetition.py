"""Patterns of a period: noise and edges have none, a tiled pattern has, on whatever it lies."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.losses import repetition, repetition_loss

measure = jax.jit(repetition, static_argnums=1, static_argnames="cells")
NOISE = np.random.default_rng(0).uniform(-1, 1, (2, 98, 74, 3)).astype(np.float32)
TILE = np.tile(np.random.default_rng(1).uniform(-1, 1, (4, 4, 3)), (25, 19, 1))[None, :98, :74].astype(np.float32)


def test_noise_has_no_period():
    """1 in the mean over windows; 98x74 pixels have 4x3 of 24 pixels."""
    found = measure(NOISE, 4)
    assert found.shape == (2, 4, 3) and float(found.mean()) == pytest.approx(1, abs=0.15)


def test_what_repeats_exactly():
    """As many times as much as there are squares in a window; of another period it is nearly nothing."""
    assert np.allclose(measure(TILE, 4), 36, rtol=1e-3)
    assert np.allclose(measure(TILE, 4, cells=3), 9, rtol=1e-3)
    assert float(measure(TILE, 3).max()) < 20


def test_slopes_and_flat_parts_are_no_patterns():
    """Light that grows evenly has no second differences; nor does a pattern too faint for 8 bits count."""
    slope = np.broadcast_to(np.linspace(-1, 1, 74)[None, None, :, None], (1, 98, 74, 3)).astype(np.float32)
    assert float(measure(slope, 4).max()) < 0.1
    assert float(measure(0.0003 * TILE, 4).max()) < 0.5


def test_the_loss_is_what_is_more_than_the_truth():
    """Nothing where the truth repeats itself as much; a gradient step takes the pattern away, not the picture."""
    textured = NOISE[:1] + TILE
    loss = jax.jit(jax.value_and_grad(repetition_loss), static_argnums=2)
    assert float(loss(TILE, textured, 4)[0]) > 10 and float(loss(textured, TILE, 4)[0]) == 0
    value, slope = loss(textured, NOISE[:1], 4)
    step = 0.1 / jnp.abs(slope).max() * slope
    assert float(loss(textured - step, NOISE[:1], 4)[0]) < 0.95 * float(value)


def test_a_picture_too_small_for_a_window():
    """In words."""
    with pytest.raises(ValueError, match="windows of 26 pixels do not fit into 20x74"):
        repetition(jnp.asarray(NOISE[:, :20]), 4)
