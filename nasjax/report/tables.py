"""What a table of the page or of the terminal holds, before it is drawn."""

from collections.abc import Sequence
from typing import NamedTuple


class Cell(NamedTuple):
    """One entry: `strong` for the best of its column, `code` for the text of an arch, `hint` shown on pointing."""

    text: str
    hint: str = ""
    strong: bool = False
    code: bool = False


class Column(NamedTuple):
    """Head of a column; `numeric` ones are aligned to the right, `below` is a second line."""

    label: str
    numeric: bool = False
    below: str = ""
    hint: str = ""


class Table(NamedTuple):
    """Columns and rows of cells, the first cell of each being the head of its row."""

    name: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]


def plain(table: Table) -> str:
    """Return a table as lines of text, columns padded with spaces."""
    lines = [[f"{c.label} {c.below}".strip() for c in table.columns], *([c.text for c in row] for row in table.rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(table.columns))]
    aligned = [
        [
            cell.rjust(w) if column.numeric else cell.ljust(w)
            for cell, w, column in zip(line, widths, table.columns, strict=True)
        ]
        for line in lines
    ]
    return "\n".join("  ".join(line).rstrip() for line in aligned)
