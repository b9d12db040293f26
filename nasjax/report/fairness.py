"""How evenly the options of each choice were trained, stage by stage."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from nasjax.report.palette import Palette
from nasjax.report.phases import colour_of, stage_title
from nasjax.report.run import Run
from nasjax.report.spec import Spec, fact, names, quantity
from nasjax.report.tables import Cell, Column, Table
from nasjax.report.units import count_of, exact
from nasjax.report.values import mapping, number, text

_Counts = dict[str, dict[str, float]]
_STEP = 17


class Stage(NamedTuple):
    """How a stage was trained: facts in words, how often each option, and the largest difference within a choice."""

    name: str
    title: str
    colour: str
    facts: str
    counts: _Counts
    gap: float | None


class Verdict(NamedTuple):
    """In two words and a sentence whether training was fair; `good` is None where nothing was counted."""

    good: bool | None
    head: str
    sentence: str


def fairness_view(run: Run) -> list[Stage]:
    """Return the stages whose training was counted."""
    return [_stage(run, row) for row in run.fairness]


def _counts(row: Mapping[str, Any]) -> _Counts:
    """Return how often each option of each choice was trained; choices without counts are left out."""
    read = {name: _numbers(options) for name, options in mapping(row.get("counts")).items()}
    return {name: options for name, options in read.items() if options}


def gap(options: Mapping[str, float]) -> float:
    """Return the largest difference between the counts of a choice's options."""
    return max(options.values()) - min(options.values())


def verdict(stages: Sequence[Stage]) -> Verdict:
    """Judge by the counts themselves, whatever the run reported."""
    unequal = [f"{stage.name} by {exact(stage.gap)}" for stage in stages if stage.gap]
    unknown = [stage.name for stage in stages if stage.gap is None]
    if unequal:
        return Verdict(False, "Not equal.", f"The counts of some options differ: {', '.join(unequal)}.")
    if unknown:
        return Verdict(None, "Not counted.", f"No counts were written for {', '.join(unknown)}.")
    words = "In every stage each option of each choice was trained equally often: largest minus smallest count is 0."
    return Verdict(True, "Strictly fair.", words)


def fairness_chart(stage: Stage, colours: Palette) -> Spec:
    """Return a line a choice, from its least to its most trained option, with a dot an option: fair ones coincide."""
    rows = [
        {"choice": choice, "option": option, "count": value, "gap": gap(options)}
        for choice, options in stage.counts.items()
        for option, value in options.items()
    ]
    x = quantity("count", "times trained", {"zero": True})
    ends = {"x": x | {"aggregate": "min"}, "x2": {"field": "count", "aggregate": "max"}}
    shade = {"condition": {"test": "datum.gap > 0", "value": colours.bad}, "value": colours.series[2]}
    tooltip = [{"field": "choice"}, {"field": "option"}, fact("count", "times trained", ",.0f")]
    dots = {"type": "point", "filled": True, "size": 55, "opacity": 0.75}
    return {
        "description": f"{stage.title}: how often each option was trained, {stage.facts}",
        "height": _STEP * len(stage.counts),
        "data": {"values": rows},
        "encoding": {"y": names("choice", label=130), "color": shade},
        "layer": [
            {"mark": {"type": "rule", "strokeWidth": 2}, "encoding": ends},
            {"mark": dots, "encoding": {"x": x, "tooltip": tooltip}},
        ],
    }


def fairness_table(stage: Stage) -> Table:
    """Return the counts of each option, a row a choice."""
    said = {choice: [f"{name} {exact(n)}" for name, n in options.items()] for choice, options in stage.counts.items()}
    rows = [[Cell(name), Cell(", ".join(said[name])), Cell(exact(gap(each)))] for name, each in stage.counts.items()]
    return Table("counts", [Column("Choice"), Column("Times trained"), Column("Max − min", True)], rows)


def _stage(run: Run, row: Mapping[str, Any]) -> Stage:
    name, counts = text(row.get("stage")), _counts(row)
    reported = number(row.get("gap"))
    found = max(map(gap, counts.values())) if counts else reported
    numbers = [(number(row.get(key)), key.removesuffix("s")) for key in ("slots", "rounds", "devices")]
    facts = [
        text(row.get("sampler")),
        *(count_of(int(value), word) for value, word in numbers if value is not None),
        f"max − min = {exact(found)}" if found is not None else "",
        f"the run reported {exact(reported)}" if reported is not None and reported != found else "",
    ]
    return Stage(name, stage_title(name), colour_of(run, name), " · ".join(filter(None, facts)), counts, found)


def _numbers(options: object) -> dict[str, float]:
    return {name: value for name, raw in mapping(options).items() if (value := number(raw)) is not None}
