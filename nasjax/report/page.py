"""The page: sections in order, style and script inside, nothing from outside."""

import base64
import hashlib
import os
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from nasjax.report.about import about_section
from nasjax.report.curves import curves_section
from nasjax.report.fairness import fairness_section
from nasjax.report.headline import headline, title
from nasjax.report.html import Html, join, tag
from nasjax.report.ledger import ledger_section
from nasjax.report.network import network_section
from nasjax.report.pareto import pareto_section
from nasjax.report.pictures import pictures_section
from nasjax.report.results import results_section
from nasjax.report.run import Run, load_run
from nasjax.report.stages import stages_section
from nasjax.report.usage import usage_section

_REFRESH_S = 15


class Section(NamedTuple):
    """A part of the page; `draw_fn` returns empty markup while the run has nothing for it."""

    id: str
    title: str
    draw_fn: Callable[[Run], Html]


SECTIONS = (
    Section("results", "Results", results_section),
    Section("pictures", "Pictures", pictures_section),
    Section("pareto", "Quality against cost", pareto_section),
    Section("network", "The network", network_section),
    Section("stages", "Stages", stages_section),
    Section("curves", "Training and search", curves_section),
    Section("fairness", "Fairness", fairness_section),
    Section("ledger", "Where the time went", ledger_section),
    Section("usage", "Use it", usage_section),
    Section("about", "About", about_section),
)


def render(run: Path) -> str:
    """Return the page of a run folder as HTML; files may be missing, but not all of them: that raises ValueError."""
    data = load_run(Path(run))
    drawn = [(section, body) for section in SECTIONS if (body := section.draw_fn(data))]
    missing = [section.title.lower() for section in SECTIONS if section not in [entry for entry, _ in drawn]]
    main = tag(
        "main", None, headline(data), _contents(drawn), *(_framed(*entry) for entry in drawn), _footer(data, missing)
    )
    script = _asset("page.js")
    body = tag("body", None, main, Html(f"<script>{script}</script>"))
    return "<!doctype html>\n" + tag("html", {"lang": "en"}, _head(data, script), body) + "\n"


def write_report(run: Path) -> Path:
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


def _asset(name: str) -> str:
    return resources.files("nasjax.report").joinpath(name).read_text(encoding="utf-8")


def _head(run: Run, script: str) -> Html:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    # The browser itself enforces that nothing is loaded and that no script of the run's data is executed.
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    live = {"http-equiv": "refresh", "content": _REFRESH_S}
    return tag(
        "head",
        None,
        tag("meta", {"charset": "utf-8"}),
        tag("meta", {"http-equiv": "Content-Security-Policy", "content": policy}),
        tag("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        tag("meta", {"name": "color-scheme", "content": "light dark"}),
        tag("title", None, f"{title(run)} · nasjax"),
        Html(f"<style>{_asset('page.css')}</style>"),
        # The page's script reloads more gently (place kept, not while it is read); this is for browsers without.
        "" if run.done else tag("noscript", None, tag("meta", live)),
    )


def _contents(drawn: list[tuple[Section, Html]]) -> Html:
    links = (tag("a", {"href": f"#{section.id}"}, section.title) for section, _ in drawn)
    return tag("nav", {"aria-label": "sections"}, *links)


def _framed(section: Section, body: Html) -> Html:
    return tag("section", {"id": section.id}, tag("h2", None, section.title), body)


def _footer(run: Run, missing: list[str]) -> Html:
    when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(run.now))
    lack = ("Not in this run: " if run.done else "Still to come: ") + ", ".join(missing) + "." if missing else ""
    live = {} if run.done else {"data-refresh": _REFRESH_S}
    return tag("footer", live, join([lack, f"Written by nasjax on {when}."], " "))
