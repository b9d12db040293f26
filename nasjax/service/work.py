"""One picture from file to file: what may be refused before any work, and the work itself."""

import functools
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from starlette.exceptions import HTTPException

from nasjax.apply.formats import FORMATS, too_long
from nasjax.apply.notes import one_line
from nasjax.apply.picture import Picture
from nasjax.apply.reading import Header, read_header, read_picture, too_large, too_many
from nasjax.apply.writing import write_picture
from nasjax.service.models import EditOptions, Model, edit

# What they hold is a picture of any format and size, of which their header says nothing or need not say the truth.
_CONTAINERS = {"BLP", "ICNS", "ICO", "IPTC"}
_ICON = b"\0\0\1\0"  # begins an ICO, of which Pillow decodes the picture when it is opened


class Work(NamedTuple):
    """What is to be done: a model's name, the files of the picture, its result and its style, strength and wrap."""

    model: str
    source: Path
    target: Path
    strength: float
    style: Path | None
    wrap: bool = False


class Done(NamedTuple):
    """What was done: seconds that it took, and a line for everything of the picture that was left out or changed."""

    seconds: float
    notes: tuple[str, ...]


def look(path: Path, name: str, max_pixels: int) -> Header:
    """The header of an upload; `name` is what its caller calls it.

    Raises HTTPException: 415 where its content is no picture that can be read, 413 where it has too many pixels.
    """
    try:
        header = None if _begins_as_container(path) else read_header(path, count_frames=False)
    except ValueError as error:
        raise HTTPException(415, f"{name}: {_reason(error, path)}") from error
    if header is None or header.kind in _CONTAINERS:
        raise HTTPException(415, f"{name}: icons, textures and envelopes of other pictures are not edited")
    if wrong := too_many(header, max_pixels):
        raise HTTPException(413, f"{name}: {wrong}")
    return header


def _begins_as_container(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == _ICON


def suffix_of_result(header: Header, model: Model, *, wanted: str, name: str, max_pixels: int) -> str:
    """The suffix of a picture's result: of the format that is asked for, or the picture's own, or PNG.

    Raises HTTPException: 413 where the result would have too many pixels, 422 where the format cannot hold it.
    """
    own = next((suffix for suffix, each in FORMATS.items() if each.kind == header.kind), ".png")
    suffix = f".{wanted.lower()}" if wanted else own
    if suffix not in FORMATS:
        known = ", ".join(each.removeprefix(".") for each in FORMATS)
        raise HTTPException(422, f"format must be one of {known}, got {wanted[:20]!r}")
    size = (model.scale * header.size[0], model.scale * header.size[1])
    if size[0] * size[1] > max_pixels:
        raise HTTPException(413, f"{name}: its result of {too_large(size, max_pixels)}")
    if wrong := too_long(FORMATS[suffix], size):
        raise HTTPException(422, f"{name}: {wrong}")
    return suffix


def do(models: Mapping[str, Model], max_pixels: int, work: Work) -> Done:
    """Edit one picture, file to file.

    Raises HTTPException: 422 where the picture cannot be decoded or edited, 413 where memory does not suffice, 409
    where the service does not have the model any more.
    """
    begun = time.perf_counter()
    model = models.get(work.model)
    if model is None:
        raise HTTPException(409, f"the service has no model {work.model!r} any more")
    try:
        style = None if work.style is None else _kept_style(work.style, max_pixels)
        picture = read_picture(work.source, max_pixels=max_pixels)
        changed = edit(model, picture, EditOptions(work.strength, style, work.wrap))
        said = write_picture(changed, work.target)
    except ValueError as error:
        raise HTTPException(422, _reason(error, work.source, work.style)) from error
    except MemoryError as error:
        raise HTTPException(413, "there is not enough memory for a picture of this size") from error
    return Done(time.perf_counter() - begun, tuple(dict.fromkeys((*picture.notes, *said))))


# All pictures of a job have one style.
@functools.lru_cache(1)
def _kept_style(path: Path, max_pixels: int) -> Picture:
    return read_picture(path, max_pixels=max_pixels)


def _reason(error: Exception, *paths: Path | None) -> str:
    """What an error says, without where the service keeps its files."""
    text = one_line(error)
    for path in filter(None, paths):
        text = text.replace(f"cannot read image {path}: ", "").replace(str(path), path.name)
    return text
