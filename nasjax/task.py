"""What a user writes and a trainer walks: players, their losses, and the batch they need."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import jax

from nasjax.metrics.base import Metric
from nasjax.typing import Archs, Params, PRNGKey, Spec

Players: TypeAlias = Mapping[str, Params]
Batch: TypeAlias = Mapping[str, Any]
Logs: TypeAlias = Mapping[str, jax.Array]
# (params of every player, plan int32[slots, k], one device's batch, key) -> (scalar loss, {name: scalar}); under a name
# of the task's memory it returns what that is from the next step on
Loss: TypeAlias = Callable[[Players, Archs, Batch, PRNGKey], tuple[jax.Array, Logs]]


class Task(NamedTuple):
    """Players and their losses, as pure functions.

    `losses` are walked in their order; each is differentiated by its own player's params, and by those of the players
    `together` with it, in one pass; it sees the players before it already updated. `batch_spec` is the batch of *one
    device and one step*: the leading axis holds stream 0's images, then stream 1's, ... `predict(params, plan, batch)
    -> y` with y `[slots, batch, h, w, c]` in [-1, 1], and `target(batch)`, of the same shape, is what `metrics` compare
    it with.

    `memory` are further batch entries, of one device, which training itself writes: zeros at first, then what a loss
    returned under that name in the step before (a pool of earlier images, a count of steps). They are part of the
    state. `after[player]` is applied to a player's params behind each of its updates (a power iteration, a projection).
    """

    name: str
    init: Callable[[PRNGKey], dict[str, Params]]
    losses: Mapping[str, Loss]
    predict: Callable[[Players, Archs, Batch], jax.Array]
    target: Callable[[Batch], jax.Array]
    metrics: Mapping[str, Metric]
    batch_spec: Mapping[str, Spec]
    together: Mapping[str, tuple[str, ...]] = {}
    memory: Mapping[str, Spec] = {}
    after: Mapping[str, Callable[[Params], Params]] = {}

    @property
    def players(self) -> tuple[str, ...]:
        """All players in the order of their updates."""
        return tuple(name for owner in self.losses for name in (owner, *self.together.get(owner, ())))

    def __repr__(self) -> str:
        batch = ", ".join(f"{n} {'x'.join(map(str, s.shape))} {s.dtype}" for n, s in self.batch_spec.items())
        return f"Task({self.name}: players {', '.join(self.players)}; a step takes {batch})"
