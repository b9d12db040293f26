"""What is drawn beside the candidates: the networks of the result table, and the budget."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from nasjax.report.front import View
from nasjax.report.measures import is_cost, write
from nasjax.report.run import Row, Run
from nasjax.report.units import LETTERS
from nasjax.report.values import Real, mapping, number, strings

_LIMIT = re.compile(r"([a-z_]+)\s*<=?\s*([\d.]+)\s*([KMGT]?)(?![\w.]*%)", re.IGNORECASE)
_MARKED = ("found", "finalist", "rival", "reference")


class Mark(NamedTuple):
    """A network of the result table in a view; without an `x` (nothing is computed) it is a level."""

    role: str
    name: str
    x: Real | None
    y: Real


def budget_limits(run: Run) -> dict[str, float]:
    """Return the absolute upper bounds of the budget by cost; relative ones (40%) have no place on an axis."""
    limits: dict[str, float] = {}
    for source in (run.config.get("budget"), *(stage.get("budget") for stage in run.stages), run.results.get("budget")):
        limits |= {key: bound for key, value in mapping(source).items() if (bound := number(value)) is not None}
        for words in strings(source):
            found = _LIMIT.findall(words)
            limits |= {name.lower(): (number(value) or 0.0) * LETTERS[unit.upper()] for name, value, unit in found}
    return {name: bound for name, bound in limits.items() if bound > 0}


def found_candidate(run: Run) -> Mapping[str, Any] | None:
    """Return the last candidate of the archive that is the found network."""
    arch = run.results.get("arch") or (run.found.arch if run.found else "")
    return next((row for row in reversed(run.candidates) if arch and row.get("arch") == arch), None)


def marks(run: Run, view: View) -> list[Mark]:
    """Return the networks of the result table that were scored as candidates are, and the found one as it was seen."""
    rows = [row for row in run.rows if row.role in _MARKED]
    listed = [mark for row in rows if (mark := _mark(row, view)) is not None]
    seen = found_candidate(run)
    if seen is not None and any(seen is row for row in view.candidates):
        listed.append(Mark("seen", f"found, as searched {_score(view, seen[view.y.name])}", *_place(view, seen)))
    return listed


def _mark(row: Row, view: View) -> Mark | None:
    x, y = (row.search.get(each.name, row.values.get(each.name) if is_cost(each.name) else None) for each in view[:2])
    if y is None or (x is None and not is_cost(view.x.name)):
        return None
    return Mark(row.role, f"{row.name} {_score(view, y)}", x or None, y)


def _place(view: View, row: Mapping[str, Any]) -> tuple[Real, Real]:
    return row[view.x.name], row[view.y.name]


def _score(view: View, value: Real) -> str:
    return write(view.y, value, unit=False)
