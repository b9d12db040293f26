"""The signs of the Pareto plot: candidates by stage, and the networks of the result table."""

from typing import NamedTuple

from nasjax.report.html import Html, tag
from nasjax.report.svg import px
from nasjax.report.values import Real

_RADIUS = 3.2


class Mark(NamedTuple):
    """A network of the result table in the plot: `kind` is found, handmade or bicubic (which has no cost)."""

    kind: str
    name: str
    cost: float | None
    score: float


def marker(kind: int, x: Real, y: Real) -> str:
    """Return the path of a point: stages differ by shape too, for those who cannot tell the colours apart."""
    r, d = _RADIUS, 4.5
    shapes = (
        f"M{px(x - r)} {px(y)}a{r} {r} 0 1 0 {2 * r} 0a{r} {r} 0 1 0 {-2 * r} 0z",
        f"M{px(x - r)} {px(y - r)}h{2 * r}v{2 * r}h{-2 * r}z",
        f"M{px(x)} {px(y - 1.3 * r)}l{1.2 * r:.1f} {2.1 * r:.1f}h{-2.4 * r:.1f}z",
        f"M{px(x)} {px(y - d)}l{d} {d}l{-d} {d}l{-d} {-d}z",
    )
    return shapes[kind % len(shapes)]


def mark_shape(kind: str, x: Real, y: Real) -> Html:
    """Return the sign of a reference network: a ring for the found one, a diamond for the hand-made."""
    if kind == "found":
        return tag("circle", {"class": "mark found", "cx": px(x), "cy": px(y), "r": "7"})
    return tag("path", {"class": f"mark {kind}", "d": f"M{px(x)} {px(y - 8)}l7 8l-7 8l-7 -8z"})
