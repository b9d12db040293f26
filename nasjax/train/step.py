"""One step of any task: a plan a device, one gradient mean a player, one update a player.

mesh, sampler = data_mesh(), strict_fair(space)
optimisers = {player: optimiser(config) for player in task.losses}
state = init_state(task, space, optimisers, mesh=mesh, seed=0)
step = make_step(task, space, sampler, optimisers=optimisers, mesh=mesh)
for batch in data:
    state, logs = step(state, put_batch(batch, mesh))
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, Int

from nasjax.sampling import Sampler, option_counts
from nasjax.space import SearchSpace
from nasjax.task import Batch, Logs, Task
from nasjax.train.parallel import AXIS, replicated
from nasjax.train.state import Optimisers, TrainState, named
from nasjax.typing import Archs, Params, PRNGKey

StepFn = Callable[[TrainState, Batch], tuple[TrainState, dict[str, jax.Array]]]


def make_step(
    task: Task, space: SearchSpace, sampler: Sampler, *, optimisers: Optimisers, mesh: Mesh, ema: float = 0.999
) -> StepFn:
    """The jitted `step(state, batch) -> (state, logs)`; the state given to it is donated.

    All arithmetic on params is on one flat vector a player (the optimisers see only that): a supernet has hundreds of
    small leaves, and a dozen kernels for each would rule the time to compile and the overhead of a step.

    The batch holds the devices' batches (`task.batch_spec`) one after the other, its leading axis split over the mesh.
    Players are walked in the order of `task.losses`. Logs are scalars on the devices: "loss" (summed over players) and,
    of each player, "loss", "grad_norm" (before clipping) and what its loss returns, under "player/" if there are
    several. A step of which any loss, gradient or update is not finite changes nothing but `state.failed`.
    """

    def local_plan(key, step):
        return device_plan(sampler, key, step=step, device=jax.lax.axis_index(AXIS))

    draw = _sharded(mesh, local_plan, (P(), P()), P(AXIS))
    gradients = {player: _gradient(task, mesh, player) for player in task.losses}

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, dict[str, jax.Array]]:
        plans, logs, bad = draw(state.key, state.step), {}, []
        params, opt_state = dict(state.params), dict(state.opt_state)
        key = jax.random.fold_in(state.key, state.step)
        for player in task.losses:
            (loss, extra), grads = gradients[player](params, plans, batch, named(key, player))
            (flat, unravel), grad = ravel_pytree(params[player]), ravel_pytree(grads)[0]
            updates, opt_state[player] = optimisers[player].update(grad, opt_state[player], flat)
            params[player] = unravel(optax.apply_updates(flat, updates))
            norm = optax.tree.norm(grad)
            bad.append(~jnp.isfinite(loss + norm + optax.tree.norm(updates)))
            logs[player] = {**extra, "loss": loss, "grad_norm": norm}
        new = state._replace(
            params=params,
            opt_state=opt_state,
            ema={player: _average(state.ema[player], params[player], ema_decay(state.step, ema)) for player in params},
            step=state.step + 1,
            counts=state.counts + option_counts(space, plans),
        )
        return _guard(state, new, jnp.stack(bad)), _flat(logs)

    return jax.jit(step, donate_argnums=0, out_shardings=replicated(mesh))


def device_plan(sampler: Sampler, key: PRNGKey, *, step: Int[Array, ""] | int, device: Int[Array, ""] | int) -> Archs:
    """The plan that a device of the mesh trains at a step, from the state's key."""
    return sampler.sample(jax.random.fold_in(named(key, "plan"), device), step)


def ema_decay(step: Int[Array, ""] | int, decay: float) -> jax.Array:
    """The decay of the average at a step, min(decay, (1 + step) / (10 + step)): a short run forgets its start as well.

    `ema <- d * ema + (1 - d) * params`, with the params after the step.
    """
    return jnp.minimum(decay, (1 + step) / (10 + step)).astype(jnp.float32)


def _gradient(task: Task, mesh: Mesh, player: str):
    """(params, plans, batch, key) -> ((loss, logs), gradient of the player), means over the devices."""
    loss_fn = task.losses[player]

    def local(params, plan, batch, key):
        key = jax.random.fold_in(key, jax.lax.axis_index(AXIS))
        grad_fn = jax.value_and_grad(lambda own: loss_fn({**params, player: own}, plan, batch, key), has_aux=True)
        return jax.lax.pmean(grad_fn(params[player]), AXIS)

    return _sharded(mesh, local, (P(), P(AXIS), P(AXIS), P()), P())


def _sharded(mesh: Mesh, fn: Callable, in_specs, out_specs):
    # Without the check of varying axes, no reduction is placed inside the branches of a switched network, where
    # devices that take different branches would wait for each other for ever.
    return jax.shard_map(fn, mesh=mesh, in_specs=in_specs, out_specs=out_specs, check_vma=False)


def _average(ema: Params, params: Params, decay: jax.Array) -> Params:
    flat, unravel = ravel_pytree(ema)
    return unravel(decay * flat + (1 - decay) * ravel_pytree(params)[0])


def _guard(old: TrainState, new: TrainState, bad: jax.Array) -> TrainState:
    """The new state, or the old one with the first bad player noted; a failed state stays as it is."""
    failed = jnp.where(bad.any(), 1 + jnp.argmax(bad), 0).astype(jnp.int32)
    failed = jnp.where(old.failed > 0, old.failed, failed)

    def choose(o: Any, n: Any) -> Any:
        (flat, unravel), other = ravel_pytree(o), ravel_pytree(n)[0]
        return unravel(jnp.where(failed > 0, flat, other))

    kept = {name: choose(getattr(old, name), getattr(new, name)) for name in ("params", "opt_state", "ema")}
    step, counts = (jnp.where(failed > 0, o, n) for o, n in ((old.step, new.step), (old.counts, new.counts)))
    return new._replace(**kept, step=step, counts=counts, failed=failed)


def _flat(logs: dict[str, Logs]) -> dict[str, jax.Array]:
    if len(logs) == 1:
        return dict(next(iter(logs.values())))
    total = sum((own["loss"] for own in logs.values()), jnp.zeros(()))
    return {"loss": total, **{f"{player}/{name}": x for player, own in logs.items() for name, x in own.items()}}
