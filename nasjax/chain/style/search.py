"""The phases of a style search: train a supernet stage by auto-encoding, search it, fine-tune and score finalists."""

import functools
from typing import NamedTuple

import jax
import numpy as np

from nasjax.chain.clock import timed
from nasjax.chain.folder import RunFolder
from nasjax.chain.live import LiveReport
from nasjax.chain.style.config import OBJECTIVES
from nasjax.chain.style.problem import StyleProblem
from nasjax.chain.style.score import Judge, evaluation, make_judge, measure, style_scorer
from nasjax.chain.training import Phase, fairness, phase_batches, record_fairness, train_phase
from nasjax.config import StageConfig
from nasjax.ops.params import merge_params
from nasjax.sampling import Sampler, pairwise_fair, single, strict_fair, uniform
from nasjax.search.aging_evolution import aging_evolution
from nasjax.search.archive import Archive, Row
from nasjax.search.base import Searcher
from nasjax.search.nsga2 import nsga2
from nasjax.search.random import random_search
from nasjax.search.reinforce import reinforce
from nasjax.search.run import run_search
from nasjax.space import SearchSpace
from nasjax.tasks.base import extracted_model, supernet_model
from nasjax.tasks.style_transfer import StyleTransfer, style_transfer
from nasjax.train.compiling import compiler_options
from nasjax.train.config import TrainConfig
from nasjax.train.log import RunLog
from nasjax.train.parallel import data_mesh
from nasjax.train.precision import compute_dtype
from nasjax.typing import Arch, Params


class Finalist(NamedTuple):
    """One of the best: its arch, inherited total, and one row of scores and its params for each fine-tuning."""

    arch: np.ndarray
    inherited: float
    totals: list[float]
    scores: list[dict[str, float]]
    params: list[Params]


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
    task = style_transfer(_task(problem, stage.batch), model, sampler, encoder=problem.supernet.forward.encoder)
    phase = Phase(f"supernet/{stage.stage}", task, sampler, space, stage.train)

    def record(counts: np.ndarray, steps: int) -> None:
        record_fairness(run, stage.stage, fairness(space, sampler, counts=counts, steps=steps))

    trained = train_phase(
        run, phase, data=_batches(problem, phase), params=net.select(params), live=live, on_counts=record
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


def rank(row: Row) -> tuple[float, float]:
    """The order in which a style search prefers rows: feasible ones first, then by the weighted sum of scores."""
    return row.violation, row.columns["total"]


def finalists(archive: Archive, number: int) -> list[Row]:
    """The first rows of the archive's stage, best first."""
    return sorted(archive.stage_rows, key=rank)[:number]


def finetune(
    run: RunFolder,
    problem: StyleProblem,
    rows: list[Row],
    *,
    params: Params,
    judge: Judge,
    live: LiveReport | None = None,
) -> list[Finalist]:
    """Fine-tune each finalist with several seeds and score it each time; resumable, finalist by finalist."""
    settings, done = problem.config.finalists, []
    for place, row in enumerate(rows):
        arch = np.array(row.arch, np.int32)
        names = [f"finalist/{place}-{seed}" for seed in range(settings.seeds)]
        tuned = [
            tune(run, problem, arch, name, train=settings.train, batch=settings.batch, params=params, live=live)
            for name in names
        ]
        scores = [network_scores(problem, arch, p, judge=judge) for p in tuned]
        totals = [network_total(problem, arch, s) for s in scores]
        done.append(Finalist(arch, float(row.columns["total"]), totals, scores, tuned))
    return done


def network_scores(problem: StyleProblem, arch: Arch, params: Params, *, judge: Judge) -> dict[str, float]:
    """The scores of one extracted network."""
    module = problem.stylising.extract(arch)
    scores = jax.jit(
        lambda params, judge: measure(lambda x: module.apply({"params": params}, x), judge),
        compiler_options=compiler_options(),
    )
    found = scores(params, judge)
    return {name: float(v) for name, v in found.items()}


def network_total(problem: StyleProblem, arch: np.ndarray, scores: dict[str, float]) -> float:
    """The weighted sum that decides, of one network's scores and exact cost."""
    return float(evaluation(problem, arch[None], _rows(scores)).columns["total"][0])


def tune(
    run: RunFolder,
    problem: StyleProblem,
    arch: np.ndarray,
    name: str,
    *,
    train: TrainConfig,
    batch: int,
    params: Params,
    live: LiveReport | None = None,
) -> Params:
    """Train one network alone from the shared weights `params`, as the phase `name`; resumable."""
    net, sampler = problem.supernet, single(arch)
    model = extracted_model(net, arch, dtype=compute_dtype(train), remat=train.remat)
    task = style_transfer(_task(problem, batch), model, sampler, encoder=net.forward.encoder)
    phase = Phase(name, task, sampler, net.space, train)
    start = jax.tree.map(np.asarray, net.extract_params(params, arch))
    return problem.frozen(train_phase(run, phase, data=_batches(problem, phase), params=start, live=live))


def _figures(archive: Archive) -> dict[str, float]:
    rows = archive.stage_rows
    kept = [r.columns["total"] for r in rows if r.violation <= 0]
    return {
        "evaluated": float(len(rows)),
        "front": float(len(archive.front())),
        "best": min(kept, default=float("nan")),
    }


def _task(problem: StyleProblem, batch: int) -> StyleTransfer:
    config = problem.config
    return StyleTransfer(patch=config.data.patch, batch=batch, pixel=config.pixel, feature=config.feature)


def _batches(problem: StyleProblem, phase: Phase):
    return lambda: phase_batches(problem.config.data, problem.config.seed, phase)


def _rows(scores: dict[str, float]) -> dict[str, np.ndarray]:
    return {name: np.array([v]) for name, v in scores.items()}
