"""The end of a run in the terminal: a small table, drawn from the measures, and where to look."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nasjax.chain.measures import SEARCH, TOTAL
from nasjax.cost.profile import readable
from nasjax.report.tables import Cell, Column, Table, plain

_COUNTS = ("params", "macs", "activations")
_HIDDEN = ("activations", "cost", "latency", SEARCH)


def table_text(results: Mapping[str, Any], measures: Sequence[Mapping[str, Any]]) -> str:
    """The rows of `results.json` as a plain table, with the protocol below; `measures` are those of `system.json`."""
    known = {name for row in results["rows"] for name in row["values"]}
    hidden = _HIDDEN if results["decides"] == TOTAL else (*_HIDDEN, TOTAL)
    shown = [m for m in measures if m["name"] in known and m["name"] not in hidden]
    columns = [Column("network"), *(Column(m["label"], numeric=True) for m in shown)]
    rows = [[Cell(row["name"]), *(Cell(_cell(row, m)) for m in shown)] for row in results["rows"]]
    better = ", ".join(f"{m['label']}: {m['better']} is better" for m in shown if m["better"] == "higher")
    notes = [results["protocol"], *([better] if better else [])]
    table = plain(Table("results", columns, rows))
    return "\n".join(["", table, "", *notes, f"found  {results['arch']}", f"time   {results['seconds']:.0f} s"])


def in_words(values: Mapping[str, float], measures: Sequence[Mapping[str, Any]]) -> str:
    """Numbers of one network by name, as a line."""
    known = [m for m in measures if m["name"] in values]
    cells = (_cell({"values": values, "spread": {}}, m) for m in known)
    return ", ".join(f"{m['label']} {cell}" for m, cell in zip(known, cells, strict=True))


def where_text(results: Mapping[str, Any], path: Path) -> str:
    """The files worth opening."""
    files = {"report": path / "report.html", "before/after": path / "before_after.png", "bundle": path / "export"}
    found = {name: str(where) for name, where in files.items() if where.exists()}
    return "\n".join(f"{name:<13} {where}" for name, where in {**found, "use it": results["use"]}.items())


def _cell(row: Mapping[str, Any], measure: Mapping[str, Any]) -> str:
    name, value = measure["name"], row["values"].get(measure["name"])
    if value is None:
        return "-"
    if name in _COUNTS:
        return readable(int(value))
    spread = row["spread"].get(name)
    text = f"{value:.{measure['digits']}f}" + (f" ±{spread:.{measure['digits']}f}" if spread is not None else "")
    return f"{text} {measure['unit']}".strip() if measure["unit"] not in ("", "dB") else text
