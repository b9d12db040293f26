"""Plain copies of pictures, for code that reads only plain ones: upright, RGB of 8 bits, with nothing beside."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from nasjax.apply.job import Job, Notes
from nasjax.apply.photo import as_colours
from nasjax.apply.picture import Picture
from nasjax.apply.plan import FileOptions, Item, Plan
from nasjax.apply.reading import read_picture
from nasjax.apply.select import Location, select
from nasjax.apply.writing import over_white

_EXTRA = {".heic", ".heif", ".avif"}  # of formats that not every reader has


def copy_job(folder: Location, target: Path, *, options: FileOptions) -> Job:
    """A job that writes the pictures of a folder, and of folders inside it, to the same places below `target`.

    All are PNG under the names that they had, whatever their suffix says: what data sets do with names stays as it is.
    Transparency is put over white, as readers of data do. Raises ValueError as `select`.
    """
    found = select(folder, what="picture", recursive=True, max_pixels=options.max_pixels)
    items = [Item((s.path,), target / _named(s.inside), s.header.size, s.header.first) for s in found.sources]
    several = [(str(s.path), s.header) for s in found.sources if s.header.frames > 1]
    notes = [(name, f"{header.frames} frames: number {header.first + 1} is used") for name, header in several]

    def read(item: Item) -> tuple[Picture, Notes]:
        picture = read_picture(item.sources[0], frame=item.frame, max_pixels=options.max_pixels)
        return picture, [(item.name, text) for text in picture.notes]

    return Job(Plan(items, found.failed, [], notes), read, lambda item, picture: as_colours(picture), options, _write)


def _named(inside: Path) -> Path:
    """The name, or one that says that it is a picture."""
    known = inside.suffix.lower() in Image.registered_extensions() and inside.suffix.lower() not in _EXTRA
    return inside if known else inside.with_name(f"{inside.name}.png")


def _write(item: Item, picture: Picture) -> Sequence[str]:
    target: Any = item.target
    target.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(over_white(picture)).save(target, "PNG", compress_level=1)
    return ()
