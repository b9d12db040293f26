"""Gradient penalties of a discriminator: how steep its score may be, at real images, at generated ones, or between.

score_fn = lambda x: discriminator.apply(params, x)
loss = game.discriminator(score_fn(real), score_fn(fake)) + 0.5 * gamma * (zero_centred(score_fn, real)
                                                                           + zero_centred(score_fn, fake))
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from nasjax.typing import PRNGKey

# images [n, h, w, c] -> scores [n, ...] of each image by itself
ScoreFn = Callable[[Array], Array]


def zero_centred(score_fn: ScoreFn, x: Float[Array, "n h w c"]) -> Float[Array, ""]:
    """The mean over images of the squared gradient norm of the score: R1 at real images, R2 at generated ones.

    Times gamma / 2 it is the penalty of arXiv 1801.04406, section 4.1. The score of an
    image is the sum over a patch discriminator's positions; it must not depend on the other images of the batch.
    """
    return jnp.square(_slopes(score_fn, x)).sum((-3, -2, -1)).mean()


def one_centred(
    score_fn: ScoreFn, real: Float[Array, "n h w c"], fake: Float[Array, "n h w c"], *, key: PRNGKey
) -> Float[Array, ""]:
    """The mean of (gradient norm - 1)^2 at random points between pairs (WGAN-GP, arXiv 1704.00028, equation 3).

    Here the score of an image is the mean over positions, so that a norm of 1 means the same for any patch size.
    """
    share = jax.random.uniform(key, (real.shape[0], 1, 1, 1))
    between = share * real + (1 - share) * fake
    slopes = _slopes(lambda x: _image_mean(score_fn(x)), between)
    # A norm of exactly 0 has no gradient; no discriminator that was trained stands there, one of zeros does.
    norms = jnp.sqrt(jnp.square(slopes).sum((-3, -2, -1)) + 1e-12)
    return jnp.square(norms - 1).mean()


def lazily(penalty_fn: Callable[[], Float[Array, ""]], step: Int[Array, ""], *, every: int) -> Float[Array, ""]:
    """`every` times the penalty at each `every`-th step (0, every, ...), 0 and not computed at the others.

    The mean over steps is that of the penalty itself (StyleGAN2, arXiv 1912.04958, appendix B). ValueError unless
    `every` is 1 or more.
    """
    if every < 1:
        raise ValueError(f"lazily: every must be 1 or more steps, got {every}")
    if every == 1:
        return penalty_fn()
    return jax.lax.cond(step % every == 0, lambda: every * penalty_fn(), lambda: jnp.zeros(()))


def _slopes(score_fn: ScoreFn, x: Array) -> Array:
    """The gradient of each image's score by that image, in float32."""
    return jax.grad(lambda x: score_fn(x).astype(jnp.float32).sum())(x.astype(jnp.float32))


def _image_mean(scores: Array) -> Array:
    return scores.reshape(scores.shape[0], -1).mean(-1)
