"""Validation beside training: the averaged params are measured now and then, and the best of them kept.

score = lambda params: {"psnr": mean_psnr(params["generator"])}
config = TrainConfig(validate_every=500)
with RunLog(folder, "finetune", config.steps, validation=Validation(score, best="psnr")) as log:
    state = fit(task, space, sampler, data=data, config=config, log=log)
state.best.params["generator"], state.best.value, state.best.step
"""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from nasjax.train.parallel import replicate
from nasjax.train.processes import gather
from nasjax.train.state import Best, TrainState
from nasjax.typing import Params


class Validation(NamedTuple):
    """What `fit` measures every `TrainConfig.validate_every` steps and after the last one.

    `score` gets the averaged params by player, on the devices, and returns numbers by name, which are logged as
    "val/name". With `best`, one of these names, `TrainState.best` is where that number was highest (or lowest, with
    `highest=False`), the first of equals. Every process calls `score`; what the first one gets counts for all.
    """

    score: Callable[[dict[str, Params]], Mapping[str, float]]
    best: str | None = None
    highest: bool = True


def with_best(state: TrainState, mesh: Mesh) -> TrainState:
    """The state with a place for the best params, in which anything that is measured comes before what is there."""
    start = Best(state.ema, jnp.full((), jnp.nan, jnp.float32), jnp.zeros((), jnp.int32))
    return state._replace(best=replicate(start, mesh))


def validate(validation: Validation, state: TrainState, mesh: Mesh) -> tuple[TrainState, dict[str, float]]:
    """The state with its best params renewed, and what was measured, by the names it is logged under.

    Raises ValueError when `validation.best` was not measured.
    """
    values = gather({name: float(value) for name, value in validation.score(state.ema).items()})[0]
    if validation.best is not None and state.best is not None:
        if validation.best not in values:
            raise ValueError(
                f"validation: best={validation.best!r} was not measured; measured: {', '.join(values) or 'nothing'}"
            )
        value = jnp.float32(values[validation.best])
        if _better(float(value), float(state.best.value), validation.highest):
            # A copy: the next step takes the memory of the average.
            params = jax.tree.map(jnp.copy, state.ema)
            value, step = replicate((value, state.step), mesh)
            state = state._replace(best=Best(params, value, step))
    return state, {f"val/{name}": value for name, value in values.items()}


def _better(new: float, old: float, highest: bool) -> bool:
    return math.isnan(old) or (new > old if highest else new < old)
