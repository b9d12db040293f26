"""Before and after: a slider over each whole picture, and crops of every version side by side."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from PIL import Image

from nasjax.report.encode import Box, crop_exact, encode_all, encode_exact, open_picture
from nasjax.report.measures import write
from nasjax.report.run import Run
from nasjax.report.system import measure
from nasjax.report.values import mapping, number, records, text

_MOST_PICTURES = 12
_FOUND = "found"  # the panel of the network that the search came to
_MOST_CROPS = 4
_MOST_CROP_SIDE = 200
_MOST_CROP_CHARACTERS = 1_000_000
# Crops are enlarged by a whole factor to at most so many CSS pixels: two stand side by side on a phone.
_NARROW, _LARGEST = 156, 200
# CSS pixels that all crops of a row have, in windows from 900 and from 1112 on: less the page's margins, 72, and a
# scroll bar, 16. Between two crops is a gap (page.css).
_MIDDLE_ROW, _WIDE_ROW, _GAP = 812, 1024, 10


class Panel(NamedTuple):
    """One version of a picture, its scores in words, and, once encoded, its data URI; `coarse`: of larger pixels."""

    label: str
    picture: Image.Image
    scores: str
    uri: str = ""
    coarse: bool = False

    @property
    def words(self) -> str:
        """The label with the scores behind it."""
        return ", ".join(filter(None, (self.label, self.scores)))


class Detail(NamedTuple):
    """A crop: its place in percent of the picture, its width on the page in pixels by window, an URI a panel."""

    place: str
    widths: str
    uris: Sequence[str]


class Shot(NamedTuple):
    """One picture in all its versions, `pair` of them to begin with; `beside` shows other things, as a style does."""

    name: str
    credit: str
    caption: str
    size: tuple[int, int]
    panels: Sequence[Panel]
    beside: Sequence[Panel]
    pair: tuple[int, int]
    details: Sequence[Detail]


class Pictures(NamedTuple):
    """The pictures that can be shown; how many more there are; and the files that cannot be read."""

    shots: Sequence[Shot]
    more: int
    unread: Sequence[str]


class _Read(NamedTuple):
    """An entry of images.json with the pictures that could be read, the crops wanted, and the files that could not."""

    entry: Mapping[str, Any]
    panels: Sequence[Panel]
    beside: Sequence[Panel]
    size: tuple[int, int]
    boxes: Sequence[Box]
    unread: Sequence[str]


def pictures_view(run: Run) -> Pictures:
    """Return slider and crops of each picture that can be read."""
    entries = run.images[:_MOST_PICTURES]
    every = [_read(run, entry) for entry in entries]
    shown = [read for read in every if read.panels]
    uris = iter(encode_all([panel.picture for read in shown for panel in (*read.panels, *read.beside)]))
    shots = [_shot(read, uris, details) for read, details in zip(shown, _details(shown), strict=True)]
    return Pictures(shots, len(run.images) - len(entries), [file for read in every for file in read.unread])


def _read(run: Run, entry: Mapping[str, Any]) -> _Read:
    listed = {key: records(entry.get(key)) for key in ("panels", "beside")}
    opened = {
        key: [(raw, open_picture(run.folder, text(raw.get("file")))) for raw in raws] for key, raws in listed.items()
    }
    panels, beside = ([_panel(run, raw, picture) for raw, picture in opened[key] if picture] for key in listed)
    unread = [text(raw.get("file")) for pairs in opened.values() for raw, picture in pairs if picture is None]
    size = max((panel.picture.size for panel in panels), key=lambda s: s[0] * s[1], default=(0, 0))
    boxes = [box for raw in _list(entry.get("crops")) if (box := _box(raw, size)) is not None]
    panels = [panel._replace(coarse=panel.picture.size != size) for panel in panels]
    return _Read(entry, panels, beside, size, boxes[:_MOST_CROPS], unread)


def _panel(run: Run, raw: Mapping[str, Any], picture: Image.Image) -> Panel:
    scores = {measure(run.system, name): number(value) for name, value in mapping(raw.get("scores")).items()}
    written = [
        write(shown, v) if shown.unit else f"{shown.label} {write(shown, v)}"
        for shown, v in scores.items()
        if v is not None
    ]
    return Panel(text(raw.get("label")) or "picture", picture, ", ".join(written))


def _shot(read: _Read, uris: Iterator[str], details: Sequence[Detail]) -> Shot:
    panels, beside = ([panel._replace(uri=next(uris)) for panel in part] for part in (read.panels, read.beside))
    name, credit, caption = (text(read.entry.get(key)) for key in ("name", "credit", "caption"))
    return Shot(name, credit, caption, read.size, panels, beside, _pair(read), details)


def _pair(read: _Read) -> tuple[int, int]:
    """Return the panels to begin with: what was found, and on the left the first other one that has a score."""
    labels = [panel.label for panel in read.panels]
    found = labels.index(_FOUND) if _FOUND in labels else len(labels) - 1
    others = [i for i, panel in enumerate(read.panels) if i != found]
    return next((i for i in others if read.panels[i].scores), others[0] if others else found), found


def _details(shown: Sequence[_Read]) -> list[list[Detail]]:
    """Return the crops of each picture, as many from the first picture on as there is room for."""
    room, found = _MOST_CROP_CHARACTERS, []
    for read in shown:
        encoded = [_detail(read, box) for box in read.boxes]
        ends = list(itertools.accumulate(sum(map(len, detail.uris)) for detail in encoded))
        kept = [detail for detail, end in zip(encoded, ends, strict=True) if end <= room]
        room -= sum(len(uri) for detail in kept for uri in detail.uris)
        found.append(kept)
    return found


def _detail(read: _Read, box: Box) -> Detail:
    (width, height), tiles = read.size, len(read.panels)
    at = (100 * box.x / width, 100 * box.y / height, 100 * box.width / width, 100 * box.height / height)
    rooms = {"narrow": _NARROW} | {
        name: min(_LARGEST, (row - _GAP * (tiles - 1)) // tiles)
        for name, row in (("middle", _MIDDLE_ROW), ("wide", _WIDE_ROW))
    }
    widths = ";".join(f"--{name}:{_whole(box.width, room)}px" for name, room in rooms.items())
    uris = [encode_exact(crop_exact(panel.picture, box, read.size)) for panel in read.panels]
    return Detail("left:{:.3f}%;top:{:.3f}%;width:{:.3f}%;height:{:.3f}%".format(*at), widths, uris)


def _whole(width: int, room: int) -> int:
    """Return the width of a crop enlarged by a whole factor; one that is too wide for its room is reduced to it."""
    return room // width * width or room


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _box(raw: object, size: tuple[int, int]) -> Box | None:
    found = [number(value) for value in _list(raw)]
    if len(found) != 4:
        return None
    x, y, width, height = (int(min(max(value or 0, 0), 1e6)) for value in found)
    inside = Box(x, y, min(width, size[0] - x, _MOST_CROP_SIDE), min(height, size[1] - y, _MOST_CROP_SIDE))
    return inside if inside.width > 0 and inside.height > 0 else None
