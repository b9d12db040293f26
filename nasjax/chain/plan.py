"""How much of a run is still to come: its phases with their work, at the pace of those that are over."""

from collections.abc import Mapping, Sequence
from typing import Any

from nasjax.chain.problem import Problem


def plan(problem: Problem) -> dict[str, float]:
    """The phases of a run with their work: archs to score in a search, images to train on in the others.

    A name may be the beginning of the names of several: how many networks confirm a decision and what rivals there are
    is not known beforehand.
    """
    experiment, final = problem.experiment, problem.experiment.final
    work: dict[str, float] = {}
    for stage in experiment.stages:
        # Streams a step, about: exact rounds are known when what came before is decided.
        slots = max((len(c.options) for c in problem.space.choices if c.stage == stage.stage), default=1)
        if stage.stage not in problem.networks.untrained:
            work[f"supernet/{stage.stage}"] = stage.train.steps * stage.batch * slots
        if any(stage.stage in (c.stage, c.coarse and c.coarse[0]) for c in problem.space.choices):
            work[f"search/{stage.stage}"] = stage.population * stage.generations
    alone = [f"finalist/{place}" for place in range(final.number)]
    alone += ["scratch"] * final.scratch + ["rival"] * final.rivals
    return work | dict.fromkeys(alone, final.train.steps * final.batch * final.seeds)


def remaining(
    work: Mapping[str, float], ledger: Sequence[Mapping[str, Any]], *, now: str, share: float
) -> dict[str, Any]:
    """The share of a run that is done and the seconds left, `{"done", "eta_s"}`; empty before a pace is known.

    `now` is the phase that runs, `share` how much of it is done.
    """
    spent, done, left = (dict.fromkeys((False, True), 0.0) for _ in range(3))
    for phase, amount in work.items():
        rows = [row for row in ledger if row["phase"].startswith(phase) and row["phase"] != now]
        searches = phase.startswith("search/")  # archs have a pace of their own, images another
        if rows:
            spent[searches] += sum(row["wall_s"] for row in rows)
            done[searches] += amount
        else:
            left[searches] += amount * (1 - share if now.startswith(phase) else 1)
    if not all(done[kind] for kind in left if left[kind]) or not any(done.values()):
        return {}
    seconds = sum(left[kind] * spent[kind] / done[kind] for kind in done if done[kind])
    past = sum(row["wall_s"] for row in ledger)
    return {"done": round(past / max(past + seconds, 1e-9), 3), "eta_s": round(seconds, 1)}
