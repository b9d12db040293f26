"""One step of any task: a plan a device, one gradient mean a player, one update a player.

mesh, sampler = data_mesh(), strict_fair(space)
optimisers = {player: optimiser(config) for player in task.players}
state = init_state(task, space, optimisers, mesh=mesh, seed=0)
step = make_step(task, space, sampler, optimisers=optimisers, mesh=mesh)
for batch in data:
    state, logs = step(state, put_batch(batch, mesh))
"""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, Int

from nasjax.sampling import Sampler, option_counts
from nasjax.space import SearchSpace
from nasjax.task import Batch, Logs, Task
from nasjax.train.compiling import compiler_options
from nasjax.train.parallel import AXIS, replicated
from nasjax.train.state import Optimisers, TrainState, named
from nasjax.typing import Archs, PRNGKey


@runtime_checkable
class StepFn(Protocol):
    """A jitted step: called, or compiled ahead by `lower(state, batch).compile()`."""

    def __call__(self, state: TrainState, batch: Batch) -> tuple[TrainState, dict[str, jax.Array]]:
        """The state after one step, and its logs."""
        ...

    def lower(self, state: TrainState, batch: Batch) -> Any:
        """The step's program, to be compiled."""
        ...


def make_step(
    task: Task, space: SearchSpace, sampler: Sampler, *, optimisers: Optimisers, mesh: Mesh, ema: float = 0.999
) -> StepFn:
    """The jitted `step(state, batch) -> (state, logs)`; the state given to it is donated.

    The batch holds the devices' batches (`task.batch_spec`) one after the other, its leading axis split over the mesh.
    Players are walked in the order of `task.losses`. Logs are scalars on the devices: "loss" (summed over players) and,
    of each player, "loss", "grad_norm" (before clipping) and what its loss returns, under "player/" if there are
    several; of players together with another one, "grad_norm" alone. A step of which any loss, gradient or update is
    not finite changes nothing but `state.failed`.
    """

    def local_plan(key, step):
        return device_plan(sampler, key, step=step, device=jax.lax.axis_index(AXIS))

    draw = _sharded(mesh, local_plan, (P(), P()), P(AXIS))
    gradients = {player: _gradient(task, mesh, player) for player in task.losses}

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, dict[str, jax.Array]]:
        plans, logs, bad = draw(state.key, state.step), {}, []
        params: dict[str, Any] = dict(state.params)
        opt_state, memory = dict(state.opt_state), dict(state.memory or {})
        key = jax.random.fold_in(state.key, state.step)
        for owner in task.losses:
            loss, extra, kept, grads = gradients[owner](params, plans, {**batch, **memory}, named(key, owner))
            memory |= kept
            for player in (owner, *task.together.get(owner, ())):
                updates, opt_state[player] = optimisers[player].update(grads[player], opt_state[player], params[player])
                params[player] = optax.apply_updates(params[player], updates)
                if player in task.after:
                    params[player] = task.after[player](params[player])
                norm = optax.tree.norm(grads[player])
                bad.append(~jnp.isfinite(loss + norm + optax.tree.norm(updates)))
                logs[player] = {**extra, "loss": loss, "grad_norm": norm} if player == owner else {"grad_norm": norm}
        new = state._replace(
            params=params,
            opt_state=opt_state,
            ema=_average(state.ema, params, ema_decay(state.step, ema)),
            step=state.step + 1,
            counts=state.counts + option_counts(space, plans),
            memory=memory or None,
        )
        return _guard(state, new, jnp.stack(bad)), _flat(logs)

    return jax.jit(step, donate_argnums=0, out_shardings=replicated(mesh), compiler_options=compiler_options())


def device_plan(sampler: Sampler, key: PRNGKey, *, step: Int[Array, ""] | int, device: Int[Array, ""] | int) -> Archs:
    """The plan that a device of the mesh trains at a step, from the state's key."""
    return sampler.sample(jax.random.fold_in(named(key, "plan"), device), step)


def ema_decay(step: Int[Array, ""] | int, decay: float) -> jax.Array:
    """The decay of the average at a step, min(decay, (1 + step) / (10 + step)): a short run forgets its start as well.

    `ema <- d * ema + (1 - d) * params`, with the params after the step.
    """
    return jnp.minimum(decay, (1 + step) / (10 + step)).astype(jnp.float32)


def _gradient(task: Task, mesh: Mesh, owner: str):
    """(params, plans, batch, key) -> (loss, logs, memory, gradients by player).

    Memory is each device's own, the others are means over the devices.
    """
    loss_fn, group = task.losses[owner], (owner, *task.together.get(owner, ()))

    def local(params, plan, batch, key):
        key = jax.random.fold_in(key, jax.lax.axis_index(AXIS))
        grad_fn = jax.value_and_grad(lambda own: loss_fn({**params, **own}, plan, batch, key), has_aux=True)
        (loss, found), grads = grad_fn({player: params[player] for player in group})
        logs, kept = ({n: x for n, x in found.items() if (n in task.memory) == is_kept} for is_kept in (False, True))
        loss, logs, grads = jax.lax.pmean((loss, logs, grads), AXIS)
        return loss, logs, kept, grads

    return _sharded(mesh, local, (P(), P(AXIS), P(AXIS), P()), (P(), P(), P(AXIS), P()))


def _sharded(mesh: Mesh, fn: Callable, in_specs, out_specs):
    # Without the check of varying axes, no reduction is placed inside the branches of a switched network, where
    # devices that take different branches would wait for each other for ever.
    return jax.shard_map(fn, mesh=mesh, in_specs=in_specs, out_specs=out_specs, check_vma=False)


def _average(ema, params, decay: jax.Array):
    return jax.tree.map(lambda e, p: decay * e + (1 - decay) * p, ema, params)


def _guard(old: TrainState, new: TrainState, bad: jax.Array) -> TrainState:
    """The new state, or the old one with the first bad player noted; a failed state stays as it is."""
    failed = jnp.where(bad.any(), 1 + jnp.argmax(bad), 0).astype(jnp.int32)
    failed = jnp.where(old.failed > 0, old.failed, failed)
    kept = jax.tree.map(lambda o, n: jnp.where(failed > 0, o, n), old._replace(key=0), new._replace(key=0))
    return kept._replace(key=old.key, failed=failed)


def _flat(logs: dict[str, Logs]) -> dict[str, jax.Array]:
    if len(logs) == 1:
        return dict(next(iter(logs.values())))
    total = sum((own["loss"] for own in logs.values() if "loss" in own), jnp.zeros(()))
    return {"loss": total, **{f"{player}/{name}": x for player, own in logs.items() for name, x in own.items()}}
