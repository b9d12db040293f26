"""Top of the page: what was found, in one sentence and a few figures, and what a live run is doing."""

from typing import Any

from nasjax.report.figures import found_row, gain, result_scores, row_named
from nasjax.report.html import Html, escape, join, tag
from nasjax.report.measures import measure
from nasjax.report.phases import phase_label
from nasjax.report.run import Run
from nasjax.report.style import is_style, style_figures, style_sentence
from nasjax.report.units import count, exact, fixed, seconds, signed
from nasjax.report.values import number, text

# A live run writes its status every few seconds; after this long without news it has probably stopped.
_SILENCE_S = 600


def title(run: Run) -> str:
    """Return the title of the page."""
    return (
        text(run.results.get("title"))
        or text(run.config.get("title"))
        or text(run.config.get("name"))
        or run.folder.name
    )


def headline(run: Run) -> Html:
    """Return the head of the page: title, sentence, figures, and the state of a run that has not ended."""
    found = found_row(run)
    parts = [tag("p", {"class": "over"}, _over(run)), tag("h1", None, title(run))]
    if found is not None and is_style(found):
        tiles = tag("dl", {"class": "tiles"}, *(_tile(*figure) for figure in style_figures(run, found)))
        parts += [tag("p", {"class": "lead"}, style_sentence(run, found)), tiles]
    elif found is not None:
        parts += [tag("p", {"class": "lead"}, _sentence(run, found)), _tiles(run, found)]
    if not run.done:
        parts.append(_status(run))
    return tag("header", {"id": "top"}, *parts)


def _over(run: Run) -> Html:
    name = text(run.config.get("name"))
    return join(["nasjax report", name if name != title(run) else "", text(run.results.get("space"))], " · ")


def _sentence(run: Run, found: dict[str, Any]) -> Html:
    scores = result_scores(run)
    size = number(found.get("params"))
    parts = ["The search found a network" + (f" of {count(size)} parameters" if size is not None else "")]
    value = number(found.get(scores[0])) if scores else None
    if value is not None:
        shown = measure(scores[0])
        parts.append(f" that reaches {fixed(value, shown.digits or 0, shown.unit)} {shown.label}")
    against = [_against(run, found, "bicubic"), _against(run, found, "hand-made")]
    return join([*parts, _clause([words for words in against if words]), "."])


def _against(run: Run, found: dict[str, Any], other: str) -> str:
    """Return "0.21 dB better than the hand-made network of 26.4 K parameters", whichever way it went."""
    row = row_named(run, other)
    better = gain(run, found, row)
    if row is None or better is None:
        return ""
    shown = measure(result_scores(run)[0])
    size = number(row.get("params"))
    thing = (
        "bicubic interpolation"
        if other == "bicubic"
        else "the hand-made network" + (f" ({count(size)})" if size else "")
    )
    amount = fixed(abs(better), shown.digits or 0, shown.unit)
    words = f"{amount} {'better' if better >= 0 else 'worse'} than {thing}"
    return words + (", less than single runs differ by chance" if abs(better) < shown.noise else "")


def _clause(parts: list[str]) -> str:
    return ": " + " and ".join(parts) if parts else ""


def _tiles(run: Run, found: dict[str, Any]) -> Html:
    scores = result_scores(run)
    tiles = [_score_tile(scores[0], found)] if scores else []
    tiles += [_gain_tile(run, found, other) for other in ("bicubic", "hand-made")]
    tiles.append(
        _tile(count(number(found.get("params"))), "parameters") if number(found.get("params")) is not None else None
    )
    tiles.append(
        _tile(seconds(number(run.results.get("seconds"))), "for the whole run")
        if number(run.results.get("seconds"))
        else None
    )
    return tag("dl", {"class": "tiles"}, *(tile for tile in tiles if tile))


def _score_tile(score: str, found: dict[str, Any]) -> Html | None:
    value, shown = number(found.get(score)), measure(score)
    return None if value is None else _tile(fixed(value, shown.digits or 0, shown.unit), shown.label)


def _gain_tile(run: Run, found: dict[str, Any], other: str) -> Html | None:
    row = row_named(run, other)
    better = gain(run, found, row)
    if row is None or better is None:
        return None
    shown = measure(result_scores(run)[0])
    size = number(row.get("params"))
    name = "over bicubic" if other == "bicubic" else f"over hand-made{f' ({count(size)})' if size else ''}"
    return _tile(signed(better, shown.digits or 0, shown.unit), name)


def _tile(value: str, name: str) -> Html:
    return tag("div", None, tag("dt", None, name), tag("dd", None, value))


def _status(run: Run) -> Html:
    status = run.status
    step, steps, updated = (number(status.get(key)) for key in ("step", "steps", "updated"))
    share = min(1.0, max(0.0, step / steps)) if step is not None and steps else None
    bar = (
        tag("progress", {"max": "1", "value": f"{share:.4f}", "aria-label": "progress of this phase"})
        if share is not None
        else ""
    )
    age = max(0.0, run.now - updated) if updated is not None else None
    state = {
        "class": "live",
        "role": "status",
        "data-updated": None if updated is None else f"{updated:.0f}",
        "data-silence": _SILENCE_S,
    }
    return tag("div", state, tag("p", None, tag("b", None, _now(run)), " ", _pace(run)), bar, _message(status, age))


def _now(run: Run) -> Html:
    phase = text(run.status.get("phase"))
    return join(["Running: ", phase_label(phase)]) if phase else escape("Not finished")


def _pace(run: Run) -> Html:
    step, steps, rate, eta = (number(run.status.get(key)) for key in ("step", "steps", "steps_per_s", "eta_s"))
    return join(
        [
            f"step {exact(step)} of {exact(steps)}" if step is not None and steps else "",
            f"{count(rate)} steps/s" if rate else "",
            f"{seconds(eta)} left in this phase" if eta is not None else "",
        ],
        " · ",
    )


def _message(status: dict[str, Any], age: float | None) -> Html:
    silent = age is not None and age > _SILENCE_S
    words = (
        f"Last news {seconds(age)} ago" + (": the run may have been interrupted." if silent else ".")
        if age is not None
        else ""
    )
    return tag(
        "p", {"class": "note"}, join([text(status.get("message")), tag("span", {"data-age": True}, words)], " · ")
    )
