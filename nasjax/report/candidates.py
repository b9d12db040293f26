"""The candidates of an archive, their Pareto front, and the budget they had to keep."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from nasjax.report.figures import archive_columns
from nasjax.report.run import Run
from nasjax.report.values import mapping, number, strings, text

MOST_POINTS = 3000
_LIMIT = re.compile(r"([a-z_]+)\s*<=?\s*([\d.]+)\s*([KMGT]?)(?![\w.]*%)", re.IGNORECASE)
_SCALE = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


class Candidate(NamedTuple):
    """One evaluated network: its costs by name (the known ones), its main score, and whether it kept the budget."""

    arch: str
    stage: str
    generation: str
    costs: dict[str, float]
    score: float
    feasible: bool


def read_candidates(run: Run) -> list[Candidate]:
    """Return the candidates that have a score; the score is the archive's main one."""
    costs, scores = archive_columns(run)
    found = [_candidate(row, costs, scores[0]) for row in run.archive] if scores else []
    return [candidate for candidate in found if candidate is not None]


def pareto_front(candidates: Sequence[Candidate], cost: str, *, higher: bool) -> list[Candidate]:
    """Return the feasible candidates that none beats in both `cost` and score, cheapest first, one a cost."""
    sign = 1 if higher else -1
    known = [c for c in candidates if c.feasible and cost in c.costs]
    front: list[Candidate] = []
    for candidate in sorted(known, key=lambda c: (c.costs[cost], -sign * c.score)):
        if not front or sign * candidate.score > sign * front[-1].score:
            front.append(candidate)
    return front


def thin(candidates: Sequence[Candidate], keep: Sequence[Candidate], most: int = MOST_POINTS) -> list[Candidate]:
    """Return at most about `most` candidates, evenly spread over the archive, and all of `keep`."""
    if len(candidates) <= most:
        return list(candidates)
    always = {id(candidate) for candidate in keep}
    every = -(-len(candidates) // most)
    return [c for i, c in enumerate(candidates) if i % every == 0 or id(c) in always]


def budget_limits(run: Run) -> dict[str, float]:
    """Return the absolute upper bounds of the budget by cost; relative ones (40%) have no place on an axis."""
    limits: dict[str, float] = {}
    for source in (run.config.get("budget"), *(stage.get("budget") for stage in run.stages), run.results.get("budget")):
        limits.update({key: bound for key, value in mapping(source).items() if (bound := number(value)) is not None})
        for words in strings(source):
            limits.update({name.lower(): _amount(value, unit) for name, value, unit in _LIMIT.findall(words)})
    return {name: bound for name, bound in limits.items() if bound > 0}


def _candidate(row: dict[str, str], costs: Sequence[str], score: str) -> Candidate | None:
    value = number(row[score])
    if value is None:
        return None
    known = {name: found for name in costs if (found := number(row[name])) is not None and found > 0}
    feasible = row.get("feasible", "1") not in {"0", "False", "false"}
    return Candidate(text(row.get("arch")), row.get("stage", ""), row.get("generation", ""), known, value, feasible)


def _amount(value: str, unit: str) -> float:
    return (number(value) or 0.0) * _SCALE[unit.upper()]
