"""The section on the candidates: the views to choose from, how to read them, and the front as a table."""

from collections.abc import Sequence
from typing import NamedTuple

from nasjax.report.front import View, archive_measures, is_outlier
from nasjax.report.marks import found_candidate, marks
from nasjax.report.measures import is_cost, write
from nasjax.report.run import Run
from nasjax.report.system import measure
from nasjax.report.tables import Cell, Column, Table
from nasjax.report.units import count_of, exact
from nasjax.report.values import text

_MOST_ROWS = 40


class Candidates(NamedTuple):
    """The views with their names, notes on the first of them, and its front as a table with its title."""

    views: Sequence[View]
    names: Sequence[str]
    notes: Sequence[str]
    title: str
    front: Table


def candidates_view(run: Run, looks: Sequence[View], drawn: int) -> Candidates | None:
    """Return what is shown of the candidates, `drawn` of which are; None until one has figures to look at."""
    if not looks:
        return None
    front = looks[0].front
    most = f", the first {_MOST_ROWS} shown" if len(front) > _MOST_ROWS else ""
    title = f"The front as a table ({count_of(len(front), 'network')}{most})"
    names = [f"{view.y.label} against {view.x.label}" for view in looks]
    return Candidates(looks, names, _notes(run, looks[0], drawn), title, _table(run, looks[0]))


def _notes(run: Run, view: View, drawn: int) -> list[str]:
    tried = view.candidates
    over = sum(not row.get("feasible", True) for row in tried)
    far = sum(map(is_outlier(view), (row[view.y.name] for row in tried)))
    protocol = text(run.results.get("search_protocol"))
    scored = f"scored with the shared weights of the supernet{f' on {protocol}' if protocol else ''}"
    parts = [
        f"{count_of(len(tried), 'candidate')}, {scored}.",
        f"{exact(drawn)} of them are drawn; archive.csv has all." if drawn < len(tried) else "",
        f"{exact(over)} exceed the budget and are drawn faint." if over else "",
        f"{exact(far)} with far worse scores lie on the edge of the chart." if far else "",
        "Scores of different stages stem from differently trained weights." if len(run.stage_names) > 1 else "",
        _comparison(run, view),
    ]
    return [part for part in parts if part]


def _comparison(run: Run, view: View) -> str:
    """Return what a reader must know before comparing the networks of the table with the candidates."""
    names = [row.name for row in run.rows if row.role in ("found", "finalist", "rival") and row.search]
    if names and marks(run, view):
        return f"Trained alone, sharing no weights with the candidates: {', '.join(names)}."
    if run.rows and any(view.y.name in row.values for row in run.rows):
        return "The networks of the result table were scored under another protocol and cannot be drawn here."
    return ""


def _table(run: Run, view: View) -> Table:
    names = [view.y.name, *archive_measures(run)[1]]
    shown = [measure(run.system, name) for name in names]
    found = found_candidate(run)
    rows = [
        [
            Cell(
                text(row.get("stage"))
                + (", found" if found is not None and row.get("arch") == found.get("arch") else "")
            ),
            *(Cell(write(each, row.get(each.name), unit=is_cost(each.name))) for each in shown),
            Cell(text(row.get("arch")), code=True),
        ]
        for row in view.front[:_MOST_ROWS]
    ]
    return Table("archs", [Column("Stage"), *(Column(each.label, True) for each in shown), Column("Network")], rows)
