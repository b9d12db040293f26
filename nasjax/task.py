"""What a user writes and a trainer walks: players, their losses, and the batch they need."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import jax

from nasjax.metrics.base import Metric
from nasjax.typing import Archs, Params, PRNGKey, Spec

Players: TypeAlias = Mapping[str, Params]
Batch: TypeAlias = Mapping[str, Any]
Logs: TypeAlias = Mapping[str, jax.Array]
# (params of every player, plan int32[slots, k], one device's batch, key) -> (scalar loss, {name: scalar})
Loss: TypeAlias = Callable[[Players, Archs, Batch, PRNGKey], tuple[jax.Array, Logs]]


class Task(NamedTuple):
    """Players and their losses, as pure functions.

    `losses` are walked in their order; each is differentiated by its own player's params only, and sees the players
    before it already updated. `batch_spec` is the batch of *one device and one step*: the leading axis holds stream 0's
    images, then stream 1's, ... `predict(params, plan, batch) -> y` with y `[slots, batch, h, w, c]` in [-1, 1], and
    `target(batch)`, of the same shape, is what `metrics` compare it with.
    """

    name: str
    init: Callable[[PRNGKey], dict[str, Params]]
    losses: Mapping[str, Loss]
    predict: Callable[[Players, Archs, Batch], jax.Array]
    target: Callable[[Batch], jax.Array]
    metrics: Mapping[str, Metric]
    batch_spec: Mapping[str, Spec]

    def __repr__(self) -> str:
        batch = ", ".join(f"{n} {'x'.join(map(str, s.shape))} {s.dtype}" for n, s in self.batch_spec.items())
        return f"Task({self.name}: players {', '.join(self.losses)}; a step takes {batch})"
