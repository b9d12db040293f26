"""The page: sections in order, style and scripts inside, nothing from outside."""

import base64
import functools
import gzip
import hashlib
import json
import os
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import jinja2

from nasjax.report.candidates import candidates_view
from nasjax.report.curves import curve_chart, curves_table, curves_view, warnings_view
from nasjax.report.fairness import fairness_chart, fairness_table, fairness_view, verdict
from nasjax.report.front import views
from nasjax.report.front_chart import DATA, front_chart, front_data
from nasjax.report.headline import SILENCE_S, headline
from nasjax.report.ledger import ledger_chart, ledger_notes, ledger_table, read_ledger
from nasjax.report.network import diagram_view
from nasjax.report.palette import PAGE
from nasjax.report.pictures import pictures_view
from nasjax.report.results import results_view
from nasjax.report.run import Run, load_run
from nasjax.report.spec import Spec
from nasjax.report.stages import stages_view
from nasjax.report.usage import usage_view
from nasjax.report.values import text

_REFRESH_S = 15
_MOST_CONFIG = 60_000
_SCRIPTS = ("vega.min.js", "vega-lite.min.js", "vega-embed.min.js")


class Part(NamedTuple):
    """What a section shows: `view` for its template (empty: nothing yet), its charts, the rows of data that several of
    them draw, and files that it could not read."""

    view: Any
    charts: dict[str, Spec] = {}
    data: dict[str, list[dict[str, Any]]] = {}
    problems: dict[str, str] = {}


class Section(NamedTuple):
    """A part of the page, drawn by `templates/ID.html`."""

    id: str
    title: str
    part_fn: Callable[[Run], Part]


def _pictures(run: Run) -> Part:
    view = pictures_view(run)
    unread = dict.fromkeys(view.unread, "is missing, or no picture that can be read")
    return Part(view if view.shots else None, problems=unread)


def _pareto(run: Run) -> Part:
    looks = views(run)
    charts = {f"front-{i}": front_chart(run, view, PAGE) for i, view in enumerate(looks)}
    rows = front_data(run, looks)
    return Part(candidates_view(run, looks, len(rows)), charts, {DATA: rows})


def _network(run: Run) -> Part:
    view = {"arch": text(run.results.get("arch")), "diagram": diagram_view(run)}
    return Part(view if any(view.values()) else None)


def _curves(run: Run) -> Part:
    curves = curves_view(run)
    charts = {f"curve-{i}": curve_chart(run, curve, PAGE) for i, curve in enumerate(curves)}
    view = {"curves": curves, "noisy": any(curve.noisy for curve in curves), "table": curves_table(curves)}
    view["warnings"] = warnings_view(run)
    return Part(view if curves or view["warnings"] else None, charts)


def _fairness(run: Run) -> Part:
    stages = fairness_view(run)
    charts = {f"fairness-{i}": fairness_chart(stage, PAGE) for i, stage in enumerate(stages) if stage.counts}
    view = {"stages": stages, "verdict": verdict(stages), "tables": [fairness_table(stage) for stage in stages]}
    return Part(view if stages else None, charts)


def _ledger(run: Run) -> Part:
    entries = read_ledger(run)
    if not entries:
        return Part(None)
    view = {"num": len(entries), "table": ledger_table(entries), "notes": ledger_notes(run, entries)}
    return Part(view, {"ledger": ledger_chart(entries, PAGE)})


def _about(run: Run) -> Part:
    config = json.dumps(run.config, indent=2, ensure_ascii=False) if run.config else ""
    rest = "\n… (the rest is in config.json)" if len(config) > _MOST_CONFIG else ""
    facts = [(name, value if isinstance(value, str) else json.dumps(value)) for name, value in run.environment.items()]
    return Part({"facts": facts, "config": config[:_MOST_CONFIG] + rest} if facts or config else None)


SECTIONS = (
    Section("results", "Results", lambda run: Part(results_view(run))),
    Section("pictures", "Pictures", _pictures),
    Section("pareto", "Quality against cost", _pareto),
    Section("network", "The network", _network),
    Section("stages", "Stages", lambda run: Part(stages_view(run))),
    Section("curves", "Training and search", _curves),
    Section("fairness", "Fairness", _fairness),
    Section("ledger", "Where the time went", _ledger),
    Section("usage", "Use it", lambda run: Part(usage_view(run))),
    Section("about", "About", _about),
)


def render(run: str | Path) -> str:
    """Return the page of a run folder as HTML; files may be missing or broken, but not all: that raises ValueError."""
    data = load_run(run, partial=True)
    parts = [(section, section.part_fn(data)) for section in SECTIONS]
    drawn = [_context(section, part) for section, part in parts if part.view]
    charts = {id_: spec for _, part in parts for id_, spec in part.charts.items()}
    rows = {name: rows for _, part in parts for name, rows in part.data.items()}
    problems = {**data.problems, **{name: wrong for _, part in parts for name, wrong in part.problems.items()}}
    script, style = _asset("page.js"), _asset("page.css")
    page = (
        _templates()
        .get_template("page.html")
        .render(
            run=data,
            head=headline(data),
            sections=drawn,
            missing=[section.title.lower() for section, part in parts if not part.view],
            problems=problems,
            charts=_packed(_json({"charts": charts, "data": rows})) if charts else "",
            vega=_vega()[0] if charts else "",
            script=script,
            style=style,
            policy=_policy(script),
            refresh_s=_REFRESH_S,
            silence_s=SILENCE_S,
            written=time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(data.now)),
        )
    )
    # Surrogates come from files with broken bytes; they could not be written as UTF-8.
    return page.encode("utf-8", "replace").decode("utf-8")


def write_report(run: str | Path) -> Path:
    """Write `report.html` into a run folder and return its path; a reader never sees a half-written page.

    Raises ValueError if `run` is no run folder, and OSError if the page cannot be written.
    """
    path = Path(run) / "report.html"
    page = render(run)
    part = path.with_name(f".report.{os.getpid()}.html")
    try:
        part.write_text(page, encoding="utf-8")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return path


def _context(section: Section, part: Part) -> dict[str, Any]:
    return {"id": section.id, "title": section.title, "template": f"{section.id}.html", "view": part.view}


@functools.cache
def _templates() -> jinja2.Environment:
    loader = jinja2.PackageLoader("nasjax.report")
    return jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)


def _asset(name: str) -> str:
    return resources.files("nasjax.report").joinpath("templates", name).read_text(encoding="utf-8")


def _json(content: dict[str, Any]) -> str:
    # NaN is no JSON; figures that are not finite were left out when the run was read.
    return json.dumps(content, separators=(",", ":"), allow_nan=False)


@functools.cache
def _vega() -> tuple[str, str]:
    """Return the scripts that draw, packed, and their hash."""
    folder = resources.files("nasjax.report").joinpath("vega")
    source = ";\n".join(folder.joinpath(name).read_text(encoding="utf-8") for name in _SCRIPTS)
    return _packed(source), _hash(source)


def _packed(source: str) -> str:
    """Return a text as base64 of gzip: less than half its size, and nothing in it can end the element around it."""
    return base64.b64encode(gzip.compress(source.encode("utf-8", "replace"), 6, mtime=0)).decode("ascii")


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _policy(script: str) -> str:
    # The browser itself enforces that nothing is loaded and that no script of the run's data is executed.
    scripts = f"script-src {_hash(script)} {_vega()[1]}"
    return f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; {scripts}"
