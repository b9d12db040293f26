"""One training of a run, resumable alone: its batches, its log, its time, and the weights it leaves."""

from collections.abc import Callable
from typing import Any, NamedTuple
from zlib import crc32

import jax
import numpy as np

from nasjax.chain.clock import timed
from nasjax.chain.folder import RunFolder
from nasjax.chain.live import LiveReport
from nasjax.config import DataConfig
from nasjax.data.pipeline import PatchIterator, patches
from nasjax.data.spec import open_source
from nasjax.sampling import Sampler
from nasjax.space import SearchSpace
from nasjax.task import Task
from nasjax.train.config import TrainConfig
from nasjax.train.log import RunLog
from nasjax.train.loop import fit
from nasjax.train.parallel import data_mesh, host_spec
from nasjax.typing import Params

GENERATOR = "generator"


class Phase(NamedTuple):
    """One training: its name in the run folder, what is trained, and how."""

    name: str
    task: Task
    sampler: Sampler
    space: SearchSpace
    config: TrainConfig


def train_phase(
    run: RunFolder,
    phase: Phase,
    *,
    data: Callable[[], PatchIterator],
    params: Params | None,
    live: LiveReport | None = None,
    on_counts: Callable[[np.ndarray, int], None] = lambda counts, steps: None,
) -> Params:
    """The generator's averaged params after a phase, or what it left when it was finished before.

    `params` are its initial ones (None: the task's own); `on_counts(counts, steps)` is told how often each option was
    trained.
    """
    if run.weights(phase.name).is_file():
        return run.load_params(phase.name)
    look = live.look if live is not None else lambda: None
    with timed(run, phase.name) as lap, RunLog(run.path, phase.name, phase.config.steps, on_write=look) as log:
        state = fit(
            phase.task,
            phase.space,
            phase.sampler,
            data=data(),
            config=phase.config,
            log=log,
            params=None if params is None else {GENERATOR: params},
        )
        lap.steps = int(state.step)
    on_counts(np.asarray(state.counts), int(state.step))
    trained = jax.tree.map(np.asarray, state.ema[GENERATOR])
    run.save_params(phase.name, trained)
    return trained


def phase_batches(data: DataConfig, seed: int, phase: Phase) -> PatchIterator:
    """The phase's batches; each phase has its own order, drawn from the run's seed and its name."""
    spec = host_spec(phase.task.batch_spec, data_mesh())["image"].shape
    return patches(
        open_source(data.source, "train", on_error=data.on_bad),
        patch=spec[1],
        batch=spec[0],
        seed=crc32(f"{seed}/{phase.name}".encode()),
        augment=data.augment,
        on_small=data.on_bad,
        shard=(jax.process_index(), jax.process_count()),
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


def record_fairness(run: RunFolder, stage: str, row: dict[str, Any]) -> None:
    """Put a stage's row into `fairness.json`."""
    rest = [r for r in run.read("fairness.json", {"stages": []})["stages"] if r["stage"] != stage]
    run.write("fairness.json", {"stages": [*rest, {"stage": stage} | row]})
