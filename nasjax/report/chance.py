"""Whether a difference between two networks says anything, or is what another seed would give."""

from typing import NamedTuple

from nasjax.report.measures import Measure, write
from nasjax.report.run import Row
from nasjax.report.units import fixed


class Difference(NamedTuple):
    """By how much one network is better (negative: worse) in a measure, and how much chance alone gives.

    `chance` is the sum of both spreads, at least the measure's own noise; None where neither is known.
    """

    shown: Measure
    better: float
    chance: float | None

    @property
    def says_nothing(self) -> bool:
        """Whether the difference is one that chance gives."""
        return self.chance is not None and abs(self.better) <= self.chance


def difference(ours: Row, theirs: Row, shown: Measure) -> Difference | None:
    """Return how `ours` compares with `theirs`; None where one has no such value or no direction is better."""
    a, b = ours.values.get(shown.name), theirs.values.get(shown.name)
    if a is None or b is None or not shown.better:
        return None
    spreads = [row.spread[shown.name] for row in (ours, theirs) if shown.name in row.spread]
    chance = max([shown.noise, sum(spreads)]) if spreads or shown.noise else None
    return Difference(shown, a - b if shown.better == "higher" else b - a, chance)


def compared(found: Difference, other: str) -> str:
    """Return "0.21 dB better than NAME", and whether that is more than chance."""
    shown = found.shown
    if not float(fixed(abs(found.better), shown.digits or 0)):
        return f"equal to {other}"
    words = f"{write(shown, abs(found.better))} {'better' if found.better > 0 else 'worse'} than {other}"
    return words + (", less than trainings differ by chance" if found.says_nothing else "")
