"""Names of phases and stages for readers, and the colour of a stage, the same everywhere on a page."""

from nasjax.report.run import Run

NUM_COLOURS = 8
_LABELS = {"finetune": "Fine-tuning", "scratch": "From scratch", "confirm": "Confirmation"}


def phase_label(phase: str) -> str:
    """Return the name of a phase for readers: `supernet/path` is "Supernet, path"."""
    head, _, tail = phase.partition("/")
    place, dash, seed = tail.rpartition("-")
    label = head_label(head)
    if not (dash and place and seed.isdecimal()):
        return label + (f", {tail}" if tail else "")
    if head == "confirm":
        return f"{label}, {place}, network {int(seed) + 1}"
    who = f"{label} {int(place) + 1}" if place.isdecimal() else f"{label}, {place}"
    return f"{who}, training {int(seed) + 1}"


def head_label(head: str) -> str:
    """Return the name of what comes before the slash of a phase."""
    return _LABELS.get(head) or stage_title(head)


def stage_title(name: str) -> str:
    """Return the name of a stage as a heading."""
    return name[:1].upper() + name[1:]


def colour_of(run: Run, stage: str) -> str:
    """Return the CSS class of a stage."""
    place = run.stage_names.index(stage) if stage in run.stage_names else len(run.stage_names)
    return f"c{place % NUM_COLOURS}"
