"""The networks of the result table as marks in the Pareto plot, and how far they compare with the candidates."""

from collections.abc import Sequence

from nasjax.report.candidates import Candidate
from nasjax.report.figures import archive_columns, row_named
from nasjax.report.markers import Mark
from nasjax.report.measures import measure
from nasjax.report.run import STYLE_SUM, Run
from nasjax.report.units import fixed
from nasjax.report.values import number, text

# Marks by kind, and the rows of the result table that they stand for.
_REFERENCES = (("bicubic", "bicubic"), ("handmade", "hand-made"), ("everything", "everything on"))
_ROWS = (*_REFERENCES, ("tuned", "found, fine-tuned"))
_SHORT = {"tuned": "fine-tuned", "handmade": "hand-made"}


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
    result table stands in, which was measured on other pictures (see `comparison`). The fine-tuned network is marked
    by its `search_score` alone.
    """
    key, rows = archive_columns(run)[1][0], _REFERENCES
    if has_search_scores(run):
        key, rows = "search_score", _ROWS
    marks = [_mark(run, kind, name, cost, key) for kind, name in rows]
    found = found_candidate(run, candidates)
    if found is not None and cost in found.costs:
        marks.append(Mark("found", f"found {_written(run, found.score)}", found.costs[cost], found.score))
    return [mark for mark in marks if mark is not None]


def has_search_scores(run: Run) -> bool:
    """Tell whether the reference networks were scored under the protocol of the search."""
    return any(number((row_named(run, name) or {}).get("search_score")) is not None for _, name in _REFERENCES)


def comparison(run: Run, candidates: Sequence[Candidate], marks: Sequence[Mark]) -> str:
    """Return what a reader must know before comparing marks with candidates: what they were scored and trained on."""
    kinds = {mark.kind for mark in marks}
    names = " and ".join(name for kind, name in _REFERENCES if kind in kinds)
    if has_search_scores(run):
        return _trained_alone(run, kinds)
    if not names:
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


def _trained_alone(run: Run, kinds: set[str]) -> str:
    alone = [_SHORT[kind] for kind in ("tuned", "handmade") if kind in kinds]
    if not alone:
        return ""
    both = f"{' and the '.join(alone)} network were trained alone and share"
    who = f"{alone[0]} network was trained alone and shares" if len(alone) == 1 else both
    what = "pairs" if archive_columns(run)[1][0] == STYLE_SUM else "patches"
    return f"All are scored on the same {what}, but the {who} no weights with the candidates."


def _mark(run: Run, kind: str, name: str, cost: str, key: str) -> Mark | None:
    row = row_named(run, name) or {}
    score, price = number(row.get(key)), number(row.get(cost))
    if score is None or (kind != "bicubic" and not price):
        return None
    return Mark(kind, f"{name} {_written(run, score)}", None if kind == "bicubic" else price, score)


def _written(run: Run, score: float) -> str:
    return score_text(archive_columns(run)[1][0], score)
