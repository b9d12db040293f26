"""The two sides of a generative adversarial game; scores are a discriminator's raw outputs, of any shape.

Each game is a row of `GAN_LOSSES`: what the discriminator minimises and what the generator does, both as functions of
the scores of real and of generated images. The relativistic games compare the two, position by position or with the
mean; the others look at each by itself, and their generator ignores the real scores.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Scores = Float[Array, "*d"]
# (scores of real images, scores of generated images) -> what one side minimises
_SideFn = Callable[[Scores, Scores], Float[Array, ""]]


class GanLoss(NamedTuple):
    """A game: `discriminator(real, fake)` and `generator(real, fake)` are scalars to minimise.

    `paired`: real and fake scores are compared position by position, so they must have one shape.
    """

    discriminator: _SideFn
    generator: _SideFn
    paired: bool = False


def hinge_discriminator(real: Scores, fake: Scores) -> Float[Array, ""]:
    """Mean hinge of real scores below 1 plus fake scores above -1 (geometric GAN, arXiv 1705.02894, equation 5)."""
    return _mean(jax.nn.relu(1 - _f32(real))) + _mean(jax.nn.relu(1 + _f32(fake)))


def hinge_generator(fake: Scores) -> Float[Array, ""]:
    """Minus the mean score of generated images (same source, equation 6)."""
    return -_mean(fake)


def gan_loss(name: str) -> GanLoss:
    """The game of that name; ValueError listing the games on another."""
    if name not in GAN_LOSSES:
        raise ValueError(f"unknown GAN loss {name!r}; allowed: {', '.join(GAN_LOSSES)}")
    return GAN_LOSSES[name]


def _vanilla_discriminator(real: Scores, fake: Scores) -> Float[Array, ""]:
    """-log D(real) - log(1 - D(fake)), D the logistic of the score (arXiv 1406.2661, equation 1)."""
    return _mean(jax.nn.softplus(-_f32(real))) + _mean(jax.nn.softplus(_f32(fake)))


def _vanilla_generator(real: Scores, fake: Scores) -> Float[Array, ""]:
    """-log D(fake): the form that does not saturate (same source, section 3)."""
    return _mean(jax.nn.softplus(-_f32(fake)))


def _least_squares_discriminator(real: Scores, fake: Scores) -> Float[Array, ""]:
    """Half the mean of (real - 1)^2 plus half the mean of fake^2 (LSGAN, arXiv 1611.04076, equation 9)."""
    return 0.5 * _mean(jnp.square(_f32(real) - 1)) + 0.5 * _mean(jnp.square(_f32(fake)))


def _least_squares_generator(real: Scores, fake: Scores) -> Float[Array, ""]:
    """Half the mean of (fake - 1)^2 (same equation)."""
    return 0.5 * _mean(jnp.square(_f32(fake) - 1))


def _wasserstein_discriminator(real: Scores, fake: Scores) -> Float[Array, ""]:
    """Mean fake minus mean real score; needs `gradient_penalty` (WGAN-GP, arXiv 1704.00028, equation 3)."""
    return _mean(fake) - _mean(real)


def _relativistic_discriminator(real: Scores, fake: Scores) -> Float[Array, ""]:
    """-log D(real - fake) of each pair (RpGAN, arXiv 1807.00734, section 4.1; R3GAN, arXiv 2501.05441, adds R1, R2)."""
    return _mean(jax.nn.softplus(_f32(fake) - _f32(real)))


def _average_discriminator(real: Scores, fake: Scores) -> Float[Array, ""]:
    """-log D(real - mean fake) - log(1 - D(fake - mean real)) (RaGAN, arXiv 1807.00734, section 4.2).

    The mean of the two terms, as ESRGAN's authors train (arXiv 1809.00219, section 3.2), whose paper has their sum.
    """
    real, fake = _f32(real), _f32(fake)
    return 0.5 * (_mean(jax.nn.softplus(fake.mean() - real)) + _mean(jax.nn.softplus(fake - real.mean())))


GAN_LOSSES: dict[str, GanLoss] = {
    "hinge": GanLoss(hinge_discriminator, lambda real, fake: hinge_generator(fake)),
    "lsgan": GanLoss(_least_squares_discriminator, _least_squares_generator),
    "vanilla": GanLoss(_vanilla_discriminator, _vanilla_generator),
    "wasserstein": GanLoss(_wasserstein_discriminator, lambda real, fake: hinge_generator(fake)),
    # The generator's side of a relativistic game is the discriminator's with the two changed over.
    "relativistic": GanLoss(
        _relativistic_discriminator, lambda real, fake: _relativistic_discriminator(fake, real), paired=True
    ),
    "relativistic-average": GanLoss(_average_discriminator, lambda real, fake: _average_discriminator(fake, real)),
}


def _f32(x: Scores) -> Scores:
    return x.astype(jnp.float32)


def _mean(x: Scores) -> Float[Array, ""]:
    return _f32(x).mean()
