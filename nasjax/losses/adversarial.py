"""The two sides of a generative adversarial game; scores are a discriminator's raw outputs, of any shape."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Scores = Float[Array, "*d"]


def hinge_discriminator(real: Scores, fake: Scores) -> Float[Array, ""]:
    """Mean hinge of real scores below 1 plus fake scores above -1 (geometric GAN, arXiv 1705.02894, equation 5)."""
    return jax.nn.relu(1 - real.astype(jnp.float32)).mean() + jax.nn.relu(1 + fake.astype(jnp.float32)).mean()


def hinge_generator(fake: Scores) -> Float[Array, ""]:
    """Minus the mean score of generated images (same source, equation 6)."""
    return -fake.astype(jnp.float32).mean()
