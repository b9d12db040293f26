"""The colours of the charts, on the page and in a notebook."""

from collections.abc import Sequence
from typing import NamedTuple


class Palette(NamedTuple):
    """Colours: one a stage or line, for text and lines, for what is less important, and for what is forbidden."""

    series: Sequence[str]
    ink: str
    soft: str
    bad: str


# Those of page.css in daylight, for notebooks; the page itself names its variables.
DAYLIGHT = Palette(
    ("#2f6fde", "#c2570c", "#0b8464", "#8447c2", "#a8710a", "#b3306a", "#4a7a1e", "#64748b"),
    "#16191d",
    "#566070",
    "#b3261e",
)
PAGE = Palette(tuple(f"var(--c{i})" for i in range(8)), "var(--fg)", "var(--soft)", "var(--bad)")
