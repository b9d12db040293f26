"""Pictures out of files: any frame of any format that is read, whatever its metadata are like."""

import contextlib
import os
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from PIL import Image

from nasjax.apply.deep import bits, deep_pixels, is_deep
from nasjax.apply.formats import opened_image
from nasjax.apply.notes import listening, one_line
from nasjax.apply.picture import Picture, picture_of, upright
from nasjax.apply.salvage import without_metadata

MAX_PIXELS = 250_000_000
# Their further images are previews, gain maps and layers; which one is the picture is not a question.
_ONE_PICTURE = {"MPO", "PSD", "ICO", "ICNS"}
_TILE = (323, 322)  # tags of TIFF: length and width of the tiles, which are decoded whole whatever the picture's size
_T = TypeVar("_T")


class Header(NamedTuple):
    """Pillow's name of the format; height and width, perhaps yet to be turned; frames, and which the file opens at.

    `tile`: height and width of what is decoded at once, where the file says so.
    """

    kind: str
    size: tuple[int, int]
    frames: int
    first: int
    tile: tuple[int, int] = (0, 0)


def read_picture(path: str | os.PathLike[str], *, frame: int | None = None, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read a frame of a file (default: the one that it opens at), upright.

    RGB in the file's own profile, or in sRGB where it has none of RGB or greys: CMYK and Lab are converted through
    theirs, a PNG's gAMA and cHRM are applied. 16 bits are kept. Colours of invisible pixels are continued from visible
    ones (`spread_colours`). Metadata that cannot be used is left out, which `notes` say. Raises ValueError naming a
    file that is missing, broken, of float pixels or of more than `max_pixels`.
    """
    return _first_that_works(Path(path), lambda source, name: _picture(source, name, frame, max_pixels))


def read_levels(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """The integers of a file as they are stored, upright: `[h, w, 1 or 3]` of uint8 or uint16, in no colour space.

    Palettes give their colours; transparency is left out. ValueError as `read_picture`.
    """
    return _first_that_works(Path(path), lambda source, name: _levels(source, name, max_pixels))


def read_header(path: str | os.PathLike[str], *, count_frames: bool = True) -> Header:
    """What a file says of itself, without its pixels; raises ValueError naming it where it is no picture.

    To count its frames, many a file is read to its end; not counted, they are 1.
    """

    def header(source: Callable[[], Any], name: str) -> Header:
        with source() as file:
            image = opened_image(file, name)
            found = _header(image)
            several = count_frames and found.kind not in _ONE_PICTURE
            return found._replace(frames=getattr(image, "n_frames", 1)) if several else found

    return _first_that_works(Path(path), header)


def too_many(header: Header, max_pixels: int) -> str:
    """What is wrong with a file of which more pixels than `max_pixels` would be decoded; nothing where it is none."""
    if header.size[0] * header.size[1] > max_pixels:
        return too_large(header.size, max_pixels)
    return f"a tile of {too_large(header.tile, max_pixels)}" if header.tile[0] * header.tile[1] > max_pixels else ""


def too_large(size: tuple[int, int], max_pixels: int) -> str:
    """What is wrong with a picture of (height, width)."""
    height, width = size
    return f"{width}x{height} is {height * width / 1e6:.3g} megapixels, more than the {max_pixels / 1e6:g} allowed"


def _first_that_works(path: Path, read: Callable[[Callable[[], Any], str], _T]) -> _T:
    """What a file gives, or the same file without metadata where those alone are broken."""
    if not path.is_file():
        raise ValueError(f"cannot read image {path}: there is no such file")
    with listening() as lines:
        try:
            found = read(lambda: path.open("rb"), path.name)
        except Exception as error:  # Pillow's plug-ins raise nearly every type there is on broken bytes
            lines.append("metadata that is unusable is left out")
            found = _without_metadata(path, read)
            if found is None:
                known = isinstance(error, ValueError | OSError | SyntaxError)
                reason = one_line(error) if known else f"{type(error).__name__}: {one_line(error)}"
                raise ValueError(f"cannot read image {path}: {reason}") from error
    if isinstance(found, Picture):
        said = [line for line in dict.fromkeys(lines) if line not in found.notes]
        return found._replace(notes=(*found.notes, *said))
    return found


def _without_metadata(path: Path, read: Callable[[Callable[[], Any], str], _T]) -> _T | None:
    for content in without_metadata(path):
        # The first error, of the file itself, is the one that is told.
        with contextlib.suppress(Exception):
            return read(lambda content=content: BytesIO(content), path.name)
    return None


def _header(image: Image.Image) -> Header:
    """Of one frame, the one that the image is at."""
    tags = getattr(image, "tag_v2", {})
    length, width = (tags.get(tag) for tag in _TILE)
    tile = (length, width) if isinstance(length, int) and isinstance(width, int) else (0, 0)
    return Header(image.format or "", (image.height, image.width), 1, image.tell(), tile)


def _picture(source: Callable[[], Any], name: str, frame: int | None, max_pixels: int) -> Picture:
    with _decoded(source, name, frame, max_pixels) as (image, deep):
        picture = picture_of(image, deep)
        said = [f"its {bits(image)} bits a channel are read as 8"] if bits(image) > 8 and deep is None else []
    return picture._replace(notes=(*picture.notes, *said))


def _levels(source: Callable[[], Any], name: str, max_pixels: int) -> np.ndarray:
    with _decoded(source, name, None, max_pixels) as (image, deep):
        if deep is None:
            grey = image.mode in ("1", "L", "LA")
            deep = np.asarray(image.convert("L" if grey else "RGB"))
            deep = deep[..., None] if grey else deep
        return np.ascontiguousarray(upright(deep[..., : 1 if deep.shape[-1] < 3 else 3], image))


@contextlib.contextmanager
def _decoded(
    source: Callable[[], Any], name: str, frame: int | None, max_pixels: int
) -> Iterator[tuple[Image.Image, np.ndarray | None]]:
    """The image, loaded, and its pixels of 16 bits a channel where it has them; the file is open, for its metadata."""
    with contextlib.ExitStack() as files:

        def at_frame() -> Image.Image:
            image = opened_image(files.enter_context(source()), name)
            if frame is not None and frame != image.tell():
                image.seek(frame)
            if wrong := too_many(_header(image), max_pixels):
                raise ValueError(wrong)
            return image

        image = at_frame()
        deep = deep_pixels(image, at_frame) if is_deep(image) else None
        image.load()
        yield image, deep
