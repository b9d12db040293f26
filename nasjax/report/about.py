"""What the run was: environment and config, collapsed at the end of the page."""

import json
from typing import Any

from nasjax.report.html import Html, join, tag
from nasjax.report.run import Run

_MOST_TEXT = 60_000


def about_section(run: Run) -> Html:
    """Return environment and config as collapsed lists; empty if neither is known."""
    parts = [_facts("Environment", run.environment), _config(run.config)]
    return join(parts)


def _facts(name: str, facts: dict[str, Any]) -> Html:
    if not facts:
        return Html("")
    rows = [tag("div", None, tag("dt", None, key), tag("dd", None, _written(value))) for key, value in facts.items()]
    return tag("details", None, tag("summary", None, name), tag("dl", {"class": "facts"}, *rows))


def _written(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(_written, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _config(config: dict[str, Any]) -> Html:
    if not config:
        return Html("")
    source = json.dumps(config, indent=2, ensure_ascii=False)
    cut = source if len(source) <= _MOST_TEXT else source[:_MOST_TEXT] + "\n… (the rest is in config.json)"
    block = tag("div", {"class": "code"}, tag("pre", {"tabindex": "0"}, tag("code", None, cut)))
    return tag("details", None, tag("summary", None, "Config"), block)
