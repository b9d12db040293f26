"""Super-resolution: enlarge what the antialiased bicubic kernel has reduced."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nasjax.losses import PIXEL_LOSSES
from nasjax.metrics import image_metric, sr_protocol
from nasjax.ops.resize import downscale
from nasjax.sampling import Sampler
from nasjax.task import Batch, Logs, Players, Task
from nasjax.tasks.base import Model, image_spec, in_streams, to_float
from nasjax.tasks.degradation import practical
from nasjax.typing import Archs, PRNGKey, Scalar

# Two low-resolution pixels is how far the reducing kernel reaches: cut off, no trace is left of the crop's borders.
MARGIN = 2
DEGRADATIONS = ("bicubic", "practical")
GENERATOR = "generator"


@dataclass(frozen=True)
class SuperResolutionTask:
    """What super-resolution trains on; sizes are pixels of the low-resolution side."""

    scale: int = 4
    patch: int = 24  # low-resolution pixels a side that the network sees
    batch: int = 16  # images a stream and step
    loss: str = "l1"  # l1, charbonnier or mse
    degradation: str = "bicubic"  # of what is learned from: reduced by bicubic, or also blurred, noisy and compressed
    shared_batch: bool = False  # every stream sees the same images (FairNAS's literal form) instead of its own
    # With a teacher stream: the weight of its output as the others' target; the truth has the rest.
    distillation: float = 1.0

    def __post_init__(self) -> None:
        if self.loss not in PIXEL_LOSSES:
            raise ValueError(f"super-resolution: unknown loss {self.loss!r}; allowed: {', '.join(PIXEL_LOSSES)}")
        if self.degradation not in DEGRADATIONS:
            raise ValueError(
                f"super-resolution: unknown degradation {self.degradation!r}; allowed: {', '.join(DEGRADATIONS)}"
            )
        if min(self.scale, self.patch, self.batch) < 1 or not 0 <= self.distillation <= 1:
            raise ValueError(f"super-resolution: sizes must be positive and distillation in 0..1, got {self}")

    @property
    def crop(self) -> int:
        """High-resolution pixels a side that the pipeline must deliver: the patch and its margin, times the scale."""
        return (self.patch + 2 * MARGIN) * self.scale


def super_resolution(config: SuperResolutionTask, model: Model, sampler: Sampler) -> Task:
    """One player, "generator"; its batch is {"image": uint8 [n, crop, crop, 3]}, n = slots * batch (batch if shared).

    The low-resolution side is made on device, in float and without rounding, clipped to [-1, 1]. The loss is the mean
    over streams of each stream's pixel loss. With a teacher stream (`sandwich`) the others learn from its output, to
    which no gradient flows (universally slimmable networks, arXiv 1903.05134, section 3); that needs `shared_batch`.
    With the degradation "practical" the loss sees low-resolution images after `degradation.practical`; `predict` and
    the metrics see them as bicubic makes them.
    Raises ValueError where it is missing.
    """
    if sampler.teacher is not None and not config.shared_batch:
        raise ValueError(
            f"super-resolution: sampler {sampler.name!r} has a teacher stream, which can only teach streams that see "
            "its own images: set shared_batch=True"
        )

    def pair(batch: Batch) -> tuple[Array, Array]:
        images = in_streams(to_float(batch["image"]), sampler.slots, shared=config.shared_batch)
        return degrade(images, config.scale)

    def predict(params: Players, plan: Archs, batch: Batch) -> Array:
        return model.forward(params[GENERATOR], plan, pair(batch)[0])

    def loss(params: Players, plan: Archs, batch: Batch, key: PRNGKey) -> tuple[Scalar, Logs]:
        low, high = pair(batch)
        if config.degradation == "practical":
            low = practical(key, low.reshape(-1, *low.shape[2:])).reshape(low.shape)
        return _loss(config, sampler, model.forward(params[GENERATOR], plan, low), high)

    num = config.batch * (1 if config.shared_batch else sampler.slots)
    return Task(
        f"super-resolution x{config.scale}",
        init=lambda key: {GENERATOR: model.init(key)},
        losses={GENERATOR: loss},
        predict=predict,
        target=lambda batch: pair(batch)[1],
        metrics={"image": image_metric(sr_protocol(config.scale))},
        batch_spec={"image": image_spec(num, config.crop)},
    )


def degrade(images: Float[Array, "*n h w c"], scale: int) -> tuple[Float[Array, "*n i j c"], Float[Array, "*n H W c"]]:
    """High-resolution crops as (low, high) without their margin, exactly as if cut from the whole reduced picture."""
    low = downscale(images, scale)[..., MARGIN:-MARGIN, MARGIN:-MARGIN, :].clip(-1, 1)
    cut = slice(MARGIN * scale, -MARGIN * scale)
    return low, images[..., cut, cut, :]


def _loss(config: SuperResolutionTask, sampler: Sampler, y: Array, high: Array) -> tuple[Scalar, Logs]:
    pixel = PIXEL_LOSSES[config.loss]
    if sampler.teacher is None:
        return pixel(y, high), {}
    teacher = y[sampler.teacher]
    students = [s for s in range(sampler.slots) if s != sampler.teacher]
    nothing = jnp.zeros(())
    taught = sum((pixel(y[s], jax.lax.stop_gradient(teacher)) for s in students), nothing)
    truth = sum((pixel(y[s], high[s]) for s in students), nothing)
    first, weight = pixel(teacher, high[sampler.teacher]), config.distillation
    total = (first + weight * taught + (1 - weight) * truth) / sampler.slots
    return total, {"teacher": first, "distilled": taught / max(len(students), 1)}
