"""Super-resolution: exact low-resolution crops, and a teacher that its students cannot move."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.ops.resize import downscale
from nasjax.sampling import Sampler
from nasjax.tasks.base import Model
from nasjax.tasks.super_resolution import MARGIN, SuperResolutionTask, degrade, super_resolution

TEACHING = Sampler("teaching", 3, False, lambda key, step: jnp.zeros((3, 1), jnp.int32), teacher=0)
PLAIN = TEACHING._replace(teacher=None)
PLAN = np.zeros((3, 1), np.int32)


def gains(scale: int) -> Model:
    """Each stream enlarges by repetition and multiplies with a parameter of its own."""

    def forward(params, plan, x):
        enlarged = jnp.repeat(jnp.repeat(x, scale, axis=-3), scale, axis=-2)
        return params["gain"][:, None, None, None, None] * enlarged

    return Model(lambda key: {"gain": jnp.array([0.9, 0.5, 0.2])}, forward)


def gradient(config: SuperResolutionTask, sampler: Sampler):
    """The gradient of the streams' gains, and what the loss logs."""
    task = super_resolution(config, gains(config.scale), sampler)
    (spec,) = task.batch_spec.values()
    image = jnp.asarray(np.random.default_rng(0).integers(0, 256, spec.shape, np.uint8))
    params = task.init(jax.random.key(0))
    loss = lambda p: task.losses["generator"](p, PLAN, {"image": image}, jax.random.key(1))  # noqa: E731
    grads, logs = jax.grad(loss, has_aux=True)(params)
    return np.asarray(grads["generator"]["gain"]), logs


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_crop_is_reduced_as_the_whole_picture_is(scale):
    """Without its margin, a reduced crop is the same piece of the whole reduced picture."""
    whole = jnp.asarray(np.random.default_rng(1).uniform(-1, 1, (1, 20 * scale, 20 * scale, 3)), jnp.float32)
    low_whole = downscale(whole, scale).clip(-1, 1)
    top, left, size = 5, 3, 6
    side = (size + 2 * MARGIN) * scale
    crop = whole[:, (top - MARGIN) * scale :, (left - MARGIN) * scale :][:, :side, :side]
    low, high = degrade(crop, scale)
    piece = low_whole[:, top : top + size, left : left + size]
    np.testing.assert_allclose(low, piece, atol=2e-6)
    np.testing.assert_array_equal(
        high, whole[:, top * scale : (top + size) * scale, left * scale :][:, :, : size * scale]
    )
    # A margin of one pixel would not do: there the crop's own border is seen.
    near = downscale(crop, scale).clip(-1, 1)[:, 1:-1, 1:-1]
    assert float(jnp.abs(near - low_whole[:, top - 1 : top + size + 1, left - 1 : left + size + 1]).max()) > 1e-3


def test_students_do_not_move_their_teacher():
    """The teacher's gradient is that of its own truth only; the students' is towards the teacher."""
    config = SuperResolutionTask(scale=2, patch=6, batch=2, loss="mse", shared_batch=True)
    taught, logs = gradient(config, TEACHING)
    plain, _ = gradient(config, PLAIN)
    np.testing.assert_allclose(taught[0], plain[0], rtol=1e-5)
    assert (np.abs(taught[1:]) > 1e-3).all()
    assert not np.allclose(taught[1:], plain[1:], rtol=1e-2)
    assert taught[1] < 0 and taught[2] < taught[1]  # both gains must grow towards 0.9, the smaller one more
    assert set(logs) == {"teacher", "distilled"}


def test_without_distillation_students_learn_the_truth():
    """Weight 0 gives every stream its own truth: the loss without a teacher."""
    config = SuperResolutionTask(scale=2, patch=6, batch=2, loss="mse", shared_batch=True, distillation=0.0)
    np.testing.assert_allclose(gradient(config, TEACHING)[0], gradient(config, PLAIN)[0], rtol=1e-5)


def test_a_teacher_needs_students_that_see_its_images():
    """Distillation between streams with images of their own is refused with what to set."""
    with pytest.raises(ValueError, match="'teaching' has a teacher.*shared_batch=True"):
        super_resolution(SuperResolutionTask(scale=2), gains(2), TEACHING)


@pytest.mark.parametrize("shared", [False, True])
def test_shapes(shared):
    """The batch holds crops with margins; prediction and target are streams of patches."""
    config = SuperResolutionTask(scale=2, patch=6, batch=2, shared_batch=shared)
    task = super_resolution(config, gains(2), PLAIN)
    spec = task.batch_spec["image"]
    assert spec.shape == ((2 if shared else 6), 20, 20, 3)
    batch = {"image": jnp.zeros(spec.shape, jnp.uint8)}
    assert task.predict(task.init(jax.random.key(0)), PLAN, batch).shape == (3, 2, 12, 12, 3)
    assert task.target(batch).shape == (3, 2, 12, 12, 3)


def test_impossible_configs_are_refused():
    """An unknown loss names the known ones; sizes and weights are bounded."""
    with pytest.raises(ValueError, match="unknown loss 'l3'; allowed: l1, charbonnier, mse"):
        SuperResolutionTask(loss="l3")
    with pytest.raises(ValueError, match="distillation in 0..1"):
        SuperResolutionTask(distillation=1.5)
