"""Pieces of Vega-Lite that all charts share.

Charts are specifications of Vega-Lite: plain data, drawn on the page by the scripts in `vega/` and in a notebook by
Altair. Measured for one page (2026): Vega, Vega-Lite and vega-embed are 830 KB of script, 372 KB as this page packs
them; plotly's is 4.8 MB, its smallest bundle, which Python does not bring along, 1.2 MB. Vega's charts are SVG in the
page's own colours, so that dark mode and print need no second drawing, follow the width of a phone, and run under a
policy that forbids `eval`. The page needs no Python package for them; for a notebook Altair is 0.8 MB, plotly 9.7 MB.
Altair's own way to inline the scripts is a package of 34 MB (vl-convert), which is why they lie here.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from nasjax.report.measures import Measure

Spec = dict[str, Any]


def quantity(name: str, title: str | None, scale: Mapping[str, Any], *, format: str | None = None) -> Spec:
    """Return a channel of numbers; without a title there is none, without a format Vega chooses one."""
    axis = {"tickCount": 6, **({"format": format} if format else {})}
    return {"field": _field(name), "type": "quantitative", "title": title, "scale": dict(scale), "axis": axis}


def names(name: str, *, label: int = 230) -> Spec:
    """Return a vertical channel of names in their own order, `label` pixels wide at most."""
    axis = {"labelLimit": label, "ticks": False, "grid": True}
    return {"field": name, "type": "nominal", "sort": None, "title": None, "axis": axis}


def fact(name: str, title: str, format: str) -> Spec:
    """Return a number of a tooltip."""
    return {"field": _field(name), "title": title, "format": format}


def _field(name: str) -> str:
    """Return a column's name as Vega-Lite takes it: dots and brackets would be read as a path."""
    return re.sub(r"([\\.\[\]'\"])", r"\\\1", name)


def fact_of(shown: Measure) -> Spec:
    """Return a measure as a number of a tooltip."""
    title = f"{shown.label} ({shown.unit})" if shown.unit else shown.label
    return fact(shown.name, title, ".3~s" if shown.digits is None else f".{shown.digits}f")


def measured(shown: Measure, scale: Mapping[str, Any]) -> Spec:
    """Return the channel of a measure, whose title has its unit and says which way is better."""
    way = f"{shown.better} is better" if shown.better and shown.digits is not None else ""
    said = ", ".join(filter(None, [shown.unit, way, "log scale" if scale.get("type") == "log" else ""]))
    title = f"{shown.label} ({said})" if said else shown.label
    return quantity(shown.name, title, scale, format=".3~s" if shown.digits is None else None)


def coloured(name: str, known: Sequence[str], colours: Sequence[str], *, keyed: bool = True) -> Spec:
    """Return the channel of colour of names, which begins anew when there are more names than colours."""
    scale = {"domain": list(known), "range": [colours[i % len(colours)] for i in range(len(known))]}
    return {"field": name, "type": "nominal", "scale": scale, "legend": _legend(known) if keyed else None}


def _legend(known: Sequence[str]) -> Spec:
    """Return a legend of these names above the chart, in as many columns as its width has room for."""
    column = 34 + 7 * min(42, max(map(len, known), default=1))
    columns = {"expr": f"max(1, floor(width / {column}))"}
    return {"orient": "top", "title": None, "columns": columns, "labelLimit": 300, "symbolOpacity": 1}


def hover(name: str, place: Spec, tooltip: Sequence[Spec]) -> tuple[Spec, Spec]:
    """Return a parameter and a layer of that `name`: around each point a disc that is seen only under the pointer.

    Vega-Lite can look for the nearest point itself, but its tooltip then lacks all that is no number (6.4).
    """
    select = {"type": "point", "on": "pointerover", "clear": "pointerout"}
    param = {"name": f"hover_{name}", "select": select, "views": [name]}
    seen = {"condition": {"param": param["name"], "empty": False, "value": 0.3}, "value": 0}
    disc = {"type": "point", "filled": True, "size": 380, "aria": False}
    return param, {"name": name, "mark": disc, "encoding": {**place, "opacity": seen, "tooltip": list(tooltip)}}
