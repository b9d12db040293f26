"""The stages of a style search: train a supernet by auto-encoding, search it on the shared weights."""

import functools
from collections.abc import Callable

import jax
import numpy as np

from nasjax.chain.clock import timed
from nasjax.chain.folder import RunFolder
from nasjax.chain.live import LiveReport
from nasjax.chain.style.config import OBJECTIVES
from nasjax.chain.style.problem import StyleProblem
from nasjax.chain.style.score import make_judge, style_scorer
from nasjax.chain.training import Phase, fairness, phase_batches, record_fairness, train_phase
from nasjax.config import StageConfig
from nasjax.data.pipeline import PatchIterator
from nasjax.ops.params import merge_params
from nasjax.sampling import Sampler, pairwise_fair, strict_fair, uniform
from nasjax.search.aging_evolution import aging_evolution
from nasjax.search.archive import Archive
from nasjax.search.base import Searcher
from nasjax.search.nsga2 import nsga2
from nasjax.search.random import random_search
from nasjax.search.reinforce import reinforce
from nasjax.search.run import run_search
from nasjax.space import SearchSpace
from nasjax.tasks.base import supernet_model
from nasjax.tasks.style_transfer import StyleTransfer, style_transfer
from nasjax.train.log import RunLog
from nasjax.train.parallel import data_mesh
from nasjax.train.precision import compute_dtype
from nasjax.typing import Params


def _stage_sampler(stage: StageConfig, space: SearchSpace) -> Sampler:
    """The sampler that a stage's config names; raises ValueError for one that style transfer has no use for."""
    makers = {"strict-fair": strict_fair, "pairwise-fair": pairwise_fair}
    if stage.sampler in makers:
        return makers[stage.sampler](space)
    if stage.sampler == "uniform":
        return uniform(space, stage.slots)
    raise ValueError(f"stage {stage.stage!r}: sampler {stage.sampler!r}; allowed here: uniform, {', '.join(makers)}")


def stage_searcher(problem: StyleProblem, stage: StageConfig, space: SearchSpace) -> Searcher:
    """The search algorithm that a stage names; those for one objective weigh the objectives as decisions do."""
    size, config = stage.population, problem.config
    known = dict(zip(OBJECTIVES, config.weights, strict=True))
    weights = tuple(known[name] for name in config.objectives)
    if stage.algorithm == "nsga2":
        return nsga2(space, num_objectives=len(config.objectives), population=size)
    if stage.algorithm == "aging-evolution":
        return aging_evolution(space, population=2 * size, batch=size, weights=weights)
    if stage.algorithm == "reinforce":
        return reinforce(space, batch=size, weights=weights)
    return random_search(space, batch=size)


def train_stage(
    run: RunFolder,
    problem: StyleProblem,
    stage: StageConfig,
    *,
    space: SearchSpace,
    params: Params,
    live: LiveReport | None = None,
) -> Params:
    """Train what a stage can reach of the shared weights; returns all of them, the trained ones averaged."""
    net, sampler = problem.supernet.at(space), _stage_sampler(stage, space)
    model = supernet_model(net, sampler, dtype=compute_dtype(stage.train), remat=stage.train.remat)
    task = style_transfer(encoding_task(problem, stage.batch), model, sampler, encoder=problem.supernet.forward.encoder)
    phase = Phase(f"supernet/{stage.stage}", task, sampler, space, stage.train)

    def record(counts: np.ndarray, steps: int) -> None:
        record_fairness(run, stage.stage, fairness(space, sampler, counts=counts, steps=steps))

    trained = train_phase(
        run, phase, data=problem_batches(problem, phase), params=net.select(params), live=live, on_counts=record
    )
    return problem.frozen(merge_params(params, trained))


def search_stage(
    run: RunFolder,
    problem: StyleProblem,
    stage: StageConfig,
    *,
    space: SearchSpace,
    params: Params,
    archive: Archive,
    live: LiveReport | None = None,
) -> Archive:
    """Search a stage on shared weights; an interrupted search goes on from its archive."""
    name, judge = f"search/{stage.stage}", make_judge(problem, params)
    evaluate = style_scorer(problem, space, params, judge=judge, mesh=data_mesh())
    look = functools.partial(live.look, news=True) if live is not None else lambda: None
    with timed(run, name) as lap, RunLog(run.path, name, stage.generations, on_write=look) as log:
        log.rewind(max((row.generation for row in archive.stage_rows), default=0))
        archive = run_search(
            stage_searcher(problem, stage, space),
            evaluate,
            key=jax.random.fold_in(problem.key, 1 + problem.supernet.space.stages.index(stage.stage)),
            generations=stage.generations,
            archive=archive,
            chunk=stage.population,
            on_generation=lambda generation, found: log.write(generation + 1, _figures(found)),
        )
        lap.steps = stage.generations
    return archive


def _figures(archive: Archive) -> dict[str, float]:
    rows = archive.stage_rows
    kept = [r.columns["total"] for r in rows if r.violation <= 0]
    return {
        "evaluated": float(len(rows)),
        "front": float(len(archive.front())),
        "best": min(kept, default=float("nan")),
    }


def encoding_task(problem: StyleProblem, batch: int) -> StyleTransfer:
    """What networks are trained for, `batch` images a stream: auto-encoding, with the config's weights."""
    config = problem.config
    return StyleTransfer(patch=config.data.patch, batch=batch, pixel=config.pixel, feature=config.feature)


def problem_batches(problem: StyleProblem, phase: Phase) -> Callable[[], PatchIterator]:
    """The batches of a phase, made when they are asked for."""
    return lambda: phase_batches(problem.config.data, problem.config.seed, phase)
