"""How evenly the options of each choice were trained, stage by stage."""

from typing import Any

from nasjax.report.html import Html, join, tag
from nasjax.report.phases import colour_of, stage_title, swatch
from nasjax.report.run import Run
from nasjax.report.units import exact
from nasjax.report.values import mapping, number, text

Counts = dict[str, dict[str, float]]


def fairness_section(run: Run) -> Html:
    """Return a verdict and the counts of each stage; empty until fairness.json has a stage."""
    if not run.fairness:
        return Html("")
    stages = tag("div", {"class": "cards"}, *(_stage(run, stage) for stage in run.fairness))
    return join([tag("p", {"class": "verdict"}, _verdict(run)), stages])


def read_counts(stage: dict[str, Any]) -> Counts:
    """Return how often each option of each choice was trained; choices without counts are left out."""
    read = {name: _numbers(options) for name, options in mapping(stage.get("counts")).items()}
    return {name: options for name, options in read.items() if options}


def gap(options: dict[str, float]) -> float:
    """Return the largest difference between the counts of a choice's options."""
    return max(options.values()) - min(options.values())


def _numbers(options: object) -> dict[str, float]:
    return {name: value for name, raw in mapping(options).items() if (value := number(raw)) is not None}


def stage_gap(stage: dict[str, Any]) -> float | None:
    """Return the largest gap over the choices of a stage, from the counts or, without them, as the run reports it."""
    counts = read_counts(stage)
    return max(map(gap, counts.values())) if counts else number(stage.get("gap"))


def _verdict(run: Run) -> Html:
    gaps = [(text(stage.get("stage")), stage_gap(stage)) for stage in run.fairness]
    unequal = [f"{name} by {exact(value)}" for name, value in gaps if value]
    unknown = [name for name, value in gaps if value is None]
    if unequal:
        return join(
            [tag("b", {"class": "bad"}, "Not equal."), f" The counts of some options differ: {', '.join(unequal)}."]
        )
    if unknown:
        return join([tag("b", None, "Not counted."), f" No counts were written for {', '.join(unknown)}."])
    words = " In every stage each option of each choice was trained equally often: largest minus smallest count is 0."
    return join([tag("b", {"class": "good"}, "Strictly fair."), words])


def _stage(run: Run, stage: dict[str, Any]) -> Html:
    name, found = text(stage.get("stage")), stage_gap(stage)
    head = tag("h3", None, swatch(colour_of(run, name)), stage_title(name))
    rounds = [
        _fact(stage, key, word) for key, word in (("slots", "slots"), ("rounds", "rounds"), ("devices", "devices"))
    ]
    facts = [
        text(stage.get("sampler")),
        *rounds,
        f"max − min = {exact(found)}" if found is not None else "",
        _doubt(stage),
    ]
    counts = read_counts(stage)
    rows = tag("div", {"class": "counts"}, *(_choice(choice, options) for choice, options in counts.items()))
    words = f"Counts of {len(counts)} choice{'' if len(counts) == 1 else 's'}"
    listing = tag("details", None, tag("summary", None, words), rows)
    return tag(
        "div", {"class": "fair"}, head, tag("p", {"class": "note"}, join(facts, " · ")), listing if counts else ""
    )


def _fact(stage: dict[str, Any], key: str, word: str) -> str:
    value = number(stage.get(key))
    return "" if value is None else f"{exact(value)} {word.removesuffix('s') if value == 1 else word}"


def _doubt(stage: dict[str, Any]) -> str:
    reported, found = number(stage.get("gap")), stage_gap(stage)
    return f"the run reported {exact(reported)}" if reported is not None and reported != found else ""


def _choice(name: str, options: dict[str, float]) -> Html:
    most = max(options.values()) or 1.0
    bars = [_option(option, value, most) for option, value in options.items()]
    difference = gap(options)
    verdict = tag("span", {"class": "bad" if difference else "good"}, f"max − min = {exact(difference)}")
    return tag("div", {"class": "choice"}, tag("p", None, tag("b", None, name), " ", verdict), tag("ul", None, *bars))


def _option(name: str, value: float, most: float) -> Html:
    bar = tag(
        "span",
        {"class": "track", "aria-hidden": "true"},
        tag("span", {"style": f"width:{max(0.0, 100 * value / most):.2f}%"}),
    )
    return tag("li", None, tag("span", {"class": "option"}, name), bar, tag("span", {"class": "num"}, exact(value)))
