"""Perceptual super-resolution: a generator and its discriminator learn at once, as one network.

SRGAN (arXiv 1609.04802), with the loss of ESRGAN (arXiv 1809.00219, equation 3): features before activation, and a
relativistic average game. As its authors train it, both sides move from the same picture: so one gradient of the sum of
both losses, each with the other side held fixed, is their update, and Adam moves each weight by itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nasjax.losses import PIXEL_LOSSES, l1, repetition_loss
from nasjax.metrics import image_metric, sr_protocol
from nasjax.task import Batch, Logs, Players, Task
from nasjax.tasks.adversarial import Adversarial, Shown, discriminator_loss, generator_loss
from nasjax.tasks.base import image_spec, to_float
from nasjax.tasks.networks import Fixed
from nasjax.tasks.super_resolution import GENERATOR, SuperResolutionTask, degrade
from nasjax.typing import Archs, Params, PRNGKey, Scalar


@dataclass(frozen=True)
class Perception:
    """What the generator learns by; each weight of 0 switches its term off.

    The defaults are those that the package's perceptual weights were trained with. ESRGAN's (0.01, 1 and 0.005) are for
    features scaled otherwise: here their gradient would be a thousand times the game's, and no discriminator matter.
    """

    pixel: float = 1.0
    pixel_loss: str = "l1"  # l1, charbonnier or mse
    feature: float = 0.02  # mean absolute difference of features of `Pair.encoder`
    game: Adversarial = Adversarial("relativistic-average", weight=0.1)
    repeated: float = 0.0  # how much more than the truth a picture repeats itself by the pixel shuffle's period

    def __post_init__(self) -> None:
        if self.pixel_loss not in PIXEL_LOSSES:
            raise ValueError(f"perception: unknown pixel_loss {self.pixel_loss!r}; allowed: {', '.join(PIXEL_LOSSES)}")
        if min(self.pixel, self.feature, self.repeated) < 0 or self.game.every != 1 or self.game.pool:
            raise ValueError(
                f"perception: weights must not be negative, game.every must be 1 and game.pool 0 (a training of a "
                f"population has no memory), got {self}"
            )


class Pair(NamedTuple):
    """The two sides over the params of both: `generate(params, low) -> y`, `score(params, images) -> scores`.

    Images are `[b, h, w, 3]`; `encoder.apply(params, images)` is one array of features.
    """

    generate: Callable[[Params, Array], Array]
    score: Callable[[Params, Array], Array]
    encoder: Fixed | None = None


def pair_loss(
    config: Perception,
    pair: Pair,
    params: Params,
    *,
    low: Float[Array, "b h w 3"],
    high: Float[Array, "b H W 3"],
    key: PRNGKey,
) -> tuple[Scalar, Logs]:
    """The sum of what both sides minimise, each with the other held fixed; logs are its terms.

    Raises ValueError where features weigh and there is no encoder.
    """
    if config.feature and pair.encoder is None:
        raise ValueError("perceptual super-resolution: perception.feature needs an encoder; give one, or set it to 0")
    fixed, y = jax.lax.stop_gradient(params), pair.generate(params, low)
    terms = {"pixel": config.pixel * PIXEL_LOSSES[config.pixel_loss](y, high)}
    if config.feature and pair.encoder is not None:
        terms["feature"] = config.feature * _feature_loss(pair.encoder, y, high)
    if config.repeated:
        terms["repeated"] = config.repeated * repetition_loss(y, high, high.shape[1] // low.shape[1])
    if not config.game.weight:
        return sum(terms.values(), jnp.zeros(())), terms
    game = generator_loss(config.game, lambda x: pair.score(fixed, x), Shown(high, y), key=key)
    terms["game"] = config.game.weight * game
    shown = Shown(high, jax.lax.stop_gradient(y))
    own, logs = discriminator_loss(
        config.game, lambda x: pair.score(params, x), shown, key=key, step=jnp.zeros((), jnp.int32)
    )
    told = {f"discriminator/{name}": value for name, value in {**logs, "loss": own}.items()}
    return sum(terms.values(), own), {**terms, **told}


def perceptual_super_resolution(
    config: SuperResolutionTask, perception: Perception, pair: Pair, *, init: Callable[[PRNGKey], Params]
) -> Task:
    """One player, "generator", that is a pair; its batch is {"image": uint8 [batch, crop, crop, 3]}.

    `init(key)` draws the params of both. What is predicted and measured is the generator's picture.
    """

    def loss(players: Players, plan: Archs, batch: Batch, key: PRNGKey) -> tuple[Scalar, Logs]:
        low, high = pairs_of(batch["image"], config.scale)
        return pair_loss(perception, pair, players[GENERATOR], low=low, high=high, key=key)

    def predict(players: Players, plan: Archs, batch: Batch) -> Array:
        return pair.generate(players[GENERATOR], pairs_of(batch["image"], config.scale)[0])[None]

    return Task(
        f"perceptual super-resolution x{config.scale}",
        init=lambda key: {GENERATOR: init(key)},
        losses={GENERATOR: loss},
        predict=predict,
        target=lambda batch: pairs_of(batch["image"], config.scale)[1][None],
        metrics={"image": image_metric(sr_protocol(config.scale))},
        batch_spec={"image": image_spec(config.batch, config.crop)},
    )


def pairs_of(images: Any, scale: int) -> tuple[Array, Array]:
    """Low and high resolution of uint8 crops."""
    return degrade(to_float(images), scale)


def _feature_loss(encoder: Fixed, y: Array, target: Array) -> Scalar:
    params, target = jax.lax.stop_gradient((encoder.params, target))
    return l1(encoder.apply(params, y), encoder.apply(params, target))
