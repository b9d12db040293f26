"""What is particular to runs that search for style transfer: the words of the head, and what their scores mean."""

from typing import Any

from nasjax.report.figures import macs_at, row_named
from nasjax.report.html import Html, join, note
from nasjax.report.measures import measure
from nasjax.report.run import Run
from nasjax.report.units import NBSP, count, fixed, seconds, signed
from nasjax.report.values import number

EVERYTHING = "everything on"  # the row of the network that all others are parts of
_DECIDING = ("edge", "style", "teacher", "cost")  # in the order of the config's weights


def is_style(row: dict[str, Any] | None) -> bool:
    """Tell whether a row of the result table is scored by edges and style."""
    return row is not None and all(number(row.get(name)) is not None for name in ("edge", "style"))


def style_sentence(run: Run, found: dict[str, Any]) -> Html:
    """Return what was found, in one sentence on its size and one on its scores."""
    size, macs, less = number(found.get("params")), number(found.get("macs")), _saved(run, found)
    at = f" at {macs_at(run)}" if macs_at(run) else ""
    parts = [
        "The search found a network",
        f" of {count(size)} parameters" if size is not None else "",
        f" and {count(macs)} MACs{at}" if macs is not None else "",
        "" if less is None else f", {abs(less):.0f}{NBSP}% {'fewer' if less >= 0 else 'more'} than with {EVERYTHING}",
        f". It has an edge error of {_score(found, 'edge')} (0 keeps every edge)",
        f" and a style distance of {_score(found, 'style')} (0 is the style, 1 the untouched content).",
    ]
    return join(parts)


def style_figures(run: Run, found: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the figures of the head, each with its name; unknown ones are left out."""
    less, whole = _saved(run, found), number(run.results.get("seconds"))
    at = f" at {macs_at(run)}" if macs_at(run) else ""
    saved = f" ({signed(-less, 0, '%')})" if less is not None else ""
    known = [
        (_score(found, "edge"), "edge error"),
        (_score(found, "style"), "style distance"),
        (count(number(found.get("params"))), "parameters"),
        (count(number(found.get("macs"))), f"MACs{at}{saved}"),
        (seconds(whole or None), "for the whole run"),
    ]
    return [(value, name) for value, name in known if value != "–"]


def style_words(run: Run) -> Html:
    """Return what the scores of the result table mean, and by which sum networks were decided."""
    known = run.config.get("weights")
    weights = [number(value) or 0.0 for value in known] if isinstance(known, list) else []
    terms = [f"{'' if w == 1 else f'{w:g} '}{name}" for w, name in zip(weights, _DECIDING, strict=False) if w]
    return note(
        "Edge error: 1 − SSIM of the edge maps of output and content. Style distance: between the Gram matrices of",
        " VGG16's features of output and style, relative to that of the untouched content. ",
        f"Total, by which networks are ordered: {' + '.join(terms)}; smaller is better. " if terms else "",
        "Behind ± is half the range of several trainings: smaller differences say nothing.",
    )


def _score(found: dict[str, Any], name: str) -> str:
    return fixed(number(found.get(name)), min(3, measure(name).digits or 3))


def _saved(run: Run, found: dict[str, Any]) -> float | None:
    """By how many percent the found network has fewer MACs than the one with everything on."""
    ours, whole = number(found.get("macs")), number((row_named(run, EVERYTHING) or {}).get("macs"))
    return 100 * (1 - ours / whole) if ours is not None and whole else None
