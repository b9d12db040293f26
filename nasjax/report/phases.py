"""Names and colours of phases and stages, the same in every chart of a page."""

from nasjax.report.html import Html, tag
from nasjax.report.run import Run

NUM_COLOURS = 8
_LABELS = {
    "supernet": "Supernet",
    "search": "Search",
    "finetune": "Fine-tuning",
    "scratch": "From scratch",
    "handmade": "Hand-made",
    "confirm": "Confirmation",
    "finalist": "Finalist",
    "evaluate": "Evaluation",
    "export": "Export",
    "data": "Data",
}


def phase_label(phase: str) -> str:
    """Return the name of a phase for readers: `supernet/path` is "Supernet, path"."""
    head, _, tail = phase.partition("/")
    place, dash, seed = tail.partition("-")
    if head == "finalist" and dash and place.isdecimal() and seed.isdecimal():
        return f"{_LABELS[head]} {int(place) + 1}, training {int(seed) + 1}"
    if head == "confirm" and dash and seed.isdecimal():
        return f"{_LABELS[head]}, {place}, network {int(seed) + 1}"
    return _LABELS.get(head, head) + (f", {tail}" if tail else "")


def stage_title(name: str) -> str:
    """Return the name of a stage as a heading."""
    return name[:1].upper() + name[1:]


def colour_of(run: Run, name: str) -> str:
    """Return the CSS class of a stage or phase; the phases of a stage have its colour, others follow after them."""
    if name in run.confirmations:  # they share a chart with nothing else
        return f"c{run.confirmations.index(name) % NUM_COLOURS}"
    order = [*run.stage_names, *run.finalists, *list(_LABELS)[2:]]
    key = name if name in run.finalists else name.partition("/")[2] or name
    place = order.index(key) if key in order else len(order) + sum(map(ord, key))
    return f"c{place % NUM_COLOURS}"


def swatch(colour: str) -> Html:
    """Return a small square in a colour class, for legends."""
    return tag("span", {"class": f"swatch {colour}", "aria-hidden": "true"})
