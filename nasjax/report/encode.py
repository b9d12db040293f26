"""Pictures of a run as data URIs, small enough for one page."""

import base64
import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image

# Base64 adds a third; the page must stay below 6 MB with everything else on it.
MOST_BYTES = 2_800_000
_LADDER = ((92, 1600), (86, 1200), (78, 900), (70, 640), (60, 480), (50, 320))


class Box(NamedTuple):
    """A rectangle in output pixels."""

    x: int
    y: int
    width: int
    height: int


def open_picture(folder: Path, file: str) -> Image.Image | None:
    """Return a picture of the run folder as RGB; None if it is missing, half written, too large or elsewhere."""
    try:
        path = (folder / file).resolve()
        if not path.is_relative_to(folder.resolve()):
            return None
        with warnings.catch_warnings():
            # A picture that Pillow only warns about is too large for a page as well.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as picture:
                return picture.convert("RGB")
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return None


def encode_all(pictures: Sequence[Image.Image], budget: int = MOST_BYTES) -> list[str]:
    """Return WebP data URIs of about `budget` bytes in all: the first step of quality and size at which they fit."""
    encoded: list[bytes] = []
    for quality, most in _LADDER:
        encoded = [_webp(_within(picture, most), quality) for picture in pictures]
        if sum(map(len, encoded)) <= budget:
            break
    return [_uri(data) for data in encoded]


def encode_exact(picture: Image.Image) -> str:
    """Return a lossless WebP data URI."""
    return _uri(_webp(picture, None))


def crop_exact(picture: Image.Image, box: Box, size: tuple[int, int]) -> Image.Image:
    """Return a crop in pixels of an output of `size`; a smaller picture (the input) is enlarged by repeating pixels."""
    if picture.size == size:
        return picture.crop((box.x, box.y, box.x + box.width, box.y + box.height))
    sx, sy = picture.width / size[0], picture.height / size[1]
    source = (box.x * sx, box.y * sy, (box.x + box.width) * sx, (box.y + box.height) * sy)
    return picture.resize((box.width, box.height), Image.Resampling.NEAREST, box=source)


def _within(picture: Image.Image, most: int) -> Image.Image:
    scale = most / max(picture.size)
    if scale >= 1:
        return picture
    return picture.resize(
        (max(1, round(picture.width * scale)), max(1, round(picture.height * scale))), Image.Resampling.LANCZOS
    )


def _webp(picture: Image.Image, quality: int | None) -> bytes:
    stream = io.BytesIO()
    if quality is None:
        picture.save(stream, "WEBP", lossless=True, quality=60, method=3)
    else:
        picture.save(stream, "WEBP", quality=quality, method=3)
    return stream.getvalue()


def _uri(data: bytes) -> str:
    return "data:image/webp;base64," + base64.b64encode(data).decode("ascii")
