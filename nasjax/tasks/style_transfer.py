"""Photorealistic style transfer, trained as an auto-encoder: nothing is transferred until the network is used."""

from dataclasses import dataclass

from jaxtyping import Array

from nasjax.losses import mse
from nasjax.losses.perceptual import feature_loss
from nasjax.metrics import Protocol, image_metric
from nasjax.nets.vgg import Encoder
from nasjax.sampling import Sampler
from nasjax.task import Batch, Logs, Players, Task
from nasjax.tasks.base import Model, image_spec, in_streams, to_float
from nasjax.typing import Archs, PRNGKey, Scalar

GENERATOR = "generator"
ENCODER = "encoder"  # its layer inside the generator's params


@dataclass(frozen=True)
class StyleTransferTask:
    """What the auto-encoder trains on and by; sizes are pixels."""

    patch: int = 96  # side of a training patch, a multiple of 2^(levels - 1)
    batch: int = 4  # images a stream and step
    pixel: float = 0.5  # weight of the mean squared error of pixels (arXiv 1906.02470, section 3.1)
    feature: float = 0.5  # weight of that of the encoder's features, mean over its levels, each of unit mean

    def __post_init__(self) -> None:
        if min(self.patch, self.batch) < 1 or min(self.pixel, self.feature) < 0:
            raise ValueError(f"style transfer: sizes must be positive and weights not negative, got {self}")


def style_transfer(config: StyleTransferTask, model: Model, sampler: Sampler, *, encoder: Encoder) -> Task:
    """One player, "generator", whose layer "encoder" is frozen; its batch is {"image": uint8 [n, patch, patch, 3]}.

    n = slots * batch. The loss is the mean over streams of weighted pixel and feature errors between an image and its
    reconstruction; features are those of the generator's own encoder. Raises ValueError for a patch that the encoder
    cannot halve often enough.
    """
    if config.patch % (step := 2 ** (len(encoder.widths) - 1)):
        raise ValueError(
            f"style transfer: patch {config.patch} is no multiple of {step}, as {len(encoder.widths)} levels need"
        )

    levels = range(1, len(encoder.widths) + 1)

    def images(batch: Batch) -> Array:
        return in_streams(to_float(batch["image"]), sampler.slots)

    def predict(params: Players, plan: Archs, batch: Batch) -> Array:
        return model.forward(params[GENERATOR], plan, images(batch))

    def loss(params: Players, plan: Archs, batch: Batch, key: PRNGKey) -> tuple[Scalar, Logs]:
        x, y = images(batch), predict(params, plan, batch)
        pixel = mse(y, x)
        feature = feature_loss(encoder.apply, params[GENERATOR][ENCODER], y, target=x, levels=levels)
        return config.pixel * pixel + config.feature * feature, {"pixel": pixel, "feature": feature}

    return Task(
        "style transfer",
        init=lambda key: {GENERATOR: model.init(key)},
        losses={GENERATOR: loss},
        predict=predict,
        target=images,
        metrics={"image": image_metric(Protocol(channel="rgb", crop=0, round_to_uint8=True))},
        batch_spec={"image": image_spec(config.batch * sampler.slots, config.patch)},
    )
