"""The games by hand: each formula written out in numpy, and who gains by what."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.losses import GAN_LOSSES, gan_loss

REAL = np.array([[2.0, -0.5], [0.3, 1.5]])
FAKE = np.array([[-2.0, 0.4], [0.1, -0.7]])


def log_sigmoid(x):
    return -np.log1p(np.exp(-x))


def literal(name):
    """(discriminator, generator) as the papers write them, with logarithms and sigmoids."""
    r, f = REAL, FAKE
    relative = log_sigmoid(r - f).mean(), log_sigmoid(f - r).mean()
    real, fake = r - f.mean(), f - r.mean()
    return {
        "hinge": (np.maximum(0, 1 - r).mean() + np.maximum(0, 1 + f).mean(), -f.mean()),
        "lsgan": (((r - 1) ** 2).mean() / 2 + (f**2).mean() / 2, ((f - 1) ** 2).mean() / 2),
        "vanilla": (-log_sigmoid(r).mean() - log_sigmoid(-f).mean(), -log_sigmoid(f).mean()),
        "wasserstein": (f.mean() - r.mean(), -f.mean()),
        "relativistic": (-relative[0], -relative[1]),
        "relativistic-average": (
            -(log_sigmoid(real).mean() + log_sigmoid(-fake).mean()) / 2,
            -(log_sigmoid(-real).mean() + log_sigmoid(fake).mean()) / 2,
        ),
    }[name]


@pytest.mark.parametrize("name", GAN_LOSSES)
def test_games_equal_their_formulas(name):
    """Both sides, in float32 whatever the precision of the scores."""
    game, (real, fake) = gan_loss(name), (jnp.asarray(x, jnp.float32) for x in (REAL, FAKE))
    found = game.discriminator(real, fake), game.generator(real, fake)
    np.testing.assert_allclose(found, literal(name), rtol=1e-6)
    assert game.generator(real.astype(jnp.bfloat16), fake.astype(jnp.bfloat16)).dtype == jnp.float32


@pytest.mark.parametrize("name", GAN_LOSSES)
def test_the_two_sides_pull_apart(name):
    """The discriminator wants real scores up and fake ones down, the generator fake ones up."""
    game, zero = gan_loss(name), jnp.zeros((2, 3))
    real, fake = jax.grad(game.discriminator, (0, 1))(zero, zero)
    assert (real < 0).all()
    # At 0 the least squares are already content with generated images: they are asked to be 0.
    assert (fake == 0).all() if name == "lsgan" else (fake > 0).all()
    assert (jax.grad(game.generator, 1)(zero, zero) < 0).all()


@pytest.mark.parametrize("name", GAN_LOSSES)
def test_extreme_scores_stay_finite(name):
    """A discriminator that is very sure of itself gives large losses and finite gradients."""
    game = gan_loss(name)
    for real, fake in ((200.0, -200.0), (-200.0, 200.0)):
        scores = jnp.full((2,), real), jnp.full((2,), fake)
        for side in (game.discriminator, game.generator):
            value, grads = jax.value_and_grad(side, (0, 1))(*scores)
            assert np.isfinite(value) and np.isfinite(grads).all()


def test_unknown_game():
    """The message lists the games."""
    with pytest.raises(ValueError, match=r"'wgan'; allowed: hinge, lsgan, vanilla, wasserstein"):
        gan_loss("wgan")
