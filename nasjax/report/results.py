"""The result table, with the protocol under which its figures hold."""

from typing import Any

from nasjax.report.figures import HALF_RANGE, found_row, macs_at, result_rows, result_scores
from nasjax.report.html import Column, Html, escape, join, note, table, tag
from nasjax.report.measures import better_is_higher, measure
from nasjax.report.run import Run
from nasjax.report.style import is_style, style_words
from nasjax.report.units import NBSP, count, exact, fixed
from nasjax.report.values import number, strings, text

_SIZES = {"T": 1e12, "G": 1e9, "M": 1e6, "K": 1e3}


def results_section(run: Run) -> Html:
    """Return the result table; empty until results.json has rows."""
    rows = result_rows(run)
    if not rows:
        return Html("")
    scores = result_scores(run)
    costs = [
        name for name in ("params", "macs", "latency_ms") if any(number(row.get(name)) is not None for row in rows)
    ]
    unit = _macs_unit(rows)
    head = [Column("Network"), *(Column(_head(run, name, unit), True) for name in [*scores, *costs])]
    notes = any(text(row.get("note")) for row in rows)
    shown = [_row(run, row, scores) + [_cost(row, cost, unit) for cost in costs] for row in rows]
    body = [cells + ([text(row.get("note"))] if notes else []) for cells, row in zip(shown, rows, strict=True)]
    listing = table("results", [*head, *([Column("Note")] if notes else [])], body)
    return join([listing, style_words(run) if is_style(found_row(run)) else "", _protocol(run)])


def _head(run: Run, name: str, unit: str) -> Html:
    if name == "macs":
        at = macs_at(run)
        size = tag("span", {"class": "size"}, f"at {at}") if at else ""
        return join([measure(name).label, f"({unit})" if unit else "", size], " ")
    return join([measure(name).label, measure(name).unit], ", ")


def _macs_unit(rows: list[dict[str, Any]]) -> str:
    """Return the letter of the thousands that all MACs are written in: that of the smallest network."""
    known = [value for row in rows if (value := number(row.get("macs")))]
    return next((unit for unit, size in _SIZES.items() if known and min(known) >= size), "")


def _row(run: Run, row: dict[str, Any], scores: list[str]) -> list[object]:
    name = text(row.get("name"))
    head = tag("b", None, name) if row == found_row(run) else escape(name)
    return [head, *(_score(run, row, score) for score in scores)]


def _score(run: Run, row: dict[str, Any], name: str) -> Html:
    value, shown = number(row.get(name)), measure(name)
    values = [number(other.get(name)) for other in result_rows(run)]
    known = [other for other in values if other is not None]
    best = value is not None and value == (max(known) if better_is_higher(run.results, name) else min(known))
    digits, around = 4 if shown.digits is None else shown.digits, number(row.get(name + HALF_RANGE))
    written = fixed(value, digits) + (f"{NBSP}±{NBSP}{fixed(around, digits)}" if around is not None else "")
    return (
        tag("b", {"class": "best", "title": "best of this column"}, written)
        if best and len(known) > 1
        else escape(written)
    )


def _cost(row: dict[str, Any], name: str, unit: str) -> Html:
    value, digits = number(row.get(name)), measure(name).digits
    if value is None:
        return escape("–")
    if name == "macs" and unit:
        return tag("span", {"title": exact(value)}, fixed(value / _SIZES[unit], 2) if value else "0")
    if digits is None:
        return tag("span", {"title": exact(value)}, count(value))
    spread = number(row.get("latency_spread_ms")) if name == "latency_ms" else None
    return escape(fixed(value, digits) + (f"{NBSP}±{NBSP}{fixed(spread, digits)}" if spread is not None else ""))


def _protocol(run: Run) -> Html:
    budget = ", ".join(strings(run.results.get("budget")))
    latency = any(number(row.get("latency_spread_ms")) is not None for row in result_rows(run))
    return note(
        join(
            [
                _sentence("Protocol: ", text(run.results.get("protocol"))),
                _sentence("Budget: ", budget),
                "Latency: median ± spread." if latency else "",
            ],
            " ",
        )
    )


def _sentence(head: str, words: str) -> str:
    return f"{head}{words.rstrip('.')}." if words else ""
