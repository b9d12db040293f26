"""The networks of the result table as marks in the Pareto plot, and how far they compare with the candidates."""

from collections.abc import Sequence

from nasjax.report.candidates import Candidate
from nasjax.report.figures import archive_columns, row_named
from nasjax.report.markers import Mark
from nasjax.report.measures import measure
from nasjax.report.run import Run
from nasjax.report.units import fixed
from nasjax.report.values import number, text


def score_text(score: str, value: float) -> str:
    """Return a score with the digits that are usual for it, without its unit."""
    digits = measure(score).digits
    return fixed(value, 4 if digits is None else digits)


def found_candidate(run: Run, candidates: Sequence[Candidate]) -> Candidate | None:
    """Return the last candidate of the archive that is the found network."""
    arch = text(run.results.get("arch"))
    return next((c for c in reversed(candidates) if c.arch == arch), None) if arch else None


def reference_marks(run: Run, candidates: Sequence[Candidate], cost: str) -> list[Mark]:
    """Return bicubic, the hand-made and the found network as marks, where their scores are known.

    A row's `search_score` is its score under the protocol of the search; where no row has one, the main score of the
    result table stands in, which was measured on other pictures (see `comparison`).
    """
    key = "search_score" if has_search_scores(run) else archive_columns(run)[1][0]
    marks = [_mark(run, kind, name, cost, key) for kind, name in (("bicubic", "bicubic"), ("handmade", "hand-made"))]
    found = found_candidate(run, candidates)
    if found is not None and cost in found.costs:
        marks.append(Mark("found", "found", found.costs[cost], found.score))
    return [mark for mark in marks if mark is not None]


def has_search_scores(run: Run) -> bool:
    """Tell whether the reference networks were scored under the protocol of the search."""
    return any(
        number((row_named(run, name) or {}).get("search_score")) is not None for name in ("hand-made", "bicubic")
    )


def comparison(run: Run, candidates: Sequence[Candidate], marks: Sequence[Mark]) -> str:
    """Return what a reader must know before comparing marks with candidates: the found network has both scores."""
    names = " and ".join(
        name for kind, name in (("bicubic", "bicubic"), ("handmade", "hand-made")) if kind in {m.kind for m in marks}
    )
    if not names or has_search_scores(run):
        return ""
    score = archive_columns(run)[1][0]
    inherited = number((row_named(run, "found, inherited") or {}).get(score))
    found = found_candidate(run, candidates)
    if inherited is None or found is None:
        return f"The marks of {names} are from the result table, whose protocol is not that of the search."
    words = (
        f"The marks of {names} are from the result table. Under its protocol the found network with inherited weights"
    )
    return f"{words} has {score_text(score, inherited)}, in the search it had {score_text(score, found.score)}."


def _mark(run: Run, kind: str, name: str, cost: str, key: str) -> Mark | None:
    row = row_named(run, name) or {}
    score, price = number(row.get(key)), number(row.get(cost))
    if score is None or (kind != "bicubic" and not price):
        return None
    written = score_text(archive_columns(run)[1][0], score)
    return Mark(kind, f"{name} {written}", None if kind == "bicubic" else price, score)
