"""How much of a run is still to come: its phases with their work, at the pace of those that are over."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from nasjax.chain.problem import Problem

TRAIN, SEARCH = "train", "search"


class Part(NamedTuple):
    """A phase to come: images to train on, or archs to score. `name` may be the beginning of the names of several."""

    name: str
    kind: str
    work: float


def plan(problem: Problem) -> list[Part]:
    """The phases of a run; how many networks confirm a decision and what rivals there are is not known beforehand."""
    experiment, parts = problem.experiment, []
    for stage in experiment.stages:
        # Streams a step, about: exact rounds are known when what came before is decided.
        slots = max((len(c.options) for c in problem.space.choices if c.stage == stage.stage), default=1)
        if stage.stage not in problem.networks.untrained:
            parts.append(Part(f"supernet/{stage.stage}", TRAIN, stage.train.steps * stage.batch * slots))
        if any(stage.stage in (c.stage, c.coarse and c.coarse[0]) for c in problem.space.choices):
            parts.append(Part(f"search/{stage.stage}", SEARCH, stage.population * stage.generations))
    final = experiment.final
    each = final.train.steps * final.batch * final.seeds
    parts += [Part(f"finalist/{place}", TRAIN, each) for place in range(final.number)]
    parts += [Part("scratch", TRAIN, each)] * final.scratch + [Part("rival", TRAIN, each)] * final.rivals
    return parts


def remaining(parts: Sequence[Part], ledger: Sequence[Mapping[str, Any]], *, now: str, share: float) -> dict[str, Any]:
    """The share of a run that is done and the seconds left, `{"done", "eta_s"}`; empty before a pace is known.

    `now` is the phase that runs, `share` how much of it is done.
    """
    spent, work, left = {TRAIN: 0.0, SEARCH: 0.0}, {TRAIN: 0.0, SEARCH: 0.0}, {TRAIN: 0.0, SEARCH: 0.0}
    for part in parts:
        rows = [row for row in ledger if row["phase"].startswith(part.name) and row["phase"] != now]
        if rows:
            spent[part.kind] += sum(row["wall_s"] for row in rows)
            work[part.kind] += part.work
        else:
            left[part.kind] += part.work * (1 - share if now.startswith(part.name) else 1)
    if not all(work[kind] for kind in work if left[kind]) or not any(work.values()):
        return {}
    seconds = sum(left[kind] * spent[kind] / work[kind] for kind in work if work[kind])
    past = sum(row["wall_s"] for row in ledger)
    return {"done": round(past / max(past + seconds, 1e-9), 3), "eta_s": round(seconds, 1)}
