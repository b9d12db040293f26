"""The phases of a run, each resumable alone: train a supernet stage, search it, train one network."""

from collections.abc import Callable

import jax
import numpy as np

from nasjax.chain.clock import timed
from nasjax.chain.folder import Experiment
from nasjax.chain.problem import Problem, validation_pairs
from nasjax.chain.score import population_scorer
from nasjax.chain.training import Phase, fairness, phase_batches, record_fairness, train_phase
from nasjax.config import StageConfig
from nasjax.ops.params import merge_params
from nasjax.sampling import Sampler, pairwise_fair, sandwich, single, strict_fair, uniform
from nasjax.search.aging_evolution import aging_evolution
from nasjax.search.archive import Archive
from nasjax.search.base import Searcher
from nasjax.search.nsga2 import nsga2
from nasjax.search.pareto import hypervolume
from nasjax.search.random import random_search
from nasjax.search.reinforce import reinforce
from nasjax.search.run import run_search
from nasjax.space import SearchSpace
from nasjax.supernet.base import Supernet
from nasjax.task import Task
from nasjax.tasks.base import Model, extracted_model, supernet_model
from nasjax.tasks.super_resolution import SuperResolution, super_resolution
from nasjax.train.log import RunLog
from nasjax.train.parallel import data_mesh
from nasjax.train.precision import compute_dtype
from nasjax.typing import Params

# Of (negative quality, cost), for searchers with one objective: the budget alone bounds the cost.
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


def make_searcher(stage: StageConfig, space: SearchSpace) -> Searcher:
    """The search algorithm that a stage's config names; those for one objective go by quality alone."""
    size = stage.population
    if stage.algorithm == "nsga2":
        return nsga2(space, num_objectives=2, population=size)
    if stage.algorithm == "aging-evolution":
        return aging_evolution(space, population=2 * size, batch=size, weights=_WEIGHTS)
    if stage.algorithm == "reinforce":
        return reinforce(space, batch=size, weights=_WEIGHTS)
    return random_search(space, batch=size)


def train_supernet(experiment: Experiment, stage: StageConfig, space: SearchSpace, *, params: Params) -> Params:
    """Train what a stage can reach of the shared weights; returns all of them, the trained ones averaged."""
    run, problem = experiment.run, experiment.problem
    net, sampler = problem.supernet.at(space), make_sampler(problem, stage, space)
    model = supernet_model(net, sampler, dtype=compute_dtype(stage.train), remat=stage.train.remat)
    task = _task(problem, model, sampler, batch=stage.batch)

    def record(counts: np.ndarray, steps: int) -> None:
        record_fairness(run, stage.stage, fairness(space, sampler, counts=counts, steps=steps))

    phase = Phase(f"supernet/{stage.stage}", task, sampler, space, stage.train)
    return merge_params(params, _train(experiment, phase, params=net.select(params), on_counts=record))


def train_network(
    experiment: Experiment, name: str, net: Supernet, *, arch: np.ndarray, params: Params | None
) -> Params:
    """Train one extracted network as `config.final` says, from `params` or from scratch; returns averaged params."""
    final = experiment.problem.config.final
    model = extracted_model(net, arch, dtype=compute_dtype(final.train), remat=final.train.remat)
    sampler = single(arch)
    task = _task(experiment.problem, model, sampler, batch=final.batch)
    return _train(experiment, Phase(name, task, sampler, net.space, final.train), params=params)


def search_stage(
    experiment: Experiment, stage: StageConfig, space: SearchSpace, *, params: Params, archive: Archive
) -> Archive:
    """Search a stage on shared weights; an interrupted search goes on from its archive."""
    run, problem = experiment.run, experiment.problem
    name, place = f"search/{stage.stage}", problem.supernet.space.stages.index(stage.stage)
    pictures = validation_pairs(problem.config)
    evaluate = population_scorer(problem, problem.supernet.at(space), params, patches=pictures, mesh=data_mesh())
    with timed(run, name) as lap, RunLog(run.path, name, stage.generations, on_write=experiment.live.look) as log:

        def on_generation(generation: int, archive: Archive) -> None:
            log.write(generation + 1, search_figures(archive))
            experiment.live.look(news=True)

        # The last generation that was begun is gone through again: its line is written anew, not twice.
        log.rewind(max((row.generation for row in archive.stage_rows), default=0))
        archive = run_search(
            make_searcher(stage, space),
            evaluate,
            key=jax.random.fold_in(problem.key, 1 + place),
            generations=stage.generations,
            archive=archive,
            chunk=stage.population,
            on_generation=on_generation,
        )
        lap.steps = stage.generations
    return archive


def search_figures(archive: Archive) -> dict[str, float]:
    """What a generation is followed by: how many archs, the best feasible score, and the hypervolume.

    The hypervolume's reference is the worst of the first generation, so that it only grows within a stage.
    """
    rows, front = archive.stage_rows, archive.front()
    worst = np.max([r.objectives for r in rows if r.generation == 0], axis=0)
    volume = hypervolume(np.array([r.objectives for r in front]), worst.tolist()) if front else 0.0
    best = -min((r.objectives[0] for r in front), default=float("nan"))
    return {"evaluated": float(len(rows)), "front": float(len(front)), "hypervolume": float(volume), "best": best}


def _task(problem: Problem, model: Model, sampler: Sampler, *, batch: int) -> Task:
    config = problem.config
    shared = sampler.teacher is not None
    settings = SuperResolution(scale=config.space.scale, patch=config.data.patch, batch=batch, shared_batch=shared)
    return super_resolution(settings, model, sampler)


def _train(
    experiment: Experiment,
    phase: Phase,
    *,
    params: Params | None,
    on_counts: Callable[[np.ndarray, int], None] = lambda counts, steps: None,
) -> Params:
    config = experiment.problem.config

    def data():
        return phase_batches(config.data, config.seed, phase)

    run, live = experiment.run, experiment.live
    return train_phase(run, phase, data=data, params=params, live=live, on_counts=on_counts)
