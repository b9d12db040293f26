"""One training of a run, resumable alone: its batches, its log, its time, and the weights it leaves."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from zlib import crc32

import jax
import numpy as np

from nasjax.chain.clock import timed
from nasjax.chain.run import Run
from nasjax.data.pipeline import patches
from nasjax.data.spec import open_source
from nasjax.sampling import Sampler
from nasjax.space import SearchSpace
from nasjax.task import Task
from nasjax.train.config import TrainConfig
from nasjax.train.log import RunLog
from nasjax.train.loop import Data, fit
from nasjax.train.parallel import data_mesh, host_spec
from nasjax.typing import Params, Spec

GENERATOR = "generator"


class Phase(NamedTuple):
    """One training: its name in the run folder, what is trained, and how."""

    name: str
    task: Task
    sampler: Sampler
    space: SearchSpace
    config: TrainConfig


def train_phase(
    run: Run,
    phase: Phase,
    *,
    params: Params | None,
    on_counts: Callable[[np.ndarray, int], None] = lambda counts, steps: None,
) -> Params:
    """The generator's averaged params after a phase, or what it left when it was finished before.

    `params` are its initial ones (None: the task's own); other players, such as a discriminator, go on from where the
    last training of the same shapes left them. `on_counts(counts, steps)` is told how often each option was trained.
    """
    folder = run.folder
    run.begin(phase.name)
    if folder.weights(phase.name).is_file():
        return folder.load_params(phase.name)
    start = _others(run, phase) | ({} if params is None else {GENERATOR: params})
    with (
        timed(folder, phase.name) as lap,
        RunLog(folder.path, phase.name, phase.config.steps, on_write=run.live.look) as log,
    ):
        state = fit(
            phase.task,
            phase.space,
            phase.sampler,
            data=_batches(run, phase),
            config=phase.config,
            log=log,
            params=start,
        )
        lap.steps = int(state.step)
    on_counts(np.asarray(state.counts), int(state.step))
    for player, trained in state.ema.items():
        if player != GENERATOR:
            folder.save_params(f"{phase.name}-{player}", jax.tree.map(np.asarray, trained))
    trained = jax.tree.map(np.asarray, state.ema[GENERATOR])
    folder.save_params(phase.name, trained)  # last: with it the phase is finished
    return trained


def _others(run: Run, phase: Phase) -> dict[str, Params]:
    """Players beside the generator from the newest supernet that was trained, where their shapes are the same."""
    players = [name for name in phase.task.losses if name != GENERATOR]
    if not players:
        return {}
    wanted, found = jax.eval_shape(phase.task.init, jax.random.key(0)), {}
    for player in players:
        for stage in run.problem.space.stages:
            name = f"supernet/{stage}-{player}"
            kept = run.folder.load_params(name) if run.folder.weights(name).is_file() else None
            if kept is not None and _shapes(kept) == _shapes(wanted[player]):
                found[player] = kept
    return found


def _shapes(params: Params) -> Any:
    return jax.tree.map(lambda x: (tuple(x.shape), np.dtype(x.dtype).name), params)


def _batches(run: Run, phase: Phase) -> Data:
    """The phase's batches; each phase has its own order, drawn from the run's seed and its name."""
    experiment, batches = run.problem.experiment, run.problem.ground.batches
    spec = host_spec(phase.task.batch_spec, data_mesh())
    seed, shard = crc32(f"{experiment.seed}/{phase.name}".encode()), (jax.process_index(), jax.process_count())
    return _patches(run, spec, seed, shard) if batches is None else batches(spec, seed, shard)


def _patches(run: Run, spec: Mapping[str, Spec], seed: int, shard: tuple[int, int]) -> Data:
    data, shape = run.problem.experiment.data, next(iter(spec.values())).shape
    source = open_source(data.source, "train", on_error=data.on_bad)
    return patches(
        source, patch=shape[1], batch=shape[0], seed=seed, augment=data.augment, on_small=data.on_bad, shard=shard
    )


def fairness(space: SearchSpace, sampler: Sampler, *, counts: np.ndarray, steps: int) -> dict[str, Any]:
    """How often each option was trained, and the largest gap within a choice (0 for the fair samplers)."""
    named = {
        name: {
            space.choices[space.index(name)].options[o]: int(counts[space.index(name), o]) for o in space.options(name)
        }
        for name in space.free
    }
    gap = max((max(c.values()) - min(c.values()) for c in named.values()), default=0)
    row = {"sampler": sampler.name, "slots": sampler.slots, "rounds": steps, "devices": jax.device_count()}
    return row | {"counts": named, "gap": gap}
