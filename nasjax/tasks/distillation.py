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
    colour: float = 1.0  # weight of the colours that a decoder will need beside the teacher's features


def distillation(config: Distillation, student: Encoder, teacher: Encoder, *, target: Params) -> Task:
    """One player, "student": {"encoder", "maps", "colours"}; plans of `sampling.single` over any space.

    The loss is the mean over the student's levels of the squared error between the teacher's feature and a 1x1
    convolution of the student's, relative to the variance of the teacher's; and, weighted, the same for the mean colour
    of each position, without which narrow features forget colours. `predict` gives the deepest mapped feature.
    `target` are the teacher's params.
    """
    levels = len(student.widths)

    def init(key: PRNGKey) -> dict[str, Params]:
        maps = {f"relu{i + 1}": conv_params(1, student.widths[i], teacher.widths[i], gain=1.0) for i in range(levels)}
        colours = {f"relu{i + 1}": conv_params(1, width, 3) for i, width in enumerate(student.widths)}
        specs = {"encoder": student.params(), "maps": maps, "colours": colours}
        return {STUDENT: {name: draw(key, spec) for name, spec in specs.items()}}

    def mapped(params: Players, batch: Batch, head: str = "maps") -> list[jax.Array]:
        own = params[STUDENT]
        features = student.apply(own["encoder"], to_float(batch["image"]))
        maps = [own[head][f"relu{i + 1}"] for i in range(levels)]
        return [conv(p, f, p["w"].shape[-1]) for p, f in zip(maps, features, strict=True)]

    def taught(batch: Batch) -> list[jax.Array]:
        return list(teacher.apply(target, to_float(batch["image"]))[:levels])

    def relative(ours: list[jax.Array], theirs: list[jax.Array]) -> list[jax.Array]:
        return [mse(a, b) / jnp.var(b) for a, b in zip(ours, theirs, strict=True)]

    def loss(params: Players, plan: Archs, batch: Batch, key: PRNGKey) -> tuple[Scalar, Logs]:
        errors = relative(mapped(params, batch), taught(batch))
        lost = relative(mapped(params, batch, "colours"), _pyramid(to_float(batch["image"]), levels))
        logs = {f"relu{i + 1}": e for i, e in enumerate(errors)} | {"colour": jnp.stack(lost).mean()}
        return jnp.stack(errors).mean() + config.colour * logs["colour"], logs

    return Task(
        "distillation",
        init=init,
        losses={STUDENT: loss},
        predict=lambda params, plan, batch: mapped(params, batch)[-1][None],
        target=lambda batch: taught(batch)[-1][None],
        metrics={"feature": mean_metric({"mse": lambda y, t, sizes: jnp.square(y - t).mean((-3, -2, -1))})},
        batch_spec={"image": image_spec(config.batch, config.patch)},
    )


def _pyramid(x: jax.Array, levels: int) -> list[jax.Array]:
    """The images, each level half as large as the one before: means of 2x2 pixels."""
    images = [x]
    for _ in range(levels - 1):
        b, h, w, c = images[-1].shape
        images.append(images[-1].reshape(b, h // 2, 2, w // 2, 2, c).mean((2, 4)))
    return images
