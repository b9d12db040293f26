"""Files whose pixels are sound and whose metadata is not: their bytes without it."""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

_PNG = b"\x89PNG\r\n\x1a\n"
_COLOUR_CHUNKS = (b"tRNS", b"gAMA", b"cHRM", b"sRGB")


def without_metadata(path: Path) -> Iterator[bytes]:
    """The bytes of a PNG without its texts, then of a PNG or JPEG without all that does not decide about pixels."""
    with path.open("rb") as file:
        start = file.read(len(_PNG))
    # Anything else may be a film: its bytes are not read.
    if start == _PNG:
        content = path.read_bytes()
        yield _png_without(content, lambda name: name in (b"tEXt", b"zTXt", b"iTXt"))
        yield _png_without(content, lambda name: name[:1].islower() and name not in _COLOUR_CHUNKS)
    elif start.startswith(b"\xff\xd8"):
        yield _jpeg_without_applications(path.read_bytes())


def _png_without(content: bytes, drop: Callable[[bytes], bool]) -> bytes:
    kept, place = [content[:8]], 8
    while place + 8 <= len(content):
        end = place + 12 + struct.unpack(">I", content[place : place + 4])[0]
        if not drop(content[place + 4 : place + 8]):
            kept.append(content[place:end])
        place = end
    return b"".join(kept)


def _jpeg_without_applications(content: bytes) -> bytes:
    """Without comments and what programs add; JFIF (0) and Adobe's (14) segments say how colours are coded."""
    kept, place = [content[:2]], 2
    while place + 4 <= len(content) and content[place] == 0xFF and content[place + 1] != 0xDA:
        marker, end = content[place + 1], place + 2 + struct.unpack(">H", content[place + 2 : place + 4])[0]
        if not (0xE1 <= marker <= 0xED or marker in (0xEF, 0xFE)):
            kept.append(content[place:end])
        place = end
    return b"".join([*kept, content[place:]])
