"""Everything that a step changes, as one pytree: what is checkpointed is exactly this, and the data position."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from zlib import crc32

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int

from nasjax.say import sizes
from nasjax.space import SearchSpace
from nasjax.task import Task
from nasjax.train.parallel import replicate
from nasjax.train.precision import check_kept
from nasjax.typing import Params, PRNGKey

Optimisers = Mapping[str, optax.GradientTransformation]


class Best(NamedTuple):
    """The averaged params that validation found best: after `step` updates, with `value`.

    Before the first validation these are the initial params, with NaN after 0.
    """

    params: dict[str, Params]
    value: Float[Array, ""]
    step: Int[Array, ""]


class TrainState(NamedTuple):
    """State after `step` updates.

    `key` never changes: a step's randomness is `fold_in` of it by name, step and device. `counts[k, o]` is how often
    option o of choice k has been trained, over all devices. `failed` is 0, or 1 + the number of the player (in the
    order of the task's players) whose loss or update was not finite; such a step is not applied, nor any after it.
    `best` is there when `fit` keeps the best params (`validation.Validation`); a step passes it on. `memory` are the
    entries of the task's memory, those of the devices one after the other.
    """

    params: dict[str, Params]
    opt_state: dict[str, Any]
    ema: dict[str, Params]
    step: Int[Array, ""]
    key: PRNGKey
    counts: Int[Array, "k o"]
    failed: Int[Array, ""]
    best: Best | None = None
    memory: dict[str, Array] | None = None

    def __repr__(self) -> str:
        sizes = {p: sum(getattr(x, "size", 0) for x in jax.tree.leaves(tree)) for p, tree in self.params.items()}
        told = ", ".join(f"{player} {size:,}" for player, size in sizes.items())
        return f"TrainState(step {self.step}; params: {told})"


def init_state(
    task: Task,
    space: SearchSpace,
    optimisers: Optimisers,
    *,
    mesh: Mesh,
    seed: int,
    params: Mapping[str, Params] | None = None,
) -> TrainState:
    """The state before the first step, on every device of the mesh.

    `params` replaces the initial params of the players it names (a stage continues the stage before; an extracted
    network is fine-tuned); all are copied, so that a donating step cannot take them from the caller. Raises ValueError
    for unknown players, params of other shapes, or params that are not float32.
    """
    key = jax.random.key(seed)
    given = dict(params or {})
    # Drawn only where it is used: initialising op by op costs seconds of compilation.
    drawn = named(key, "init")
    initial: dict[str, Any] = jax.eval_shape(task.init, drawn) if set(given) >= set(task.players) else task.init(drawn)
    for player in given:
        _check_params(task, player, given[player], initial.get(player))
    start: dict[str, Params] = {name: given[name] if name in given else initial[name] for name in task.players}
    check_kept(start, "params")
    width = max(len(c.options) for c in space.choices)
    state = TrainState(
        params=start,
        opt_state={player: optimisers[player].init(start[player]) for player in task.players},
        ema=start,
        step=jnp.zeros((), jnp.int32),
        key=named(key, "train"),
        counts=jnp.zeros((space.num_choices, width), jnp.int32),
        failed=jnp.zeros((), jnp.int32),
        memory={n: jnp.zeros((s.shape[0] * mesh.size, *s.shape[1:]), s.dtype) for n, s in task.memory.items()} or None,
    )
    return replicate(state, mesh)


def named(key: PRNGKey, name: str) -> PRNGKey:
    """The key of one consumer: adding another shifts nobody's numbers."""
    return jax.random.fold_in(key, crc32(name.encode()))


def _check_params(task: Task, player: str, given: Params, start: Params | None) -> None:
    if start is None:
        raise ValueError(f"params: {task.name} has no player {player!r}; players: {', '.join(task.players)}")
    had, needs = (_sizes_by_leaf(tree) for tree in (given, start))
    for leaf in sorted(had.keys() | needs.keys()):
        if had.get(leaf) != needs.get(leaf):
            raise ValueError(
                f"params of {player!r}: {leaf} is {had.get(leaf, 'missing')}, {task.name} needs "
                f"{needs.get(leaf, 'no such params')}"
            )


def _sizes_by_leaf(tree: Params) -> dict[str, str]:
    """The size of each leaf in words, by its path."""
    leaves = jax.tree.leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): sizes(leaf.shape) for path, leaf in leaves}
