"""One training of a run, resumable alone: its batches, its log, its time, and the weights it leaves."""

import contextlib
import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from zlib import crc32

import jax
import numpy as np
from jax.sharding import Mesh

from nasjax.chain.clock import timed
from nasjax.chain.folder import RunFolder
from nasjax.chain.run import Run
from nasjax.data.pipeline import patches
from nasjax.data.spec import open_source
from nasjax.ops.params import merge_params
from nasjax.sampling import Sampler
from nasjax.space import SearchSpace
from nasjax.task import Task
from nasjax.train.beside import fit_beside
from nasjax.train.config import TrainConfig
from nasjax.train.log import RunLog
from nasjax.train.loop import Data, Training
from nasjax.train.parallel import data_mesh, host_spec
from nasjax.train.processes import is_first
from nasjax.train.state import TrainState
from nasjax.typing import Params, Spec

GENERATOR = "generator"


class Learner(NamedTuple):
    """A task and its sampler, with the compiled steps that its trainings share."""

    task: Task
    sampler: Sampler
    steps: dict[Any, Any]


class Phase(NamedTuple):
    """One training: its name in the run folder, what is trained, and how; `given` as of `phases.claim`.

    `start` are the generator's initial params, None the task's own. `anew`: so do other players begin, such as a
    discriminator or the way back of a cycle; else they go on from where the supernets' trainings left them.
    """

    name: str
    learner: Learner
    space: SearchSpace
    config: TrainConfig
    given: Mapping[str, str] = {}
    start: Params | None = None
    anew: bool = False


def train_phases(
    run: Run, phases: Sequence[Phase], *, alone: bool, on_end: Callable[[TrainState], None] = lambda state: None
) -> list[Params]:
    """The generators' averaged params after trainings, in their order, or what they left when finished before.

    Those that are `alone` run beside one another, one a device; of several processes, on those of the first one. Others
    take all devices. `on_end(state)` is told before a training counts as finished.
    """
    folder = run.folder
    meshes = [data_mesh([device]) for device in jax.local_devices()] if alone else [data_mesh()]
    for phase in phases:
        run.begin(phase.name, phase.given)
    todo = [i for i, phase in enumerate(phases) if not folder.weights(phase.name).is_file()]
    if done := [phase.name for i, phase in enumerate(phases) if i not in todo]:
        run.say(f"{', '.join(done)}: trained before")
    with contextlib.ExitStack() as stack:
        laps = {}

        def made(i: int) -> Training:
            (task, sampler, steps), phase = phases[i].learner, phases[i]
            laps[i] = stack.enter_context(timed(folder, phase.name, beside=min(len(meshes), len(todo))))
            log, params = stack.enter_context(_log(run, phase)), _others(run, phase)
            if phase.start is not None:
                params[GENERATOR] = phase.start
            data = _batches(run, phase, meshes[0], (0, 1) if alone else (jax.process_index(), jax.process_count()))
            return Training(task, phase.space, sampler, data, phase.config, log, params, steps)

        def ended(place: int, state: TrainState) -> None:
            laps[todo[place]].end(int(state.step))
            on_end(state)
            keep(folder, phases[todo[place]].name, state)

        if is_first() or not alone:
            fit_beside([functools.partial(made, i) for i in todo], meshes=meshes, alone=alone, on_end=ended)
    folder.wait_for(*(folder.weights(phase.name) for phase in phases))
    return [folder.load_params(phase.name) for phase in phases]


def keep(folder: RunFolder, name: str, state: TrainState) -> None:
    """Keep the averaged params of every player after a phase; the generator's last, with which it is finished."""
    for player, trained in sorted(state.ema.items(), key=lambda item: item[0] == GENERATOR):
        place = name if player == GENERATOR else f"{name}-{player}"
        folder.save_params(place, jax.tree.map(np.asarray, trained))


def _log(run: Run, phase: Phase) -> RunLog:
    def kept(number: int, params: Mapping[str, Params]) -> None:
        run.folder.save_params(f"{phase.name}-snapshot{number}", jax.tree.map(np.asarray, params[GENERATOR]))

    log = run.log(phase.name, phase.config.steps)
    log.on_snapshot = kept
    return log


def _others(run: Run, phase: Phase) -> dict[str, Params]:
    """Players beside the generator as supernets left them: the leading part of each array; what none had is drawn."""
    task = phase.learner.task
    left = {} if phase.anew else {name: _left(run, name) for name in task.players if name != GENERATOR}
    left = {name: params for name, params in left.items() if params}
    if not left:
        return {}
    wanted = {name: params for name, params in jax.eval_shape(task.init, jax.random.key(0)).items() if name in left}
    found = dict(jax.tree.leaves_with_path(left))
    led = {path: _led(found[path], want) for path, want in jax.tree.leaves_with_path(wanted) if path in found}
    led = {path: params for path, params in led.items() if params is not None}
    if len(led) < len(jax.tree.leaves(wanted)):
        drawn = jax.jit(task.init)(jax.random.fold_in(run.problem.key, crc32(phase.name.encode())))
        wanted = {name: drawn[name] for name in left}
    return jax.tree.map_with_path(lambda path, params: led.get(path, params), wanted)


def _left(run: Run, player: str) -> Params:
    """All that the supernets' trainings have left of a player, the newest of each of its arrays."""
    params: Params = {}
    for stage in run.problem.space.stages:
        name = f"supernet/{stage}-{player}"
        if run.folder.weights(name).is_file():
            params = merge_params(params, run.folder.load_params(name))
    return params


def _led(params: Any, wanted: Any) -> Any:
    """The leading part of an array that is as large as what is wanted, or larger; None of another."""
    fits = np.ndim(params) == len(wanted.shape) and all(map(operator.ge, np.shape(params), wanted.shape))
    return params[tuple(map(slice, wanted.shape))] if fits else None


def _batches(run: Run, phase: Phase, mesh: Mesh, shard: tuple[int, int]) -> Data:
    """The phase's batches; each phase has its own order, drawn from the run's seed and its name."""
    experiment, batches = run.problem.experiment, run.problem.ground.batches
    spec, seed = host_spec(phase.learner.task.batch_spec, mesh), crc32(f"{experiment.seed}/{phase.name}".encode())
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
