"""Networks of a search trained alone: those that a decision waits for, and the finalists, each with several seeds."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from nasjax.chain.measures import TOTAL
from nasjax.chain.run import Run
from nasjax.chain.score import Scorer
from nasjax.chain.training import Phase, train_phase
from nasjax.config import ConfirmConfig, FinalConfig
from nasjax.sampling import single
from nasjax.search.archive import Archive, Row
from nasjax.search.representatives import representatives
from nasjax.space import SearchSpace
from nasjax.supernet.base import Supernet
from nasjax.tasks.base import extracted_model
from nasjax.train.precision import compute_dtype
from nasjax.typing import Params

CONFIRMED = "confirmed.json"


class Finalist(NamedTuple):
    """One of the best: its place among them, its arch, and one total and params for each fine-tuning."""

    place: int
    arch: np.ndarray
    totals: list[float]
    params: list[Params]

    @property
    def mean(self) -> float:
        """What finalists are compared by."""
        return float(np.mean(self.totals))

    @property
    def best(self) -> Params:
        """The params of the fine-tuning with the least total."""
        return self.params[int(np.argmin(self.totals))]

    @property
    def phase(self) -> str:
        """The training that `best` stems from."""
        return f"finalist/{self.place}-{int(np.argmin(self.totals))}"


def rank(row: Row) -> tuple[float, float]:
    """The order in which candidates are preferred: feasible ones first, then by the weighted sum that decides."""
    return row.violation, row.columns[TOTAL]


def train_alone(
    run: Run,
    net: Supernet,
    arch: np.ndarray,
    *,
    name: str,
    settings: ConfirmConfig | FinalConfig,
    start: Params | None,
) -> Params:
    """Train one extracted network as the phase `name`, from `start` or from scratch; resumable."""
    sampler, train = single(arch), settings.train
    model = extracted_model(net, arch, dtype=compute_dtype(train), remat=train.remat)
    task = run.problem.ground.task(model, sampler, settings.batch)
    params = None if start is None else jax.tree.map(np.asarray, start)
    return run.problem.frozen(train_phase(run, Phase(name, task, sampler, net.space, train), params=params))


def decide(run: Run, space: SearchSpace, *, params: Params, archive: Archive) -> int:
    """The place among the archive's stage rows of the one that wins its stage, whose open choices are `space`'s.

    At a stage of `confirm.decisions`, the best network of each open option is trained on alone from the shared weights
    (where some keep the budget, only those), and the best of those wins; at another one, the best on shared weights.
    Young shared weights rank options by how fast they are learnt, and what is decided early binds all that comes later.
    """
    rows, confirm = archive.stage_rows, run.problem.experiment.confirm
    if archive.stage not in confirm.decisions or len(rows) < 2:
        return min(range(len(rows)), key=lambda i: rank(rows[i]), default=0)
    run.say(f"{archive.stage}: training the best network of each option alone")
    found = representatives([row for row in rows if row.violation <= 0] or rows, space, order=rank)
    score = Scorer(run.problem, params)
    totals = []
    for place, (row, options) in enumerate(found):
        name = f"confirm/{archive.stage}-{place}"
        facts = {"stage": archive.stage, "options": [f"{choice}={option}" for choice, option in options]}
        totals.append(_confirmed(run, row, name, facts, params=params, score=score))
    best = min(range(len(found)), key=lambda i: (found[i].row.violation, totals[i]))
    return rows.index(found[best].row)


def _confirmed(run: Run, row: Row, name: str, facts: dict, *, params: Params, score: Scorer) -> float:
    """The total of a network after training alone: read, or measured and kept."""
    known = {r["phase"]: r for r in run.folder.read(CONFIRMED, [])}.get(name)
    if known is not None and known["arch"] == row.text:
        return known["total"]
    net, arch = run.problem.networks.supernet, np.array(row.arch, np.int32)
    settings = run.problem.experiment.confirm
    tuned = train_alone(run, net, arch, name=name, settings=settings, start=net.extract_params(params, arch))
    scores = score(run.problem.scored, arch, tuned)
    total = score.total(arch, scores)
    entry = {"phase": name, **facts, "arch": row.text, "inherited": row.columns[TOTAL], "total": total}
    run.folder.replace_row(CONFIRMED, "phase", entry | {"values": scores})
    return total


def finalists(run: Run, archive: Archive, *, params: Params, score: Scorer) -> list[Finalist]:
    """The best of the archive's stage, each fine-tuned with several seeds and scored each time; the best mean first."""
    net, final, done = run.problem.networks.supernet, run.problem.experiment.final, []
    for place, row in enumerate(sorted(archive.stage_rows, key=rank)[: final.number]):
        arch = np.array(row.arch, np.int32)
        start = net.extract_params(params, arch)

        def one(seed: int, place: int = place, arch: np.ndarray = arch, start: Params = start) -> Params:
            return train_alone(run, net, arch, name=f"finalist/{place}-{seed}", settings=final, start=start)

        tuned = each_seed(final, one)
        totals = [score.total(arch, score(run.problem.scored, arch, p)) for p in tuned]
        done.append(Finalist(place, arch, totals, tuned))
    return sorted(done, key=lambda finalist: finalist.mean)


def each_seed(final: FinalConfig, train: Callable[[int], Params]) -> list[Params]:
    """What a network learns with each of the seeds that finished networks are trained with."""
    return [train(seed) for seed in range(final.seeds)]
