"""Who is who in the result table: the found network, the hand-made one, bicubic, and the score they are compared by."""

from typing import Any

from nasjax.report.measures import better_is_higher, is_cost
from nasjax.report.run import STYLE_SUM, Run
from nasjax.report.values import number, records, strings, text

# A style run's "cost" is its MACs over again, relative to the dearest network.
_META = frozenset({"id", "stage", "generation", "arch", "hash", "feasible", "front", "violation", "cost"})
_NOT_SCORES = frozenset({"name", "note", "latency_ms", "latency_spread_ms", "search_score"})
_MAIN = ("psnr_y", "psnr", STYLE_SUM, "total")
HALF_RANGE = "_half_range"  # of a score over several trainings, beside their mean
_FOUND = ("found, fine-tuned", "found, from scratch", "found, inherited")


def result_rows(run: Run) -> list[dict[str, Any]]:
    """Return the rows of the result table that have a name."""
    return [row for row in records(run.results.get("rows")) if text(row.get("name"))]


def row_named(run: Run, *names: str) -> dict[str, Any] | None:
    """Return the first row that has one of the names, in the order of the names."""
    rows = {text(row.get("name")): row for row in result_rows(run)}
    return next((rows[name] for name in names if name in rows), None)


def found_row(run: Run) -> dict[str, Any] | None:
    """Return the row of the network that is shipped: fine-tuned if there is one, else from scratch, else inherited."""
    named = row_named(run, *_FOUND)
    return named or next((row for row in result_rows(run) if text(row.get("name")).startswith("found")), None)


def result_scores(run: Run) -> list[str]:
    """Return the quality columns of the result table, the main one first."""
    rows = result_rows(run)
    names = dict.fromkeys(key for row in rows for key in row if key not in _NOT_SCORES and _is_score(key))
    return _main_first([name for name in names if any(number(row.get(name)) is not None for row in rows)])


def macs_at(run: Run) -> str:
    """Return the output size that MACs are stated for, as "1280x720" (width first); empty where it is not known."""
    raw = run.results.get("macs_at") or run.config.get("macs_at")
    return "x".join(strings(raw)) if isinstance(raw, list) else text(raw)


def archive_columns(run: Run) -> tuple[list[str], list[str]]:
    """Return the cost columns and the score columns of the archive, the main score first."""
    columns = run.archive[0] if run.archive else {}
    names = [name for name in columns if name not in _META and not name.startswith("objective_")]
    filled = [name for name in names if any(number(row[name]) is not None for row in run.archive)]
    return [n for n in filled if is_cost(n)], _main_first([n for n in filled if not is_cost(n)])


def gain(run: Run, row: dict[str, Any] | None, over: dict[str, Any] | None) -> float | None:
    """Return by how much `row` is better than `over` in the main score, whichever way that score runs."""
    scores = result_scores(run)
    if not scores or row is None or over is None:
        return None
    ours, theirs = number(row.get(scores[0])), number(over.get(scores[0]))
    if ours is None or theirs is None:
        return None
    return ours - theirs if better_is_higher(run.results, scores[0]) else theirs - ours


def _main_first(names: list[str]) -> list[str]:
    return sorted(names, key=lambda name: _MAIN.index(name) if name in _MAIN else len(_MAIN))


def _is_score(name: str) -> bool:
    return not is_cost(name) and not name.endswith(HALF_RANGE)
