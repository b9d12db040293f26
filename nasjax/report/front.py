"""The candidates of a run against each other: the views of them, and the Pareto front of each."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from nasjax.report.measures import Measure
from nasjax.report.run import Run
from nasjax.report.system import in_order, measure
from nasjax.report.values import Real, text

_MOST_POINTS = 1500
_OWN = frozenset({"id", "stage", "generation", "arch", "hash", "feasible", "front", "violation"})
_AXES = ("params", "macs", "latency_ms")

_Candidate = Mapping[str, Any]


class View(NamedTuple):
    """One look at the candidates: measure `x` against `y`, both known of each of them, and their Pareto front."""

    x: Measure
    y: Measure
    candidates: Sequence[_Candidate]
    front: Sequence[_Candidate]


def views(run: Run) -> list[View]:
    """Return the looks that are worth drawing, what decides against the first cost before all others."""
    columns = archive_measures(run)
    scores = [name for name in columns[0] if name in {run.system.decides, *run.system.objectives}] or columns[0][:1]
    # The relative cost is some cost over again; that one, with its own unit, tells more.
    objectives = [text(run.config.get("cost")) if name == "cost" else name for name in run.system.objectives]
    wanted = [name for name in objectives if name in columns[1]]
    costs = list(dict.fromkeys([*wanted, *(name for name in _AXES if name in columns[1])]))
    others = [(x, y) for y in scores for x in scores if scores.index(y) < scores.index(x) and x != run.system.decides]
    pairs = [*((x, y) for y in scores for x in costs), *others]
    found = [view_of(run, x, y) for x, y in pairs]
    return [view for view in found if view.candidates]


def view_of(run: Run, x: str, y: str) -> View:
    """Return the look at the candidates by two measures, those that have both; none where one is no measure."""
    figures = sum(archive_measures(run), [])
    rows = run.candidates if x in figures and y in figures else []
    known = [row for row in rows if row.get(x) is not None and row.get(y) is not None]
    across, up = measure(run.system, x), measure(run.system, y)
    return View(across, up, known, pareto_front(known, across, up))


def archive_measures(run: Run) -> tuple[list[str], list[str]]:
    """Return the scores and the costs of the archive, what decides first; columns without figures are left out."""
    columns = run.candidates[0] if run.candidates else {}
    names = [name for name in columns if name not in _OWN and not name.startswith("objective_")]
    return in_order(run.system, [n for n in names if any(row.get(n) is not None for row in run.candidates)])


def pareto_front(candidates: Sequence[_Candidate], x: Measure, y: Measure) -> list[_Candidate]:
    """Return the feasible candidates that none beats in both measures, by rising `x`, one a value of `x`."""
    across, up = (-1 if each.better == "higher" else 1 for each in (x, y))
    kept = [row for row in candidates if row.get("feasible", True)]
    front: list[_Candidate] = []
    for row in sorted(kept, key=lambda row: (across * row[x.name], up * row[y.name])):
        if not front or up * row[y.name] < up * front[-1][y.name]:
            front.append(row)
    return front[::across]


def thin(candidates: Sequence[_Candidate], keep: Sequence[_Candidate], most: int = _MOST_POINTS) -> list[_Candidate]:
    """Return at most about `most` candidates, evenly spread over the archive, and all of `keep`."""
    if len(candidates) <= most:
        return list(candidates)
    always = {id(candidate) for candidate in keep}
    every = -(-len(candidates) // most)
    return [row for i, row in enumerate(candidates) if i % every == 0 or id(row) in always]


def is_outlier(view: View) -> Callable[[Real], bool]:
    """Return whether a score is so much worse than the others that a chart may cut it off (Tukey's fence)."""
    scores, sign = [row[view.y.name] for row in view.candidates], 1 if view.y.better == "higher" else -1
    if len(scores) < 4:
        return lambda score: False
    low, _, high = statistics.quantiles([sign * score for score in scores], n=4)
    return lambda score: sign * score < low - 1.5 * (high - low)
