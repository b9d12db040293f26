"""How a quantity of a run is called and written, and which way is better."""

from typing import NamedTuple

from nasjax.report.units import count, fixed
from nasjax.report.values import Real


class Measure(NamedTuple):
    """A score or cost: label, unit, digits behind the point (None: written as a count), and which way is better.

    `better` is "higher", "lower" or empty where neither is; `meaning` and `protocol` are sentences. Differences below
    `noise` say nothing, whatever few trainings show (0: not known).
    """

    name: str
    label: str
    unit: str = ""
    digits: int | None = None
    better: str = ""
    meaning: str = ""
    protocol: str = ""
    noise: float = 0.0


# Costs are counted for every system alike (`nasjax.cost`).
COSTS = {
    cost.name: cost
    for cost in (
        Measure("params", "Parameters", better="lower"),
        Measure("macs", "MACs", better="lower"),
        Measure("latency_ms", "Latency", "ms", 1, "lower"),
        Measure("activations", "Activations", better="lower"),
        Measure("bytes", "Size", "B", better="lower"),
        Measure("macs_torchprofile", "MACs (torchprofile)", better="lower"),
        Measure("latency", "Latency, summed", "ms", 1, "lower"),
        Measure("cost", "Relative cost", "", 3, "lower"),
    )
}


def is_cost(name: str) -> bool:
    """Tell whether a measure is a cost of the network and not a score of its pictures."""
    return name in COSTS


def write(shown: Measure, value: Real | None, *, unit: bool = True) -> str:
    """Return a value of a measure as readers see it; a dash for None."""
    if shown.digits is None:
        return count(value, shown.unit if unit else "")
    return fixed(value, shown.digits, shown.unit if unit else "")


def inline(shown: Measure) -> str:
    """Return a label as it stands in the middle of a sentence: abbreviations keep their letters."""
    rest = shown.label[1:]
    return shown.label.lower() if rest == rest.lower() else shown.label
