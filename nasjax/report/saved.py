"""What the found network saves of one that was there before and was not trained here, as of a compressed teacher."""

from collections.abc import Sequence

from nasjax.report.measures import write
from nasjax.report.run import Row, Run
from nasjax.report.system import measure, stated_at
from nasjax.report.tables import Cell, Column, Table
from nasjax.report.units import fixed

_COSTS = ("params", "bytes", "macs", "latency_ms")
_BYTES = 4  # of a float32 parameter


def saved(run: Run) -> list[Table]:
    """Return a table for each network that is compared with as it is: its costs, the found one's, and the factor."""
    found = run.found
    if found is None:
        return []
    whole = [row for row in run.rows if row.role == "reference" and row.values.get("params")]
    return [_table(run, row, found) for row in whole]


def _table(run: Run, whole: Row, found: Row) -> Table:
    ours, theirs = (_costs(row) for row in (found, whole))
    both = [name for name in _COSTS if ours.get(name) and theirs.get(name)]
    head = [Column("Saved"), Column(whole.name, numeric=True), Column(found.name, numeric=True), Column("Factor", True)]
    return Table(f"saved against {whole.name}", head, [_row(run, n, theirs[n], ours[n]) for n in both])


def _row(run: Run, name: str, theirs: float, ours: float) -> Sequence[Cell]:
    shown = measure(run.system, name)
    label = shown.label + stated_at(run.system, name)
    return [Cell(label), Cell(write(shown, theirs)), Cell(write(shown, ours)), Cell(f"{fixed(theirs / ours, 1)}×")]


def _costs(row: Row) -> dict[str, float]:
    costs = {name: float(value) for name, value in row.values.items() if name in _COSTS}
    return costs | ({"bytes": _BYTES * costs["params"]} if "params" in costs else {})
