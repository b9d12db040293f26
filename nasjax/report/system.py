"""What a run searched for, as it describes itself: its measures, the one that decides, and where costs are stated."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from nasjax.report.measures import COSTS, Measure, is_cost
from nasjax.report.values import number, records, strings, text

TOTAL = "total"  # the weighted sum by which networks are ordered, smaller first
# Costs that depend on the size of the picture.
_LATENCY = "latency_ms"
_SIZED = frozenset({"macs", "macs_torchprofile", "activations", _LATENCY})


class System(NamedTuple):
    """What was searched for: `decides` names the measure by which networks were chosen, empty where it is not known."""

    name: str
    measures: Mapping[str, Measure]
    decides: str
    objectives: tuple[str, ...]
    costs_at: str
    latency_at: str = ""  # where latency was measured, if that is known


def read_system(raw: Mapping[str, Any]) -> System:
    """Return what `system.json` says; measures without a name are left out."""
    listed = [_read(entry) for entry in records(raw.get("measures")) if text(entry.get("name"))]
    measures = {each.name: each for each in listed}
    objectives = tuple(strings(raw.get("objectives")))
    places = (text(raw.get("costs_at")), text(raw.get("latency_at")))
    return System(text(raw.get("name")), measures, text(raw.get("decides")), objectives, *places)


def measure(system: System, name: str) -> Measure:
    """Return the measure of that name; one that nobody described keeps its name and gets four digits."""
    known = system.measures.get(name) or COSTS.get(name)
    if known is None and name.startswith("val/"):
        inner = measure(system, name.removeprefix("val/"))
        return inner._replace(name=name, label=f"validation, {inner.label}")
    return known or Measure(name, name, digits=4)


def stated_at(system: System, name: str) -> str:
    """Return " at 1280x720" behind a cost that depends on the size of the picture, else nothing."""
    place = (name == _LATENCY and system.latency_at) or system.costs_at
    return f" at {place}" if name in _SIZED and place else ""


def latency_at(config: Mapping[str, Any]) -> str:
    """Return where the latency of a run was measured, "640x480": as its budget states it, or else its config."""
    budgets = (each.strip() for given in strings(config.get("budget")) for each in given.split(","))
    stated = (each.partition("@")[2].strip() for each in budgets if each.startswith("latency"))
    return next(filter(None, stated), "") or "x".join(strings(config.get("latency_at")))


def in_order(system: System, names: Collection[str]) -> tuple[list[str], list[str]]:
    """Return scores and costs among `names`: what decides first, the others in the order of the system, then theirs.

    The sum that orders networks says nothing where one measure alone decides, and is left out.
    """
    known = [*system.measures, *(name for name in names if name not in system.measures)]
    hidden = TOTAL if system.decides != TOTAL and system.decides else ""
    scores = [name for name in known if name in names and name != hidden and not is_cost(name)]
    costs = [name for name in [*COSTS, *system.measures] if name in names and is_cost(name)]
    return sorted(scores, key=lambda name: name != system.decides), list(dict.fromkeys(costs))


def _read(raw: Mapping[str, Any]) -> Measure:
    digits, better = number(raw.get("digits")), text(raw.get("better"))
    name = text(raw["name"])
    is_count = digits is None or (name in COSTS and COSTS[name].digits is None)
    return Measure(
        name,
        text(raw.get("label")) or (COSTS[name].label if name in COSTS else name),
        text(raw.get("unit")),
        None if is_count or digits is None else int(min(max(digits, 0), 9)),
        better if better in ("higher", "lower") else "",
        text(raw.get("meaning")),
        text(raw.get("protocol")),
        abs(number(raw.get("noise")) or 0.0),
    )
