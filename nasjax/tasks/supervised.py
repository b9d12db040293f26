"""The simplest task: pictures go in, pictures are wanted, and a loss says how far they are apart."""

from collections.abc import Callable

import jax
from jaxtyping import Array

from nasjax.losses import l1
from nasjax.metrics import Protocol, image_metric
from nasjax.sampling import Sampler
from nasjax.task import Batch, Logs, Players, Task
from nasjax.tasks.base import Model, image_spec, in_streams, to_float
from nasjax.typing import Archs, PRNGKey, Scalar

GENERATOR = "generator"


def supervised(
    name: str,
    model: Model,
    sampler: Sampler,
    *,
    patch: int,
    batch: int,
    pair: Callable[[Array], tuple[Array, Array]],
    loss: Callable[[Array, Array], Array] = l1,
) -> Task:
    """One player, "generator", which learns the second of `pair(image)` from the first; `batch` images a stream.

    `pair` gets float images `[n, patch, patch, 3]` in [-1, 1] and returns input and target, `[n, ...]` each; the loss
    is the mean of `loss(y, target)` over streams. The batch is {"image": uint8 [slots * batch, patch, patch, 3]}.
    """

    def pairs(given: Batch) -> tuple[Array, Array]:
        x, target = pair(to_float(given["image"]))
        return in_streams(x, sampler.slots), in_streams(target, sampler.slots)

    def predict(params: Players, plan: Archs, given: Batch) -> Array:
        return model.forward(params[GENERATOR], plan, pairs(given)[0])

    def task_loss(params: Players, plan: Archs, given: Batch, key: PRNGKey) -> tuple[Scalar, Logs]:
        return jax.vmap(loss)(predict(params, plan, given), pairs(given)[1]).mean(), {}

    return Task(
        name,
        init=lambda key: {GENERATOR: model.init(key)},
        losses={GENERATOR: task_loss},
        predict=predict,
        target=lambda given: pairs(given)[1],
        metrics={"image": image_metric(Protocol(channel="rgb", crop=0, round_to_uint8=True))},
        batch_spec={"image": image_spec(batch * sampler.slots, patch)},
    )
