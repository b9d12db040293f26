"""The result table, with the protocol under which its figures hold."""

from collections.abc import Sequence
from typing import NamedTuple

from nasjax.report.measures import Measure, is_cost, write
from nasjax.report.run import Row, Run
from nasjax.report.saved import saved
from nasjax.report.system import in_order, measure, stated_at
from nasjax.report.tables import Cell, Column, Table
from nasjax.report.units import LETTERS, NBSP, exact, fixed
from nasjax.report.values import strings, text

_TRAINED = ("found", "scratch", "finalist", "rival")
_COSTS = ("params", "macs", "latency_ms")
_ARROWS = {"higher": "↑", "lower": "↓"}


class Results(NamedTuple):
    """The table; what was saved of networks as they are; what each score means, by its label; and notes."""

    table: Table
    saved: Sequence[Table]
    meanings: Sequence[tuple[str, str]]
    notes: Sequence[str]


def results_view(run: Run) -> Results | None:
    """Return the result table; None until results.json has rows."""
    if not run.rows:
        return None
    scores, costs = in_order(run.system, dict.fromkeys(name for row in run.rows for name in row.values))
    shown = [measure(run.system, name) for name in [*scores, *(name for name in costs if name in _COSTS)]]
    columns = [_column(run, each) for each in shown]
    has_notes = any(row.note for row in run.rows)
    rows = [
        [Cell(row.name, strong=row is run.found), *columns_of_row, *([Cell(row.note)] if has_notes else [])]
        for row, *columns_of_row in zip(run.rows, *(_cells(run.rows, each) for each in shown), strict=True)
    ]
    head = [Column("Network"), *columns, *([Column("Note")] if has_notes else [])]
    return Results(Table("results", head, rows), saved(run), _meanings(shown), _notes(run))


def _column(run: Run, shown: Measure) -> Column:
    letter = _letter(run.rows, shown)
    unit = f"{letter}{shown.unit}" if shown.digits is None else shown.unit
    label = f"{shown.label}, {unit}" if unit and shown.digits is not None else shown.label + (f" ({unit})" * bool(unit))
    at = stated_at(run.system, shown.name).strip()
    way = f"{shown.better} is better" if shown.better else ""
    return Column(f"{label} {_ARROWS.get(shown.better, '')}".strip(), True, at, way)


def _cells(rows: Sequence[Row], shown: Measure) -> list[Cell]:
    """Return a column; a count has one letter in all rows, so that it can be read downwards."""
    known = [row.values[shown.name] for row in rows if shown.name in row.values]
    best = {"higher": max, "lower": min}[shown.better](known) if shown.better and len(set(known)) > 1 else None
    scored = not is_cost(shown.name)
    return [
        _cell(row, shown, _letter(rows, shown), strong=scored and row.values.get(shown.name) == best) for row in rows
    ]


def _cell(row: Row, shown: Measure, letter: str, *, strong: bool) -> Cell:
    value, around = row.values.get(shown.name), row.spread.get(shown.name)
    if value is None:
        return Cell("–")
    if shown.digits is None:
        size = LETTERS[letter]
        return Cell(fixed(value / size, 2) if value and letter else exact(value), exact(value))
    spread = f"{NBSP}±{NBSP}{write(shown, around, unit=False)}" if around is not None else ""
    hint = "best of this column" if strong else ""
    return Cell(write(shown, value, unit=False) + spread, hint, strong and value is not None)


def _letter(rows: Sequence[Row], shown: Measure) -> str:
    """Return the letter of the thousands that all counts of a column are written in: that of the smallest one."""
    known = [abs(value) for row in rows if (value := row.values.get(shown.name))]
    largest_first = sorted(LETTERS, key=LETTERS.__getitem__, reverse=True)
    return next((letter for letter in largest_first if known and min(known) >= LETTERS[letter]), "")


def _meanings(shown: Sequence[Measure]) -> list[tuple[str, str]]:
    said = [(each.label, [_sentence(each.meaning), _sentence(each.protocol)]) for each in shown]
    return [(label, " ".join(filter(None, words))) for label, words in said if any(words)]


def _notes(run: Run) -> list[str]:
    several = any(row.spread for row in run.rows)
    once = any(row.trainings == 1 for row in run.rows if row.role in _TRAINED)
    parts = [
        _sentence(text(run.results.get("protocol")), "Protocol: "),
        _sentence(", ".join(strings(run.results.get("budget"))), "Budget: "),
        "Behind ± is half the range of several trainings or measurements: smaller differences say nothing." * several,
        "Scores without ± are of single trainings: how much another seed would change them is not known." * once,
    ]
    return [part for part in parts if part]


def _sentence(words: str, head: str = "") -> str:
    return f"{head}{words.rstrip('.')}." if words else ""
