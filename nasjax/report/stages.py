"""How each stage narrowed the search space: the size before and after, and the options that were kept."""

from typing import Any

from nasjax.report.figures import archive_columns
from nasjax.report.html import Column, Html, escape, join, note, scroller, table, tag
from nasjax.report.marks import score_text
from nasjax.report.measures import measure
from nasjax.report.phases import colour_of, stage_title, swatch
from nasjax.report.run import Run
from nasjax.report.units import exact, fixed, magnitude
from nasjax.report.values import mapping, number, strings, text

_MOST_CHOICES = 60


def stages_section(run: Run) -> Html:
    """Return one line of the funnel and one matrix a stage; empty until stages.json has a stage."""
    if not run.stages:
        return Html("")
    cards = tag("div", {"class": "cards"}, *(_card(run, stage) for stage in run.stages))
    return join([_funnel(run), cards])


def power_of_ten(size: object) -> Html:
    """Return a size as a power of ten, small ones in full."""
    log = magnitude(size)
    if log is None:
        return escape("–")
    if log < 4:
        return escape(exact(round(10**log)))
    return join(["10", tag("sup", None, fixed(log, 1))])


def _funnel(run: Run) -> Html:
    largest = max((magnitude(stage.get("size_before")) or 0.0 for stage in run.stages), default=0.0)
    return (
        tag("div", {"class": "funnel"}, *(_narrowing(run, stage, largest) for stage in run.stages))
        if largest
        else Html("")
    )


def _narrowing(run: Run, stage: dict[str, Any], largest: float) -> Html:
    name = text(stage.get("stage"))
    before, after = (_width(stage.get(key), largest) for key in ("size_before", "size_after"))
    bars = [
        tag("span", {"class": f"before {colour_of(run, name)}", "style": f"width:{before:.1f}%"}),
        tag("span", {"class": f"after {colour_of(run, name)}", "style": f"width:{after:.1f}%"}),
    ]
    sizes = join([power_of_ten(stage.get("size_before")), " → ", power_of_ten(stage.get("size_after")), " networks"])
    head = tag("p", None, tag("b", None, stage_title(name)), " ", tag("span", {"class": "sizes"}, sizes))
    return tag("div", {"class": "narrowing"}, head, tag("div", {"class": "track", "aria-hidden": "true"}, *bars))


def _width(size: object, largest: float) -> float:
    return 100 * min(1.0, max(0.0, (magnitude(size) or 0.0) / largest))


def _card(run: Run, stage: dict[str, Any]) -> Html:
    name = text(stage.get("stage"))
    free = {choice: strings(options) for choice, options in mapping(stage.get("free")).items()}
    decided = {choice: strings(option) for choice, option in mapping(stage.get("decided")).items()}
    head = tag("h3", None, swatch(colour_of(run, name)), stage_title(name))
    kept = tag("div", {"class": "kept-of"}, *_matrices(free, decided))
    parts = (_facts(run, stage), kept, _stand_ins(stage), _more(free), _confirmed(run, name))
    return tag("article", {"class": "card"}, head, *parts)


def _confirmed(run: Run, name: str) -> Html:
    """Return the networks that were trained alone before the stage decided, with their totals before and after."""
    rows = [row for row in run.confirmed if row.get("stage") == name]
    if not rows:
        return Html("")
    totals = [number(row.get("total")) for row in rows]
    best = min((t for t in totals if t is not None), default=None)
    head = [Column("Network, the best with"), Column("Shared", True), Column("Alone", True)]
    options = (f"{i}: {', '.join(strings(row.get('options')))}" for i, row in enumerate(rows, 1))
    before, after = (_total(row.get("inherited")) for row in rows), (_best(total, best) for total in totals)
    words = "Totals with shared weights, and after training alone, which decided: shared weights favour what is easy."
    return join([table("confirmed", head, zip(options, before, after, strict=True)), note(words)])


def _total(value: object) -> str:
    found = number(value)
    return "–" if found is None else score_text("total", found)


def _best(total: float | None, best: float | None) -> Html:
    return tag("b", None, _total(total)) if total is not None and total == best else escape(_total(total))


def _facts(run: Run, stage: dict[str, Any]) -> Html:
    tried, best = number(stage.get("candidates")), number(stage.get("best_score"))
    scores = archive_columns(run)[1] or ["psnr_y"]
    parts = [
        f"{exact(tried)} candidates evaluated" if tried is not None else "",
        f"best {measure(scores[0]).label} {score_text(scores[0], best)} {measure(scores[0]).unit}"
        if best is not None
        else "",
        *(
            f"{measure(name).label.lower()} {score_text(name, value)}"
            for name in ("total", "edge", "style")
            if (value := number(stage.get(name))) is not None
        ),
        f"budget {', '.join(strings(stage.get('budget')))}" if strings(stage.get("budget")) else "",
    ]
    return tag("p", {"class": "note"}, join(parts, " · "))


def _matrices(free: dict[str, list[str]], decided: dict[str, list[str]]) -> list[Html]:
    """Return a matrix for choices with the same options, so that columns can be read down, and a list of the rest."""
    shown = {name: tuple(free[name]) for name in list(free)[:_MOST_CHOICES] if free[name]}
    same = {options: [name for name in shown if shown[name] == options] for options in dict.fromkeys(shown.values())}
    single = {names[0]: options for options, names in same.items() if len(names) == 1}
    listing = tag("dl", {"class": "picks"}, *(_pick(name, options, decided) for name, options in single.items()))
    return [
        *([listing] if single else []),
        *(_matrix(n, options, decided) for options, n in same.items() if len(n) > 1),
    ]


def _pick(name: str, options: tuple[str, ...], decided: dict[str, list[str]]) -> Html:
    kept = decided.get(name, [])
    words = (tag("b", None, option) if option in kept else tag("span", None, option) for option in options)
    return join([tag("dt", None, name), tag("dd", None, *words)])


def _matrix(names: list[str], options: tuple[str, ...], decided: dict[str, list[str]]) -> Html:
    head = [tag("th", {"scope": "col"}, tag("span", None, option)) for option in options]
    rows = [tag("tr", None, tag("th", {"scope": "row"}, name), *_cells(options, decided, name)) for name in names]
    # Upright heads need room: many or long ones are turned.
    css = "matrix long" if max(map(len, options)) > 5 or len(options) > 6 else "matrix"
    body = [tag("thead", None, tag("tr", None, tag("td"), *head)), tag("tbody", None, *rows)]
    return scroller(tag("table", {"class": css}, *body), "options kept")


def _cells(options: tuple[str, ...], decided: dict[str, list[str]], name: str) -> list[Html]:
    kept = decided.get(name)
    if not kept or not set(kept) & set(options):
        words = "not used" if decided else "not decided yet"
        return [tag("td", {"colspan": str(len(options)), "class": "unused"}, words)]
    return [_cell(option in kept) for option in options]


def _cell(kept: bool) -> Html:
    return tag(
        "td", {"class": "kept" if kept else "dropped"}, tag("span", {"class": "hide"}, "kept" if kept else "dropped")
    )


def _stand_ins(stage: dict[str, Any]) -> Html:
    """Return for which options others stand in, which a later stage decides among."""
    each = [mapping(found) for found in mapping(stage.get("stands_for")).values()]
    words = dict.fromkeys((option, tuple(strings(many))) for found in each for option, many in found.items())
    lines = [
        f"{option} stands here for {', '.join(many)}; which of them, a later stage decides." for option, many in words
    ]
    return join(note(line) for line in lines)


def _more(free: dict[str, list[str]]) -> Html:
    left = len(free) - _MOST_CHOICES
    return tag("p", {"class": "note"}, f"and {left} more choices") if left > 0 else Html("")
