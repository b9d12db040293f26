"""Networks of a style search trained alone: the finalists, and those that a decision waits for."""

from typing import NamedTuple

import jax
import numpy as np

from nasjax.chain.folder import RunFolder
from nasjax.chain.live import LiveReport
from nasjax.chain.style.config import ConfirmConfig, FinalistsConfig
from nasjax.chain.style.problem import StyleProblem
from nasjax.chain.style.score import Judge, evaluation, measure
from nasjax.chain.style.search import encoding_task, problem_batches
from nasjax.chain.training import Phase, train_phase
from nasjax.sampling import single
from nasjax.search.archive import Archive, Row
from nasjax.tasks.base import extracted_model
from nasjax.tasks.style_transfer import style_transfer
from nasjax.train.compiling import compiler_options
from nasjax.train.precision import compute_dtype
from nasjax.typing import Arch, Params


class Finalist(NamedTuple):
    """One of the best: its arch, inherited total, and one row of scores and its params for each fine-tuning."""

    arch: np.ndarray
    inherited: float
    totals: list[float]
    scores: list[dict[str, float]]
    params: list[Params]


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
        tuned = [tune(run, problem, arch, name=n, settings=settings, params=params, live=live) for n in names]
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
    *,
    name: str,
    settings: ConfirmConfig | FinalistsConfig,
    params: Params,
    live: LiveReport | None = None,
) -> Params:
    """Train one network alone from the shared weights `params`, as the phase `name`; resumable."""
    net, sampler, train = problem.supernet, single(arch), settings.train
    model = extracted_model(net, arch, dtype=compute_dtype(train), remat=train.remat)
    task = style_transfer(encoding_task(problem, settings.batch), model, sampler, encoder=net.forward.encoder)
    phase = Phase(name, task, sampler, net.space, train)
    start = jax.tree.map(np.asarray, net.extract_params(params, arch))
    return problem.frozen(train_phase(run, phase, data=problem_batches(problem, phase), params=start, live=live))


def _rows(scores: dict[str, float]) -> dict[str, np.ndarray]:
    return {name: np.array([v]) for name, v in scores.items()}
