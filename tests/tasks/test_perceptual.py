"""The game of a pair: each side moves by its own loss, the other held fixed; features are those before activation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.losses import gan_loss, repetition_loss
from nasjax.nets.trunks import before_activation, vgg16
from nasjax.ops.params import draw
from nasjax.tasks.adversarial import Adversarial
from nasjax.tasks.networks import Fixed
from nasjax.tasks.perceptual import Pair, Perception, pair_loss, perceptual_super_resolution
from nasjax.tasks.super_resolution import SuperResolutionTask

PARAMS = {"g": jnp.array(0.3), "d": jnp.array(0.7)}
ENCODER = Fixed(lambda params, x: x**2 * params, jnp.array(2.0))


def _enlarge(params, low):
    return params["g"] * low.repeat(2, 1).repeat(2, 2)


PAIR = Pair(_enlarge, lambda params, x: params["d"] * x.mean((1, 2, 3)) ** 2, ENCODER)
LOW, HIGH = (
    jax.random.uniform(jax.random.key(i), (3, side, side, 3), minval=0.1) for i, side in enumerate((4, 8), start=1)
)


def _gradient(config):
    def loss(params):
        return pair_loss(config, PAIR, params, low=LOW, high=HIGH, key=jax.random.key(0))

    (_, logs), gradient = jax.value_and_grad(loss, has_aux=True)(PARAMS)
    return logs, {name: float(g) for name, g in gradient.items()}


@pytest.mark.parametrize("name", ["relativistic-average", "hinge"])
def test_each_side_moves_by_its_own_loss(name):
    """The gradient of the sum is that of two games, as if the one did not know that the other moves."""
    config, game = Perception(pixel=0.5, feature=0.25, game=Adversarial(name, weight=2.0)), gan_loss(name)

    def generator(g):
        y = _enlarge({"g": g}, LOW)
        real, fake = (PAIR.score(PARAMS, x) for x in (HIGH, y))
        feature = jnp.abs(2 * y**2 - 2 * HIGH**2).mean()
        return 0.5 * jnp.abs(y - HIGH).mean() + 0.25 * feature + 2.0 * game.generator(real, fake)

    def discriminator(d):
        real, fake = (PAIR.score({"d": d}, x) for x in (HIGH, _enlarge(PARAMS, LOW)))
        return game.discriminator(real, fake)

    logs, gradient = _gradient(config)
    np.testing.assert_allclose(gradient["g"], jax.grad(generator)(PARAMS["g"]), rtol=1e-4)
    np.testing.assert_allclose(gradient["d"], jax.grad(discriminator)(PARAMS["d"]), rtol=1e-4)
    assert set(logs) == {"pixel", "feature", "game", *(f"discriminator/{n}" for n in ("real", "fake", "loss"))}


def test_without_a_game_the_discriminator_rests():
    """A weight of 0 leaves fidelity and features."""
    logs, gradient = _gradient(Perception(game=Adversarial(weight=0.0)))
    assert gradient["d"] == 0 and gradient["g"] != 0 and set(logs) == {"pixel", "feature"}


def test_a_grid_of_the_scale_is_a_term():
    """What repeats itself by as many pixels as one of the input became, and the truth does not, has its weight."""
    low, high = (jax.random.uniform(jax.random.key(i), (1, side, side, 3)) for i, side in enumerate((15, 30)))
    y = _enlarge(PARAMS, low) + jnp.tile(jnp.array([[0.0, 0.5], [0.3, 0.1]]), (15, 15))[None, :, :, None]
    config = Perception(feature=0.0, game=Adversarial(weight=0.0), repeated=0.5)
    _, logs = pair_loss(
        config, PAIR._replace(generate=lambda params, low: y), PARAMS, low=low, high=high, key=jax.random.key(0)
    )
    assert float(logs["repeated"]) == pytest.approx(0.5 * float(repetition_loss(y, high, 2))) and logs["repeated"] > 0.5


def test_a_feature_loss_needs_an_encoder():
    """It is said, and how to do without."""
    with pytest.raises(ValueError, match=r"perception.feature needs an encoder; give one, or set it to 0"):
        pair_loss(Perception(), PAIR._replace(encoder=None), PARAMS, low=LOW, high=HIGH, key=jax.random.key(0))


@pytest.mark.parametrize("wrong", [dict(pixel=-1.0), dict(game=Adversarial(every=2)), dict(game=Adversarial(pool=5))])
def test_what_a_population_cannot_do_is_refused(wrong):
    """Members have no memory between steps."""
    with pytest.raises(ValueError, match="weights must not be negative, game.every must be 1 and game.pool 0"):
        Perception(**wrong)


def test_the_task_predicts_what_the_generator_makes():
    """One stream of pictures, beside the truth of the same size."""
    task = perceptual_super_resolution(
        SuperResolutionTask(2, patch=4, batch=3), Perception(), PAIR, init=lambda key: dict(PARAMS)
    )
    shape = task.batch_spec["image"].shape
    batch = {"image": jnp.asarray(np.random.default_rng(0).integers(0, 255, shape, np.uint8))}
    predicted = task.predict({"generator": PARAMS}, np.zeros((1, 1), np.int32), batch)
    assert predicted.shape == task.target(batch).shape == (1, 3, 8, 8, 3)


@pytest.mark.parametrize("level", [1, 3])
def test_features_are_those_before_their_activation(level):
    """Positive parts are the trunk's own features; there are negative ones as well."""
    trunk = vgg16()
    params = draw(jax.random.key(0), trunk.params())
    x = jax.random.uniform(jax.random.key(1), (1, 16, 16, 3), minval=-1)
    found = jax.jit(before_activation(level))(params, x)
    np.testing.assert_allclose(jax.nn.relu(found), jax.jit(trunk.apply)(params, x)[level - 1], rtol=1e-4, atol=1e-5)
    assert float(found.min()) < 0


def test_vgg16_has_five_levels():
    """Another level is refused."""
    with pytest.raises(ValueError, match="levels 1 to 5, got 6"):
        before_activation(6)
