"""Photorealistic style transfer of files: every content by every style."""

import functools
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np

from nasjax.apply.files import Change, digest
from nasjax.apply.job import Job, Notes, Told, all_or_error, run_job
from nasjax.apply.masks import Masks, read_masks
from nasjax.apply.memory import refusal
from nasjax.apply.photo import as_colours, in_colours_of, limit_size, limited, repaint
from nasjax.apply.picture import Picture
from nasjax.apply.plan import FileOptions, Item, Wanted, plan
from nasjax.apply.reading import MAX_PIXELS, read_picture
from nasjax.apply.regions import Labels
from nasjax.apply.select import Location, Selection, select
from nasjax.apply.stylist import SIDES
from nasjax.apply.stylize import SHIPPED, StyleOptions, stylize
from nasjax.export.stylist import load_style_network

_WINDOW_BYTES = 500 << 20  # what a window takes
_ANOTHER = 150 << 20  # what another takes at the same time


def stylize_files(
    contents: Location | Sequence[Location],
    styles: Location | Sequence[Location],
    output: Location,
    *,
    options: StyleOptions = StyleOptions(),  # noqa: B008 - frozen
    files: FileOptions = FileOptions(),  # noqa: B008 - frozen
    masks: tuple[Location, Location] | None = None,
    on_written: Callable[[Path], None] = lambda target: None,
) -> list[Path]:
    """Stylise every content by every style and return the files written.

    Files or folders may be given (`select`). One content and one style may go to a file; otherwise `output` is an
    existing folder, and files are named CONTENT_STYLE. What travels with the content, its transparency too, is kept.
    `masks` are label pictures of one content and one style (`read_masks`): areas of equal colour belong together.
    Raises ValueError before any work for what is missing or does not fit or exists; for pictures that failed only
    after all others are done, naming them.
    """
    job = style_job(contents, styles, output, options=options, files=files, masks=masks)
    return all_or_error(run_job(job, Told(on_written=lambda item: on_written(item.target or Path()))))


def style_job(
    contents: Location | Sequence[Location],
    styles: Location | Sequence[Location],
    output: Location,
    *,
    options: StyleOptions,
    files: FileOptions,
    masks: tuple[Location, Location] | None = None,
) -> Job:
    """The job of `stylize_files`; raises what that raises before any work."""
    options = replace(options, network=style_network_folder(options.network))
    found, theirs = (
        select(where, what=what, recursive=files.recursive, max_pixels=files.max_pixels, without=Path(output))
        for where, what in ((contents, "content"), (styles, "style"))
    )
    if masks is not None and (len(found.sources) > 1 or len(theirs.sources) > 1):
        raise ValueError("stylize: masks go with one content and one style; stylise the others one by one")
    labels = None if masks is None else read_masks(*masks)
    planned = plan(
        _pairs(found, theirs, options),
        output,
        files,
        failed=[*found.failed, *theirs.failed],
        single=found.single and theirs.single,
        settings={**_settings(options, masks), "frames": files.frames},
        inputs=[Path(mask) for mask in masks or ()],
    )
    planned = planned._replace(notes=[*planned.notes, *(() if labels is None else labels.notes)])
    reader = _Reader(options, files, labels)
    return Job(planned, reader.read, lambda item, pair: restyle(pair, options), files)


def style_change(style: Location, options: StyleOptions, *, max_pixels: int = MAX_PIXELS) -> Change:
    """What `stylize_files` makes of any content by one style, as a change of single pictures, for `bulk`.

    Raises ValueError where the style cannot be read or there is no such network.
    """
    options = replace(options, network=style_network_folder(options.network))
    theirs = limit_size(as_colours(read_picture(style, max_pixels=max_pixels)), options.size)

    def change(picture: Picture) -> Picture:
        content = limit_size(as_colours(picture), options.size, wrap=options.wrap)
        return restyle(Pair(content, in_colours_of(theirs, content), (None, None)), options)

    return Change(
        change,
        size_fn=lambda size: limited(size, options.size),
        settings=_settings(options, None),
        refuse_fn=_refusal,
    )


class Pair(NamedTuple):
    """A content and a style in its colour space, with their labels where there are any."""

    content: Picture
    style: Picture
    labels: tuple[Labels | None, Labels | None]


def restyle(pair: Pair, options: StyleOptions) -> Picture:
    """The content, stylised: what is invisible of either does not count."""
    content, style = pair.content, pair.style
    out = stylize(
        content.pixels,
        style.pixels,
        options,
        content_labels=pair.labels[0],
        style_labels=pair.labels[1],
        content_alpha=content.alpha,
        style_alpha=style.alpha,
    )
    return repaint(content, out)


@final
class _Reader:
    """Reads pairs in any thread. Those of one style follow each other, so that it is read once."""

    def __init__(self, options: StyleOptions, files: FileOptions, masks: Masks | None):
        self._size, self._wrap, self._files, self._masks = options.size, options.wrap, files, masks
        self._lock, self._style = threading.Lock(), functools.lru_cache(2)(self._photo)

    def read(self, item: Item) -> tuple[Pair, Notes]:
        """The pictures of an item, no larger than asked for, and what there is to say about their files."""
        content = self._photo(item.sources[0], item.frame, wrap=self._wrap)
        with self._lock:
            style = self._style(item.sources[1])
        notes = [(str(path), text) for path, p in zip(item.sources, (content, style), strict=True) for text in p.notes]
        labels = (None, None) if self._masks is None else _fitting(self._masks, (content, style))
        return Pair(content, in_colours_of(style, content), labels), notes

    def _photo(self, path: Path, frame: int | None = None, *, wrap: bool = False) -> Picture:
        picture = read_picture(path, frame=frame, max_pixels=self._files.max_pixels)
        return limit_size(as_colours(picture), self._size, wrap=wrap)


def _pairs(contents: Selection, styles: Selection, options: StyleOptions) -> list[Wanted]:
    return [
        Wanted(
            (content, style),
            f"{content.path.stem}_{style.path.stem}",
            limited(content.header.size, options.size),
            _refusal(content.header.size),
        )
        for style in styles.sources
        for content in contents.sources
    ]


def _refusal(size: tuple[int, int]) -> str:
    return refusal(size, _WINDOW_BYTES + (_ANOTHER if max(size) > SIDES[-1] else 0))


def _settings(options: StyleOptions, masks: tuple[Location, Location] | None) -> dict[str, Any]:
    """What decides about an output beside its two inputs."""
    network = digest(load_style_network(options.network or SHIPPED).params)
    stats = [Path(mask).stat() for mask in masks or ()]
    return {**asdict(options), "network": network, "masks": [[stat.st_size, stat.st_mtime_ns] for stat in stats]}


def style_network_folder(folder: Location | None) -> Path | None:
    """The folder of a stylising network: itself, or the one in it that a run wrote; None: that of the package.

    Raises ValueError where there is no such folder.
    """
    if folder is None or (Path(folder) / "manifest.json").exists():
        return None if folder is None else Path(folder)
    if not Path(folder).is_dir():
        raise ValueError(f"network {folder}: there is no such folder")
    # Runs write `export`; those of earlier versions wrote `network`.
    inside = (Path(folder) / name for name in ("export", "network"))
    return next((place for place in inside if place.is_dir()), Path(folder))


def _fitting(masks: Masks, pictures: tuple[Picture, Picture]) -> tuple[Labels, Labels]:
    """Labels of the size of their pictures, which may have been reduced."""
    found = []
    for name, labels, picture in zip(("content", "style"), masks[:2], pictures, strict=True):
        size, (height, width) = labels.shape, picture.size
        if abs(size[0] * width - size[1] * height) > max(*size, height, width):
            wrong = f"the mask of the {name} is {size[1]}x{size[0]} pixels, its picture {width}x{height}"
            raise ValueError(f"{wrong}; they must have the same shape")
        rows, columns = (np.arange(n) * m // n for n, m in ((height, size[0]), (width, size[1])))
        found.append(labels[rows[:, None], columns[None, :]])
    return found[0], found[1]
