"""The phases of a run, each resumable alone: train a supernet stage, search it, train one network."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from nasjax.chain.clock import timed
from nasjax.chain.folder import RunFolder
from nasjax.chain.problem import Problem, validation_pairs
from nasjax.chain.score import population_scorer
from nasjax.config import Algorithm, FinalConfig, StageConfig
from nasjax.sampling import Sampler, pairwise_fair, sandwich, single, strict_fair, uniform
from nasjax.search.aging_evolution import aging_evolution
from nasjax.search.archive import Archive
from nasjax.search.base import Searcher
from nasjax.search.nsga2 import nsga2
from nasjax.search.random import random_search
from nasjax.search.reinforce import reinforce
from nasjax.search.run import run_search
from nasjax.space import SearchSpace
from nasjax.supernet.base import Supernet
from nasjax.task import Task
from nasjax.tasks.base import Model, extracted_model, supernet_model
from nasjax.tasks.super_resolution import GENERATOR, SuperResolution, super_resolution
from nasjax.train.config import TrainConfig
from nasjax.train.log import RunLog
from nasjax.train.loop import fit
from nasjax.train.parallel import data_mesh
from nasjax.train.precision import compute_dtype
from nasjax.typing import Params

# Wall of weights for single-objective searchers: quality first, the cost only breaks ties.
_WEIGHTS = (1.0, 0.0)


def make_sampler(problem: Problem, stage: StageConfig, space: SearchSpace) -> Sampler:
    """The sampler that a stage's config names; raises ValueError when its round would be too large."""
    if stage.sampler == "strict-fair":
        return strict_fair(space)
    if stage.sampler == "pairwise-fair":
        return pairwise_fair(space)
    if stage.sampler == "uniform":
        return uniform(space, stage.slots)
    table = problem.table.restricted(space)
    largest, smallest = table.maximum("params").arch, table.minimum("params").arch
    return sandwich(space, largest, smallest, num_random=max(1, stage.slots - 2))


def make_searcher(algorithm: Algorithm, space: SearchSpace, population: int) -> Searcher:
    """The search algorithm that a stage's config names."""
    if algorithm == "nsga2":
        return nsga2(space, num_objectives=2, population=population)
    if algorithm == "aging-evolution":
        return aging_evolution(space, population=2 * population, batch=population, weights=_WEIGHTS)
    if algorithm == "reinforce":
        return reinforce(space, batch=population, weights=_WEIGHTS)
    return random_search(space, batch=population)


def train_supernet(
    run: RunFolder, problem: Problem, stage: StageConfig, space: SearchSpace, params: Params | None
) -> Params:
    """Train the shared weights over what a stage leaves open, from the stage before; returns the averaged ones."""
    net, sampler = problem.supernet.at(space), make_sampler(problem, stage, space)
    model = supernet_model(net, sampler, dtype=compute_dtype(stage.train.precision), remat=stage.train.remat)
    task = _task(problem, model, sampler, stage.batch)
    phase = f"supernet/{stage.stage}"

    def record_fairness(counts: np.ndarray, steps: int) -> None:
        row = fairness(space, sampler, counts, steps) | {"stage": stage.stage}
        rest = [r for r in run.read("fairness.json", {"stages": []})["stages"] if r["stage"] != stage.stage]
        run.write("fairness.json", {"stages": [*rest, row]})

    return _train(
        run, problem, phase, task, sampler, stage.train, space=space, params=params, on_counts=record_fairness
    )


def train_network(
    run: RunFolder, problem: Problem, phase: str, net: Supernet, arch: np.ndarray, params: Params | None
) -> Params:
    """Train one extracted network as `config.final` says; returns its averaged params."""
    final: FinalConfig = problem.config.final
    model = extracted_model(net, arch, dtype=compute_dtype(final.train.precision), remat=final.train.remat)
    sampler = single(arch)
    task = _task(problem, model, sampler, final.batch)
    return _train(run, problem, phase, task, sampler, final.train, space=net.space, params=params)


def search_stage(
    run: RunFolder, problem: Problem, stage: StageConfig, space: SearchSpace, params: Params, archive: Archive
) -> Archive:
    """Search a stage on shared weights; an interrupted search goes on from its archive."""
    phase, mesh = f"search/{stage.stage}", data_mesh()
    evaluate = population_scorer(
        problem, problem.supernet.at(space), params, validation_pairs(problem.config), mesh=mesh
    )
    log = RunLog(run.path, phase, steps=stage.generations)

    def on_generation(generation: int, archive: Archive) -> None:
        log.log(generation + 1, search_figures(problem, archive))

    with timed(run, phase) as lap:
        archive = run_search(
            make_searcher(stage.algorithm, space, stage.population),
            evaluate,
            key=jax.random.fold_in(problem.key, 1000 + problem.supernet.space.stages.index(stage.stage)),
            generations=stage.generations,
            archive=archive,
            chunk=stage.population,
            on_generation=on_generation,
        )
        lap.steps = stage.generations
    log.close()
    return archive


def search_figures(problem: Problem, archive: Archive) -> dict[str, float]:
    """What a generation is followed by: how many archs, the best feasible score, and the hypervolume."""
    from nasjax.search.pareto import hypervolume

    rows, front = archive.stage_rows, archive.front()
    worst = np.max([r.objectives for r in rows], axis=0) * np.array([1, 1.01])
    volume = hypervolume(np.array([r.objectives for r in front]), worst) if front else 0.0
    best = -min((r.objectives[0] for r in front), default=float("nan"))
    return {"evaluated": len(rows), "front": len(front), "hypervolume": float(volume), "best": best}


def fairness(space: SearchSpace, sampler: Sampler, counts: np.ndarray, steps: int) -> dict[str, Any]:
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


def _task(problem: Problem, model: Model, sampler: Sampler, batch: int) -> Task:
    config = problem.config
    shared = sampler.teacher is not None
    settings = SuperResolution(scale=config.space.scale, patch=config.data.patch, batch=batch, shared_batch=shared)
    return super_resolution(settings, model, sampler)


def _train(
    run: RunFolder,
    problem: Problem,
    phase: str,
    task: Task,
    sampler: Sampler,
    config: TrainConfig,
    *,
    space: SearchSpace,
    params: Params | None,
    on_counts: Callable[[np.ndarray, int], None] | None = None,
) -> Params:
    """Run the trainer for a phase, or load what it left when it was finished before."""
    if run.weights(phase).is_file():
        return run.load_params(phase)
    with timed(run, phase) as lap:
        state = fit(...)
        lap.steps = int(state.step)
    trained = jax.tree.map(np.asarray, state.ema[GENERATOR])
    run.save_params(phase, trained)
    return trained
