"""Before and after: a slider over each whole picture, and crops of every version side by side."""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

from PIL import Image

from nasjax.report.encode import Box, crop_exact, encode_all, encode_exact, open_picture
from nasjax.report.html import Html, escape, join, note, tag
from nasjax.report.run import Run
from nasjax.report.units import fixed
from nasjax.report.values import number, records, text

_MOST_PICTURES = 12
_MOST_CROPS = 4
_MOST_CROP_SIDE = 200
_MOST_CROP_CHARACTERS = 1_000_000
# Crops are enlarged by a whole factor to at most so many CSS pixels: two stand side by side on a phone.
_NARROW, _LARGEST = 156, 200
# CSS pixels that all crops of a row have, in windows from 900 and from 1112 on: less the page's margins, 72, and a
# scroll bar, 16. Between two crops is a gap (page.css).
_MIDDLE_ROW, _WIDE_ROW, _GAP = 812, 1024, 10


class Panel(NamedTuple):
    """One version of a picture."""

    label: str
    picture: Image.Image
    psnr: float | None


class Detail(NamedTuple):
    """A crop in output pixels with its data URI for each panel."""

    box: Box
    uris: list[str]


class Shot(NamedTuple):
    """One picture in all its versions; `size` is that of the outputs. `beside` shows other things, as a style does."""

    name: str
    credit: str
    panels: list[Panel]
    beside: list[Panel]
    crops: list[Box]
    size: tuple[int, int]


def pictures_section(run: Run) -> Html:
    """Return slider and crops of each picture; empty until a picture can be read."""
    shots = [shot for entry in run.images[:_MOST_PICTURES] if (shot := _shot(run, entry)) is not None]
    if not shots:
        return Html("")
    uris = iter(encode_all([panel.picture for shot in shots for panel in [*shot.panels, *shot.beside]]))
    details = _details(shots)
    figures = [
        _figure(shot, i, [next(uris) for _ in (*shot.panels, *shot.beside)], details[i]) for i, shot in enumerate(shots)
    ]
    left = len(run.images) - len(shots)
    words = "Drag the line, or move it with the arrow keys. Crops are enlarged by repeating pixels, without smoothing."
    more = f" {left} more pictures are listed in the run folder." if left > 0 else ""
    return join([note(tag("span", {"class": "script"}, words), more), *figures])


def _details(shots: Sequence[Shot]) -> list[list[Detail]]:
    """Return the crops of each picture, as many from the first picture on as there is room for."""
    room, found = _MOST_CROP_CHARACTERS, []
    for shot in shots:
        encoded = [Detail(box, [_crop_uri(shot, panel, box) for panel in shot.panels]) for box in shot.crops]
        ends = itertools.accumulate((sum(map(len, detail.uris)) for detail in encoded), initial=0)
        kept = [detail for detail, end in zip(encoded, list(ends)[1:], strict=True) if end <= room]
        room -= sum(len(uri) for detail in kept for uri in detail.uris)
        found.append(kept)
    return found


def _crop_uri(shot: Shot, panel: Panel, box: Box) -> str:
    return encode_exact(crop_exact(panel.picture, box, shot.size))


def _shot(run: Run, entry: dict[str, Any]) -> Shot | None:
    panels, beside = (_panels(run, entry.get(key)) for key in ("panels", "beside"))
    if not panels:
        return None
    size = max((panel.picture.size for panel in panels), key=lambda s: s[0] * s[1])
    crops = [box for raw in _list(entry.get("crops")) if (box := _box(raw, size)) is not None]
    return Shot(text(entry.get("name")), text(entry.get("credit")), panels, beside, crops[:_MOST_CROPS], size)


def _panels(run: Run, entries: object) -> list[Panel]:
    read = [(panel, open_picture(run.folder, text(panel.get("file")))) for panel in records(entries)]
    return [
        Panel(text(p.get("label")) or "picture", picture, number(p.get("psnr_y"))) for p, picture in read if picture
    ]


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _box(raw: object, size: tuple[int, int]) -> Box | None:
    found = [number(value) for value in _list(raw)]
    if len(found) != 4:
        return None
    x, y, width, height = (int(min(max(value or 0, 0), 1e6)) for value in found)
    inside = Box(x, y, min(width, size[0] - x, _MOST_CROP_SIDE), min(height, size[1] - y, _MOST_CROP_SIDE))
    return inside if inside.width > 0 and inside.height > 0 else None


def _figure(shot: Shot, index: int, uris: Sequence[str], details: Sequence[Detail]) -> Html:
    credit = tag("span", {"class": "credit"}, shot.credit) if shot.credit else ""
    caption = tag("figcaption", None, tag("b", None, shot.name), " ", credit)
    shown = shot._replace(crops=[detail.box for detail in details])
    rows = [_crop_row(shot, place, detail) for place, detail in enumerate(details, 1)]
    slider = _slider(shown, index, uris[: len(shot.panels)])
    others = [_other(shot, panel, uri) for panel, uri in zip(shot.beside, uris[len(shot.panels) :], strict=True)]
    if not others:
        return tag("figure", {"class": "shot"}, caption, slider, *rows)
    both = tag("div", {"class": "beside"}, slider, *others)
    return tag("figure", {"class": "shot"}, caption, both, tag("div", {"class": "rows"}, *rows))


def _other(shot: Shot, panel: Panel, uri: str) -> Html:
    return tag(
        "div", {"class": "other"}, tag("img", {"src": uri, "alt": _alt(shot, panel)}), tag("p", None, panel.label)
    )


def _pair(shot: Shot) -> tuple[int, int]:
    """Return the panels to begin with: on the left bicubic or the content, on the right found, where there are such."""
    labels = [panel.label for panel in shot.panels]
    left = next((labels.index(name) for name in ("bicubic", "input", "content") if name in labels), 0)
    right = labels.index("found") if "found" in labels else len(labels) - 1
    return left, right


def _slider(shot: Shot, index: int, uris: Sequence[str]) -> Html:
    left, right = _pair(shot)
    layers = [
        _layer(shot, i, uri, "left" if i == left else "right" if i == right else None) for i, uri in enumerate(uris)
    ]
    outlines = [_outline(box, shot.size, i) for i, box in enumerate(shot.crops, 1)]
    handle = tag(
        "input",
        {
            "type": "range",
            "min": "0",
            "max": "100",
            "value": "50",
            "step": "0.5",
            "aria-label": f"position of the line over {shot.name}",
        },
    )
    line = tag("span", {"class": "line", "aria-hidden": "true"})
    style = f"aspect-ratio:{shot.size[0]}/{shot.size[1]}"
    stage = tag(
        "div",
        {"class": "compare", "style": style, "data-left": left, "data-right": right},
        *layers,
        *outlines,
        line,
        handle,
    )
    choices = [_select(shot, side, chosen, index) for side, chosen in (("left", left), ("right", right))]
    return tag(
        "div",
        {"class": "slider", "style": f"--natural:{max(shot.size[0], 480)}px"},
        stage,
        tag("div", {"class": "sides"}, *choices),
    )


def _layer(shot: Shot, index: int, uri: str, role: str | None) -> Html:
    panel = shot.panels[index]
    css = "pixel" if panel.picture.size != shot.size else None
    return tag("img", {"src": uri, "alt": _alt(shot, panel), "class": css, "data-role": role, "draggable": "false"})


def _alt(shot: Shot, panel: Panel) -> str:
    return f"{shot.name}, {panel.label}{_quality(panel)}"


def _quality(panel: Panel) -> str:
    return "" if panel.psnr is None else f", {fixed(panel.psnr, 2, 'dB')}"


def _select(shot: Shot, side: str, chosen: int, index: int) -> Html:
    options = [
        tag("option", {"value": i, "selected": i == chosen}, panel.label + _quality(panel))
        for i, panel in enumerate(shot.panels)
    ]
    name = f"{side}-{index}"
    hidden = tag("span", {"class": "hide"}, f"{side} of the line")
    return tag("label", {"for": name, "class": side}, hidden, tag("select", {"id": name, "data-side": side}, *options))


def _outline(box: Box, size: tuple[int, int], index: int) -> Html:
    at = (100 * box.x / size[0], 100 * box.y / size[1], 100 * box.width / size[0], 100 * box.height / size[1])
    style = "left:{:.3f}%;top:{:.3f}%;width:{:.3f}%;height:{:.3f}%".format(*at)
    return tag("span", {"class": "outline", "style": style, "aria-hidden": "true"}, str(index))


def _crop_row(shot: Shot, place: int, detail: Detail) -> Html:
    middle, wide = (min(_LARGEST, _share(row, len(shot.panels))) for row in (_MIDDLE_ROW, _WIDE_ROW))
    sizes = {"narrow": _NARROW, "middle": middle, "wide": wide}
    style = ";".join(f"--{name}:{_whole(detail.box.width, room)}px" for name, room in sizes.items())
    cells = [_crop(shot, panel, place, uri) for panel, uri in zip(shot.panels, detail.uris, strict=True)]
    return tag("div", {"class": "crops", "style": style, "role": "group", "aria-label": f"crop {place}"}, *cells)


def _share(row: int, tiles: int) -> int:
    return (row - _GAP * (tiles - 1)) // tiles


def _whole(width: int, room: int) -> int:
    """Return the width of a crop enlarged by a whole factor; one that is too wide for its room is reduced to it."""
    return room // width * width or room


def _crop(shot: Shot, panel: Panel, place: int, uri: str) -> Html:
    picture = tag("img", {"src": uri, "alt": f"crop {place} of {_alt(shot, panel)}"})
    mark = tag("span", {"class": "number", "aria-hidden": "true"}, str(place))
    return tag("div", None, picture, tag("p", None, mark, " ", escape(panel.label)))
