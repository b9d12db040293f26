"""The game of a discriminator and a generator as two losses over the images that the discriminator is shown."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from nasjax.losses import GAN_LOSSES, diff_augment, gan_loss, lazily, one_centred, zero_centred
from nasjax.losses.augment import POLICIES
from nasjax.task import Logs
from nasjax.typing import Params, PRNGKey, Scalar, Spec


@dataclass(frozen=True)
class Adversarial:
    """How the discriminator plays; each weight of 0 switches its part off."""

    loss: str = "hinge"  # hinge, lsgan, vanilla, wasserstein, relativistic or relativistic-average
    weight: float = 1.0  # of the generator's side
    r1: float = 0.0  # gamma of the gradient penalty at real images, at generated ones (r2): gamma / 2 times its square
    r2: float = 0.0
    slope: float = 0.0  # weight of WGAN-GP's penalty, slopes of 1 between real and generated images
    every: int = 1  # steps between two penalties, which then weigh so many times as much
    augment: tuple[str, ...] = ()  # DiffAugment: of colour, translation, cutout
    pool: int = 0  # earlier generated images that the discriminator is shown half of the time (CycleGAN: 50)

    def __post_init__(self) -> None:
        if self.loss not in GAN_LOSSES:
            raise ValueError(f"adversarial: unknown loss {self.loss!r}; allowed: {', '.join(GAN_LOSSES)}")
        if unknown := [word for word in self.augment if word not in POLICIES]:
            raise ValueError(f"adversarial: unknown augment {unknown[0]!r}; allowed: {', '.join(POLICIES)}")
        if min(self.weight, self.r1, self.r2, self.slope, self.pool) < 0 or self.every < 1:
            raise ValueError(f"adversarial: weights and pool must not be negative, every 1 or more, got {self}")


class Judge(NamedTuple):
    """A discriminator: `apply(params, x[n, h, w, c])` gives scores `[n, ...]`, or a tuple of them, one a scale.

    `nets.discriminators.patch_discriminator` is one; `advance`, if it has one, is applied behind each of its updates.
    """

    init: Callable[[PRNGKey], Any]
    apply: Callable[[Params, Array], Any]
    advance: Callable[[Params], Any] | None = None


class Shown(NamedTuple):
    """What a discriminator compares: images `[n, h, w, 3]`, and what they are made from, if it is shown that too."""

    real: Array
    fake: Array
    condition: Array | None = None


ScoreFn = Callable[[Array], Any]  # of images as the discriminator sees them


def discriminator_loss(
    config: Adversarial, score_fn: ScoreFn, shown: Shown, *, key: PRNGKey, step: Int[Array, ""]
) -> tuple[Scalar, Logs]:
    """The discriminator's side with its penalties; logs "real" and "fake" (mean scores) and "penalty".

    A game that compares pairs sees both of a pair changed alike by the augmentation. Penalties are by the images alone,
    through the augmentation, at `step` 0, `every`, ... ; the scores of several scales weigh alike.
    """
    views, game = _views(config, score_fn, shown, key), gan_loss(config.loss)
    real, fake = views.real(shown.real), views.fake(shown.fake)
    loss = _mean([game.discriminator(r, f) for r, f in zip(real, fake, strict=True)])
    logs = {"real": _mean([r.mean() for r in real]), "fake": _mean([f.mean() for f in fake])}
    if not (config.r1 or config.r2 or config.slope):
        return loss, logs
    penalty = lazily(lambda: _penalty(config, views, shown, key), step, every=config.every)
    return loss + penalty, {**logs, "penalty": penalty}


def generator_loss(config: Adversarial, score_fn: ScoreFn, shown: Shown, *, key: PRNGKey) -> Scalar:
    """The generator's side, not weighted."""
    views, game = _views(config, score_fn, shown, key), gan_loss(config.loss)
    real, fake = views.real(jax.lax.stop_gradient(shown.real)), views.fake(shown.fake)
    return _mean([game.generator(r, f) for r, f in zip(real, fake, strict=True)])


def pool_spec(config: Adversarial, name: str, shape: tuple[int, ...]) -> dict[str, Spec]:
    """The memory of a pool of images of a shape, {} without a pool. Half precision: a seventh of a grey level."""
    if not config.pool:
        return {}
    images = jax.ShapeDtypeStruct((config.pool, *shape), np.float16)
    return {f"pool_{name}": images, f"pooled_{name}": jax.ShapeDtypeStruct((1,), np.int32)}


def from_pool(
    pool: Float[Array, "p h w c"], pooled: Int[Array, " 1"], images: Float[Array, "n h w c"], *, key: PRNGKey
) -> tuple[Float[Array, "n h w c"], Float[Array, "p h w c"], Int[Array, " 1"]]:
    """What is shown instead of the images, and the pool afterwards (CycleGAN, arXiv 1703.10593, section 4).

    Image after image: until the pool is full each is kept and shown; then, half of the time, it changes places with a
    random one of the pool. `pooled` counts what is in it.
    """

    def one(state: tuple[Array, Array], drawn: tuple[Array, Array]) -> tuple[tuple[Array, Array], Array]:
        (pool, count), (image, key) = state, drawn
        full = count >= len(pool)
        place = jnp.where(full, jax.random.randint(key, (), 0, len(pool)), count)
        swapped = full & jax.random.bernoulli(jax.random.fold_in(key, 1))
        old = pool[place]
        pool = pool.at[place].set(jnp.where(full & ~swapped, old, image))
        return (pool, jnp.minimum(count + 1, len(pool))), jnp.where(swapped, old, image)

    state = (pool, pooled[0])
    (kept, count), shown = jax.lax.scan(one, state, (images.astype(pool.dtype), jax.random.split(key, len(images))))
    return shown.astype(images.dtype), kept, count[None]


class _Views(NamedTuple):
    """Scores of real and of generated images, as lists over scales."""

    real: Callable[[Array], list[Array]]
    fake: Callable[[Array], list[Array]]


def _views(config: Adversarial, score_fn: ScoreFn, shown: Shown, key: PRNGKey) -> _Views:
    same = gan_loss(config.loss).paired

    def view(key: PRNGKey) -> Callable[[Array], list[Array]]:
        def scores(x: Array) -> list[Array]:
            seen = x if shown.condition is None else jnp.concatenate([shown.condition, x], -1)
            return jax.tree.leaves(score_fn(diff_augment(seen, key, config.augment)))

        return scores

    first = jax.random.fold_in(key, 0)
    return _Views(view(first), view(first if same else jax.random.fold_in(key, 1)))


def _penalty(config: Adversarial, views: _Views, shown: Shown, key: PRNGKey) -> Scalar:
    def each(scores_fn: Callable[[Array], list[Array]]) -> Callable[[Array], Array]:
        """One score an image: the sum over positions and scales."""
        return lambda x: sum((s.reshape(len(s), -1).sum(-1) for s in scores_fn(x)), jnp.zeros(len(x)))

    def averaged(x: Array) -> Array:
        return _mean([s.reshape(len(s), -1).mean(-1) for s in views.real(x)])

    total = jnp.zeros(())
    if config.r1:
        total += 0.5 * config.r1 * zero_centred(each(views.real), shown.real)
    if config.r2:
        total += 0.5 * config.r2 * zero_centred(each(views.fake), shown.fake)
    if config.slope:
        total += config.slope * one_centred(averaged, shown.real, shown.fake, key=jax.random.fold_in(key, 2))
    return total


def _mean(values: list[Array]) -> Array:
    return jnp.stack(values).mean(0)
