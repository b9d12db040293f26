"""Pieces of SVG that every drawing of the page uses."""

from collections.abc import Iterable

from nasjax.report.html import Html, tag
from nasjax.report.values import Real


def label(x: Real, y: Real, written: object, *, anchor: str = "start", css: str = "") -> Html:
    """Return a text at a point; anchor is start, middle or end."""
    return tag("text", {"x": px(x), "y": px(y), "text-anchor": anchor, "class": css or None}, written)


def polyline(points: Iterable[tuple[Real, Real]], css: str) -> Html:
    """Return a line through pixel positions."""
    steps = " ".join(f"{px(x)},{px(y)}" for x, y in points)
    return tag("polyline", {"points": steps, "class": css, "fill": "none"})


def px(value: Real) -> str:
    """Return a pixel position with one digit, without trailing zeros."""
    return f"{value:.1f}".removesuffix(".0")
