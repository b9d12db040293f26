"""Distillation losses by hand and in numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.losses import adapted_mse, adapters, gram_alignment, ssim_loss, style_loss, total_variation
from nasjax.metrics import Protocol, ssim
from nasjax.ops.params import draw

KEY = jax.random.key(2)
RNG = np.random.default_rng(0)


def feature(*shape):
    return jnp.asarray(RNG.normal(size=shape), jnp.float32)


def test_adapted_mse_by_hand():
    """A 1x1 convolution is a matrix: the mean over features of the mean squared error behind it."""
    params = draw(KEY, adapters({"a": 2, "b": 3, "more": 9}, {"a": 4, "b": 5}))
    ours = {"a": feature(2, 3, 3, 2), "b": feature(2, 2, 2, 3), "more": feature(1, 1, 1, 9)}
    theirs = {"a": feature(2, 3, 3, 4), "b": feature(2, 2, 2, 5)}
    each = [
        np.square(np.asarray(ours[name]) @ np.asarray(params[name]["w"][0, 0]) - np.asarray(theirs[name])).mean()
        for name in theirs
    ]
    assert float(adapted_mse(params, ours, theirs)) == pytest.approx(np.mean(each), rel=1e-5)
    to_teacher = jax.grad(lambda t: adapted_mse(params, ours, t))(theirs)
    assert not any(np.asarray(g).any() for g in to_teacher.values())


def test_adapters_need_the_teachers_points():
    """The message has the point that the student lacks, and those that it has."""
    with pytest.raises(ValueError, match="no feature 'group1'; its points: down, up"):
        adapters({"down": 2, "up": 3}, {"down": 3, "group1": 4})


def test_alignment_ignores_rotation_and_scale():
    """Channels rotated into more channels and scaled are the same Gram matrix up to scale."""
    x = feature(2, 3, 2, 4)
    rotation = np.linalg.qr(RNG.normal(size=(6, 6)))[0][:4]
    turned = jnp.asarray(3 * np.asarray(x) @ rotation, jnp.float32)
    assert float(gram_alignment({"a": x}, {"a": turned})) == pytest.approx(0, abs=1e-5)


def test_alignment_equals_its_formula():
    """|Y'X|^2 / (|X'X| |Y'Y|), rows are the positions of the whole batch; orthogonal features lose 1."""
    x, y = feature(2, 3, 2, 4), feature(2, 3, 2, 5)
    a, b = np.asarray(x, np.float64).reshape(12, 4), np.asarray(y, np.float64).reshape(12, 5)
    norm = np.linalg.norm
    wanted = 1 - norm(b.T @ a) ** 2 / (norm(a.T @ a) * norm(b.T @ b))
    assert float(gram_alignment({"a": x}, {"a": y})) == pytest.approx(wanted, rel=1e-5)
    ends = jnp.eye(2).reshape(1, 2, 1, 2)
    assert float(gram_alignment({"a": ends[..., :1]}, {"a": ends[..., 1:]})) == pytest.approx(1)
    dead = jax.grad(lambda x: gram_alignment({"a": x}, {"a": y}))(jnp.zeros_like(x))
    assert np.isfinite(dead).all()


def test_ssim_loss_is_that_of_the_metric():
    """1 - SSIM over RGB without rounding; 0 for equal images, which have no gradient."""
    y, target = (jnp.clip(0.4 * feature(2, 14, 13, 3), -1, 1) for _ in range(2))
    wanted = 1 - np.asarray(jax.jit(lambda y, t: ssim(y, t, Protocol("rgb", 0, False)))(y, target)).mean()
    step = jax.jit(jax.value_and_grad(ssim_loss))
    assert float(step(y, target)[0]) == pytest.approx(wanted, abs=1e-5)
    value, grad = step(y, y)
    assert float(value) == pytest.approx(0, abs=1e-6) and np.abs(grad).max() < 1e-5
    with pytest.raises(ValueError, match="10x13 pixels do not hold the 11x11 window"):
        ssim_loss(y[:, :10], target[:, :10])


def test_style_loss_by_hand():
    """Gram matrices of 1x2 and 1x1 pixels, as in the metric; a mean over images."""
    a, b = jnp.array([[[1.0, 0.0], [0.0, 2.0]]]), jnp.array([[[1.0, 1.0]]])
    one = (0.25 + 1 + 1 + 1) / 4
    assert float(style_loss((a[None],), (b[None],))) == pytest.approx(one)
    assert float(style_loss((jnp.stack([a, a]),), (jnp.stack([a, a]),))) == 0


def test_total_variation_by_hand():
    """A step of 1 down a picture of three rows is half its differences; across there is none."""
    y = jnp.zeros((1, 3, 4, 2)).at[:, 0].set(1.0)
    assert float(total_variation(y)) == pytest.approx(0.5)
    assert float(total_variation(y.transpose(0, 2, 1, 3))) == pytest.approx(0.5)
