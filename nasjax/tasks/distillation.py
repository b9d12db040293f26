"""A narrow encoder learns the features of a wide one through linear maps (arXiv 2003.08436, section 3.2)."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from nasjax.losses import mse
from nasjax.metrics import mean_metric
from nasjax.nets.vgg import Encoder
from nasjax.ops.conv import conv, conv_params
from nasjax.ops.params import draw
from nasjax.task import Batch, Logs, Players, Task
from nasjax.tasks.base import image_spec, to_float
from nasjax.typing import Archs, Params, PRNGKey, Scalar

STUDENT = "student"


@dataclass(frozen=True)
class Distillation:
    """What the student sees; sizes are pixels."""

    patch: int = 96
    batch: int = 8


def distillation(config: Distillation, student: Encoder, teacher: Encoder, *, target: Params) -> Task:
    """One player, "student": {"encoder", "maps"}; plans of `sampling.single` over any space.

    The loss is the mean over the student's levels of the squared error between the teacher's feature and a 1x1
    convolution of the student's, relative to the variance of the teacher's. `predict` gives the deepest mapped feature.
    `target` are the teacher's params.
    """
    levels = len(student.widths)

    def init(key: PRNGKey) -> dict[str, Params]:
        maps = {f"relu{i + 1}": conv_params(1, student.widths[i], teacher.widths[i], gain=1.0) for i in range(levels)}
        return {STUDENT: {"encoder": draw(key, student.params()), "maps": draw(key, maps)}}

    def mapped(params: Players, batch: Batch) -> list[jax.Array]:
        own = params[STUDENT]
        features = student.apply(own["encoder"], to_float(batch["image"]))
        return [conv(own["maps"][f"relu{i + 1}"], f, teacher.widths[i]) for i, f in enumerate(features)]

    def taught(batch: Batch) -> list[jax.Array]:
        return list(teacher.apply(target, to_float(batch["image"]))[:levels])

    def loss(params: Players, plan: Archs, batch: Batch, key: PRNGKey) -> tuple[Scalar, Logs]:
        errors = [mse(a, b) / jnp.var(b) for a, b in zip(mapped(params, batch), taught(batch), strict=True)]
        return jnp.stack(errors).mean(), {f"relu{i + 1}": e for i, e in enumerate(errors)}

    return Task(
        "distillation",
        init=init,
        losses={STUDENT: loss},
        predict=lambda params, plan, batch: mapped(params, batch)[-1][None],
        target=lambda batch: taught(batch)[-1][None],
        metrics={"feature": mean_metric({"mse": lambda y, t, sizes: jnp.square(y - t).mean((-3, -2, -1))})},
        batch_spec={"image": image_spec(config.batch, config.patch)},
    )
