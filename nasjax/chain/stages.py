"""A stage of a search, resumable at any moment: train its supernet fairly, search it on the shared weights."""

import jax
import numpy as np

from nasjax.basis import fingerprint
from nasjax.chain.clock import timed
from nasjax.chain.measures import TOTAL
from nasjax.chain.problem import Problem
from nasjax.chain.run import Run
from nasjax.chain.score import population_scorer, trial_scorer
from nasjax.chain.training import Learner, Phase, fairness, train_phases
from nasjax.config import StageConfig
from nasjax.ops.params import merge_params
from nasjax.sampling import Sampler, pairwise_fair, sandwich, strict_fair, uniform
from nasjax.search.algorithms import ALGORITHMS
from nasjax.search.archive import Archive
from nasjax.search.base import Searcher
from nasjax.search.pareto import hypervolume
from nasjax.search.run import run_search
from nasjax.space import SearchSpace
from nasjax.tasks.base import supernet_model
from nasjax.train.parallel import data_mesh
from nasjax.train.precision import compute_dtype
from nasjax.train.processes import is_first
from nasjax.train.state import TrainState
from nasjax.typing import Params

_MOST_VOLUME = 3  # objectives of which a hypervolume is computed exactly


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


def make_searcher(problem: Problem, stage: StageConfig, space: SearchSpace) -> Searcher:
    """The search algorithm that a stage's config names; ImportError where it needs an extra."""
    weights = tuple(float(problem.ground.weights.get(name, 0.0)) for name in problem.ground.objectives)
    return ALGORITHMS[stage.algorithm](space, stage.population, weights)


def train_stage(run: Run, stage: StageConfig, space: SearchSpace, *, params: Params) -> Params:
    """Train what a stage can reach of the shared weights; returns all of them, the trained ones averaged."""
    problem = run.problem
    net = problem.networks.supernet.at(space)

    def made() -> Learner:
        sampler = make_sampler(problem, stage, space)
        model = supernet_model(net, sampler, dtype=compute_dtype(stage.train), remat=stage.train.remat)
        return Learner(problem.ground.task(model, sampler, stage.batch), sampler, {})

    learner = problem.kept(("stage", net, stage), made)
    given, start = _given(run, stage.stage, space), net.select(params)
    phase = Phase(f"supernet/{stage.stage}", learner, space, stage.train, given, start)

    def record(state: TrainState) -> None:
        counts, steps = np.asarray(state.counts), int(state.step)
        row = {"stage": stage.stage} | fairness(space, learner.sampler, counts=counts, steps=steps)
        rest = [r for r in run.folder.read("fairness.json", {"stages": []})["stages"] if r["stage"] != stage.stage]
        run.folder.write("fairness.json", {"stages": [*rest, row]})

    [trained] = train_phases(run, [phase], alone=False, on_end=record)
    return problem.frozen(merge_params(params, trained))


def _given(run: Run, stage: str, space: SearchSpace) -> dict[str, str]:
    """What a stage is trained on: the weights that it goes on from, and what is open of its and of earlier choices."""
    stages = space.stages[: space.stages.index(stage) + 1]
    trained = [name for name in stages[:-1] if run.folder.weights(f"supernet/{name}").is_file()]
    opens = {c.name: "|".join(c.options[o] for o in space.options(c.name)) for c in space.choices if c.stage in stages}
    return {"from": f"supernet/{trained[-1]}" if trained else "random weights", **opens}


def search_stage(run: Run, stage: StageConfig, space: SearchSpace, *, params: Params, archive: Archive) -> Archive:
    """Search a stage on shared weights; an interrupted search goes on from its archive."""
    problem, name = run.problem, f"search/{stage.stage}"
    run.begin(name)
    ledger = run.folder.read("ledger.json", [])
    if archive.stage_rows and any(row["phase"] == name and row["steps"] >= stage.generations for row in ledger):
        return archive
    # Scores of other weights, or for other objectives, must not compete with these.
    basis = {"weights": fingerprint(params), "objectives": list(problem.ground.objectives)}
    archive = archive.at(stage.stage, basis)
    if problem.ground.trial is None:
        evaluate = population_scorer(problem, space, params, mesh=data_mesh())
    else:
        evaluate = trial_scorer(problem, params, run.trials(stage.stage), say=run.say)
    with timed(run.folder, name) as lap, run.log(name, stage.generations) as log:

        def on_generation(generation: int, archive: Archive) -> None:
            log.write(generation + 1, search_figures(archive))
            run.look(news=True)

        # The last generation that was begun is gone through again: its line is written anew, not twice.
        log.rewind(max((row.generation for row in archive.stage_rows), default=0))
        archive = run_search(
            make_searcher(problem, stage, space),
            evaluate,
            key=jax.random.fold_in(problem.key, 1 + problem.space.stages.index(stage.stage)),
            generations=stage.generations,
            archive=archive,
            chunk=stage.population,
            on_generation=on_generation,
        )
        lap.steps = stage.generations
    return archive


def open_archive(run: Run) -> Archive:
    """The run's archive; of several processes, which hold the same, the first one saves it."""
    archive = Archive.open(run.folder.path / "archive.csv", run.problem.space, say=run.progress)
    return archive if is_first() else Archive(archive.space, None, archive.stage, archive.rows)


def search_figures(archive: Archive) -> dict[str, float]:
    """What a generation is followed by: how many archs, the least total, and the hypervolume of the front.

    The hypervolume's reference is the worst of the first generation, so that it only grows within a stage.
    """
    rows, front = archive.stage_rows, archive.front()
    best = min((r.columns[TOTAL] for r in rows if r.violation <= 0), default=float("nan"))
    figures = {"evaluated": float(len(rows)), "front": float(len(front)), "best": best}
    if len(rows[0].objectives) > _MOST_VOLUME:
        return figures
    worst = np.max([r.objectives for r in rows if r.generation == 0], axis=0)
    volume = hypervolume(np.array([r.objectives for r in front]), worst.tolist()) if front else 0.0
    return figures | {"hypervolume": float(volume)}
