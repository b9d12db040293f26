"""Run folders of the first layout, which described nothing: read as today's, by the names of their columns."""

from collections.abc import Mapping
from typing import Any

from nasjax.report.files import Contents
from nasjax.report.values import mapping, number, records, strings, text

_HALF_RANGE = "_half_range"
_EDGE = "1 − SSIM of the edge maps of output and content: 0 keeps every edge"
_STYLE = (
    "distance between the Gram matrices of VGG16's features of output and style, relative to that of the untouched "
    "content: 0 is the style, 1 the content"
)
# name, label, unit, digits, which way is better, meaning, and the difference that the seed makes in short trainings
_COLUMNS = (
    ("psnr_y", "Y-PSNR", "dB", 2, "higher", "", 0.05),
    ("psnr", "PSNR", "dB", 2, "higher", "", 0.05),
    ("ssim_y", "Y-SSIM", "", 4, "higher", "", 0.0),
    ("ssim", "SSIM", "", 4, "higher", "", 0.0),
    ("lpips", "LPIPS", "", 4, "lower", "", 0.0),
    ("fid", "FID", "", 2, "lower", "", 0.0),
    ("total", "Total", "", 4, "lower", "", 0.0),
    ("edge", "Edge error", "", 4, "lower", _EDGE, 0.0),
    ("style", "Style distance", "", 4, "lower", _STYLE, 0.0),
    ("teacher", "To the teacher", "", 4, "lower", "", 0.0),
)
_FIELDS = ("name", "label", "unit", "digits", "better", "meaning", "noise")
_ROLES = {"found, fine-tuned": "found", "found, inherited": "inherited", "found, from scratch": "scratch"}
_ROLES |= {"hand-made": "rival"}
_SPREADS = {"latency_spread_ms": "latency_ms"}
_WEIGHTS = ("edge", "style", "teacher", "cost")  # what the config's weights belong to


def as_today(contents: Contents) -> Contents:
    """Return the contents in today's layout; what is in it already stays as it is."""
    objects, lists = dict(contents.objects), dict(contents.lists)
    objects["status.json"] = _status(objects["status.json"], bool(objects["results.json"]))
    if not objects["system.json"]:
        objects["system.json"] = _system(contents)
    decides = text(objects["system.json"].get("decides"))
    if objects["results.json"] and "version" not in objects["results.json"]:
        objects["results.json"] = _results(objects["results.json"], decides)
    lists["stages.json"] = [_stage(row, decides) for row in lists["stages.json"]]
    lists["images.json"] = [_image(row) for row in lists["images.json"]]
    return contents._replace(objects=objects, lists=lists)


OLD_BUNDLE = "network"
# How the networks in it are used.
OLD_USAGE = (
    ("In a shell, in the run folder", "nasjax stylize content.jpg style.jpg out.jpg --network network"),
    (
        "Python",
        """\
import numpy as np
from PIL import Image

from nasjax.apply.stylize import StyleOptions, stylize

content, style = (np.asarray(Image.open(name).convert("RGB")) for name in ("content.jpg", "style.jpg"))
Image.fromarray(stylize(content, style, StyleOptions(network="network"))).save("out.jpg")""",
    ),
)


def _status(status: dict[str, Any], has_results: bool) -> dict[str, Any]:
    if "state" in status:
        return status
    done = status.get("done") is True or (not status and has_results)
    return status | {"state": "done" if done else "running"}


def _system(contents: Contents) -> dict[str, Any]:
    rows = [*contents.candidates[:1], *records(contents.objects["results.json"].get("rows"))]
    panels = (panel for row in contents.lists["images.json"] for panel in records(row.get("panels")))
    names = {name for row in [*rows, *panels] for name, value in row.items() if value is not None}
    known = [dict(zip(_FIELDS, column, strict=True)) for column in _COLUMNS if column[0] in names]
    main = (name for name in ("psnr_y", "psnr", "total", *(each["name"] for each in known)) if name in names)
    decides = text(contents.objects["results.json"].get("decides")) or next(main, "")
    config, results = contents.objects["config.json"], contents.objects["results.json"]
    for each in known:
        if each["name"] == "total":
            each["meaning"] = _sum(config.get("weights"))
    raw = results.get("macs_at") or config.get("macs_at")
    size = "x".join(strings(raw)) if isinstance(raw, list) else text(raw)
    # Nearly all parameters of a network that is scored by its edges are its encoder's: its MACs tell more.
    cost = "macs" if "edge" in names else "params"
    return {
        "measures": [each | _declared(results, str(each["name"])) for each in known],
        "decides": decides,
        "objectives": [decides, cost],
        "costs_at": size,
    }


def _declared(results: Mapping[str, Any], name: str) -> dict[str, str]:
    """Return which way a run said that a score is better: one flag, or one a score."""
    said = results.get("higher_is_better")
    said = said.get(name) if isinstance(said, Mapping) else said
    return {"better": "higher" if said else "lower"} if isinstance(said, bool) else {}


def _sum(weights: object) -> str:
    known = [number(value) or 0.0 for value in weights] if isinstance(weights, list) else []
    terms = [f"{'' if w == 1 else f'{w:g} '}{name}" for w, name in zip(known, _WEIGHTS, strict=False) if w]
    return " + ".join(terms)


def _results(results: dict[str, Any], decides: str) -> dict[str, Any]:
    """Return the table with its figures under `values`; what was one flat row is told apart by the names."""
    # Where finished networks are scored as candidates are, `search_score` was a sum that nothing else states.
    same = results.get("protocol") == results.get("search_protocol")
    rows = [_row(row, results, drop="search_score" if same else "") for row in records(results.get("rows"))]
    return results | {"version": 1, "decides": decides, "rows": rows}


def _row(row: dict[str, Any], results: Mapping[str, Any], *, drop: str) -> dict[str, Any]:
    name = text(row.get("name"))
    figures = {key: value for key, raw in row.items() if (value := number(raw)) is not None}
    half = {key.removesuffix(_HALF_RANGE): value for key, value in figures.items() if key.endswith(_HALF_RANGE)}
    half |= {of: figures[key] for key, of in _SPREADS.items() if key in figures}
    aside = {drop, *_SPREADS}
    values = {key: v for key, v in figures.items() if key not in aside and not key.endswith(_HALF_RANGE)}
    role = _ROLES.get(name) or ("found" if name.startswith("found") else "")
    role = role or ("finalist" if name.startswith("finalist") else "reference")
    arch = text(results.get("arch")) if name.startswith("found") else ""
    kept = {"name": name, "role": role, "arch": arch, "note": text(row.get("note"))}
    return kept | {"values": values, "spread": half}


def _stage(row: dict[str, Any], decides: str) -> dict[str, Any]:
    if "values" in row:
        return row
    names = (column[0] for column in _COLUMNS)
    values = {name: row[name] for name in names if number(row.get(name)) is not None}
    return row | {"values": values | ({decides: row["best_score"]} if decides and "best_score" in row else {})}


def _image(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"panels": [_panel(panel) for panel in records(row.get("panels"))]}


def _panel(panel: dict[str, Any]) -> dict[str, Any]:
    scores = mapping(panel.get("scores"))
    return panel | {"scores": scores | ({"psnr_y": panel["psnr_y"]} if panel.get("psnr_y") is not None else {})}
