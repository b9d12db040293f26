"""Networks of a search trained alone: those that a decision waits for, and the finalists, each with several seeds."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import jax
import numpy as np

from nasjax.chain.measures import TOTAL
from nasjax.chain.run import Run
from nasjax.chain.score import Scorer
from nasjax.chain.training import Learner, Phase, train_phases
from nasjax.config import ConfirmConfig, FinalConfig
from nasjax.sampling import single
from nasjax.search.archive import Archive, Row
from nasjax.search.representatives import Representative, representatives
from nasjax.space import SearchSpace
from nasjax.supernet.base import Supernet
from nasjax.tasks.base import extracted_model
from nasjax.train.precision import compute_dtype
from nasjax.train.processes import gather
from nasjax.typing import Params

_CONFIRMED = "confirmed.json"


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


def train_alone(run: Run, phases: Sequence[Phase]) -> list[Params]:
    """Train extracted networks, each by itself, as many beside one another as there are devices; resumable."""
    return [run.problem.frozen(params) for params in train_phases(run, phases, alone=True)]


def phase_alone(
    run: Run,
    name: str,
    net: Supernet,
    *,
    arch: np.ndarray,
    settings: ConfirmConfig | FinalConfig,
    start: Params | None,
    origin: str = "",
) -> Phase:
    """The training of one network from the params `start` (None: random ones); `origin` says where these are from."""
    train, batch = settings.train, settings.batch
    dtype = compute_dtype(train)

    def made() -> Learner:
        sampler = single(arch)
        model = extracted_model(net, arch, dtype=dtype, remat=train.remat)
        return Learner(run.problem.ground.task(model, sampler, batch), sampler, {})

    learner = run.problem.kept(("alone", net, arch.tobytes(), batch, dtype, train.remat), made)
    given, anew = {"arch": net.space.text(arch), "from": origin}, start is None
    if start is None and run.problem.ground.frozen:  # a task that drew its params would leave frozen layers random too
        drawn = net.init(jax.random.fold_in(run.problem.key, train.seed))
        start = net.extract_params(run.problem.frozen(drawn), arch)
    start = start if start is None else jax.tree.map(np.asarray, start)
    return Phase(name, learner, net.space, train, given, start, anew)


def seeds_of(
    run: Run, name: str, net: Supernet, *, arch: np.ndarray, final: FinalConfig, start: Params | None
) -> list[Phase]:
    """The trainings of a finished network: one a seed, which decides the order of batches, and random params."""
    phases = []
    for seed in range(final.seeds):
        train = final.train if start is not None else replace(final.train, seed=final.train.seed + seed)
        settings = replace(final, train=train)
        phases.append(phase_alone(run, f"{name}-{seed}", net, arch=arch, settings=settings, start=start))
    return phases


def decide(run: Run, space: SearchSpace, *, params: Params, archive: Archive) -> int:
    """The place among the archive's stage rows of the one that wins its stage, whose open choices are `space`'s.

    At a stage of `confirm.decisions`, the best network of each open option is trained on alone from the shared weights
    (where some keep the budget, only those), and the best of those wins; at another one, the best on shared weights.
    Young shared weights rank options by how fast they are learnt, and what is decided early binds all that comes later.
    """
    rows, confirm, stage = archive.stage_rows, run.problem.experiment.confirm, archive.stage
    if stage not in confirm.decisions or len(rows) < 2:
        return min(range(len(rows)), key=lambda i: rank(rows[i]), default=0)
    run.say(f"{stage}: training the best network of each option alone")
    found = representatives([row for row in rows if row.violation <= 0] or rows, space, order=rank)
    totals = _confirmed(run, stage, found, params)
    best = min(range(len(found)), key=lambda i: (found[i].row.violation, totals[i]))
    return rows.index(found[best].row)


def _confirmed(run: Run, stage: str, found: Sequence[Representative], params: Params) -> list[float]:
    """The totals of networks after training alone: read, or measured and kept."""
    names = [f"confirm/{stage}-{place}" for place in range(len(found))]
    # What the first process finds counts for all: it may be ahead of the others.
    known = {row["phase"]: row for row in gather(run.folder.read(_CONFIRMED, []))[0]}
    if all(known.get(n, {}).get("arch") == each.row.text for n, each in zip(names, found, strict=True)):
        return [known[name]["total"] for name in names]
    net, settings, score = run.problem.networks.supernet, run.problem.experiment.confirm, Scorer(run.problem, params)
    archs, totals = [np.array(each.row.arch, np.int32) for each in found], []
    phases = [
        phase_alone(run, name, net, arch=arch, settings=settings, start=net.extract_params(params, arch))
        for name, arch in zip(names, archs, strict=True)
    ]
    for name, arch, (row, options), tuned in zip(names, archs, found, train_alone(run, phases), strict=True):
        scores = score(run.problem.scored, arch, tuned)
        totals.append(score.total(arch, scores))
        facts = {"stage": stage, "arch": row.text, "options": [f"{choice}={option}" for choice, option in options]}
        entry = {"phase": name, **facts, "inherited": row.columns[TOTAL], "total": totals[-1], "values": scores}
        run.folder.replace_row(_CONFIRMED, "phase", entry)
    return totals


def preferred(run: Run, archive: Archive) -> list[Row]:
    """The rows of the archive's stage, the best first: those trained alone by what they scored, then the others."""
    rows = [row for row in gather(run.folder.read(_CONFIRMED, []))[0] if row["stage"] == archive.stage]
    alone = {row["arch"]: row["total"] for row in rows}

    def order(row: Row) -> tuple[float, bool, float]:
        return row.violation, row.text not in alone, alone.get(row.text, row.columns[TOTAL])

    return sorted(archive.stage_rows, key=order)


def finalists(run: Run, archive: Archive, *, params: Params, score: Scorer) -> list[Finalist]:
    """The best of the archive's stage, each fine-tuned with several seeds and scored each time; the best mean first.

    Raises ValueError where none of them keeps the budget.
    """
    net, final, rows = run.problem.networks.supernet, run.problem.experiment.final, preferred(run, archive)
    archs = [np.array(row.arch, np.int32) for row in rows if row.violation <= 0][: final.number]
    if not archs:
        budget = ", ".join(run.problem.experiment.budget) or "none"
        raise ValueError(
            f"none of the {len(rows)} networks that stage {rows[0].stage!r} tried keeps the budget ({budget}) and "
            "could be scored: ask for more generations or a larger population (with --from, what was tried counts), or "
            "allow more; nasjax profile says which share of the space keeps the budget"
        )
    phases = [
        seeds_of(run, f"finalist/{place}", net, arch=arch, final=final, start=net.extract_params(params, arch))
        for place, arch in enumerate(archs)
    ]
    tuned, done = train_alone(run, sum(phases, [])), []
    for place, arch in enumerate(archs):
        mine = tuned[place * final.seeds : (place + 1) * final.seeds]
        totals = [score.total(arch, score(run.problem.scored, arch, p)) for p in mine]
        done.append(Finalist(place, arch, totals, mine))
    return sorted(done, key=lambda finalist: finalist.mean)
