"""16 bits a channel: what Pillow has only for greys, for colours and transparency too."""

import io
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from PIL import Image

from nasjax.apply.canvas import release

_COLOUR_TYPES = {1: (0, "L"), 2: (4, "LA"), 3: (2, "RGB"), 4: (6, "RGBA")}  # channels -> of PNG, and Pillow's mode
_BLOCK = 2**23  # bytes of pixels that are filtered at once
_BITS, _PHOTOMETRIC, _PLANAR = 258, 262, 284  # tags of TIFF
# Pillow keeps the higher byte of a 16-bit channel, by the byte order that its decoder is told. Told the other order, it
# keeps the lower one.
_SWAPPED = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}


def is_deep(image: Image.Image) -> bool:
    """Whether an opened file, not yet decoded, has 16 bits a channel that `deep_pixels` can read.

    Raises ValueError for those that Pillow would decode wrongly.
    """
    if image.mode.startswith("I"):
        return True
    tiles = getattr(image, "tile", [])
    # Planes one after the other are decoded one after the other, by rules of their own.
    planes = getattr(image, "tag_v2", {}).get(_PLANAR) == 2
    if planes and bits(image) > 8 and "R" in map(_raw_mode, tiles):
        raise ValueError("its 16-bit channels are stored one after the other, not beside each other; save it anew")
    return bool(tiles) and not planes and all(_raw_mode(tile)[:-1] in ("RGB;16", "RGBA;16", "LA;16") for tile in tiles)


def bits(image: Image.Image) -> int:
    """Bits a channel of an opened file, as far as it says so; 8 otherwise."""
    stated = getattr(image, "tag_v2", {}).get(_BITS) or (image.info.get("bit_depth", 8),)
    return stated[0] if isinstance(stated[0], int) else 8


def deep_pixels(image: Any, reopened: Callable[[], Any]) -> np.ndarray:
    """The pixels of an opened file for which `is_deep`, uint16 `[h, w, 1, 2, 3 or 4]`; the image is decoded then.

    `reopened` gives it once more, not yet decoded. Raises ValueError for integers that do not fit into 16 bits.
    """
    if image.mode.startswith("I"):
        return grey_levels(image)[..., None]
    if _raw_mode(image.tile[0]) == "LA;16B":
        # Pixels of four bytes, taken for four channels: each higher byte before its lower one.
        image._mode, image.tile = "RGBA", [tile._replace(args="RGBA") for tile in image.tile]
        return np.ascontiguousarray(np.asarray(image)).view(">u2").astype(np.uint16)
    higher = np.asarray(image)
    pixels = np.empty(higher.shape, "<u2")
    bytes_ = pixels.view(np.uint8).reshape(*higher.shape, 2)
    bytes_[..., 1] = higher
    del higher
    lower = reopened()
    lower.tile = [_told_the_other_order(tile) for tile in lower.tile]
    bytes_[..., 0] = np.asarray(lower)
    return pixels.astype(np.uint16, copy=False)


def grey_levels(image: Image.Image) -> np.ndarray:
    """Integer greys as uint16 `[h, w]`; raises ValueError for values outside 0..65535."""
    levels = np.asarray(image)
    # Mode "I" holds 32 bits, yet comes from 16-bit files; anything beyond is another scale that we do not know.
    if levels.min() < 0 or levels.max() > 65535:
        raise ValueError(f"integer pixels outside 0..65535 ({levels.min()}..{levels.max()})")
    levels = levels.astype(np.uint16)
    tags = getattr(image, "tag_v2", {})
    if tags.get(_BITS) == (12,):
        levels = np.round(levels * (65535 / 4095)).astype(np.uint16)
    # The format may store black as the highest level, which Pillow turns around for 8 bits only.
    return 65535 - levels if tags.get(_PHOTOMETRIC) == 0 else levels


def write_png(file: Any, pixels: np.ndarray, options: dict[str, Any]) -> None:
    """Write uint8 or uint16 `[h, w, 1, 2, 3 or 4]` as a PNG, of which memory holds a block of rows at a time.

    `options` are those of Pillow's PNG writer (metadata, level): the file is one that Pillow wrote, of a single pixel
    with the same metadata, with other pixels in it.
    """
    height, width, channels = pixels.shape
    kind, mode = _COLOUR_TYPES[channels]
    single = io.BytesIO()
    Image.new(mode, (1, 1)).save(single, "PNG", **options)
    file.write(single.getvalue()[:8])
    for name, content in _chunks(single.getvalue()):
        if name == b"IHDR":
            _write_chunk(file, name, struct.pack(">IIBB", width, height, 8 * pixels.itemsize, kind) + content[10:])
        elif name == b"IDAT":
            for block in _compressed(pixels, options.get("compress_level", 6)):
                _write_chunk(file, name, block)
        else:
            _write_chunk(file, name, content)


def _raw_mode(tile: Any) -> str:
    return tile.args if isinstance(tile.args, str) else str(tile.args[0]) if tile.args else ""


def _told_the_other_order(tile: Any) -> Any:
    raw = _raw_mode(tile)
    raw = raw[:-1] + _SWAPPED[raw[-1]]
    return tile._replace(args=raw if isinstance(tile.args, str) else (raw, *tile.args[1:]))


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 8
    while place < len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        yield png[place + 4 : place + 8], png[place + 8 : place + 8 + length]
        place += 12 + length


def _write_chunk(file: Any, name: bytes, content: bytes) -> None:
    file.write(struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content)))


def _compressed(pixels: np.ndarray, level: int) -> Iterator[bytes]:
    """The filtered rows, compressed as one stream, in pieces; memory is that of a block of rows."""
    height, width, channels = pixels.shape
    step = channels * pixels.itemsize
    rows = max(1, _BLOCK // (step * width))
    # Of what the filter leaves of a photograph, runs are all that is worth looking for: a quarter of the time.
    packer = zlib.compressobj(level, zlib.DEFLATED, zlib.MAX_WBITS, 9, zlib.Z_RLE)
    above = np.zeros((1, step * width), np.uint8)
    for top in range(0, height, rows):
        block = np.ascontiguousarray(pixels[top : top + rows].astype(pixels.dtype.newbyteorder(">"), copy=False))
        content = block.view(np.uint8).reshape(len(block), -1)
        yield packer.compress(_filtered(content, np.concatenate([above, content[:-1]]), step))
        above = content[-1:]
        release(pixels)
    yield packer.flush()


def _filtered(rows: np.ndarray, above: np.ndarray, step: int) -> bytes:
    """Each row less its left neighbours, or less the row above, whichever leaves less (PNG, third edition, 12.7)."""
    left = rows.copy()
    left[:, step:] -= rows[:, :-step]
    choices = np.stack([left, rows - above])
    costs = np.minimum(choices, -choices).sum(-1, dtype=np.int64)
    best = costs.argmin(0)
    chosen = np.take_along_axis(choices, best[None, :, None], 0)[0]
    return np.concatenate([(best[:, None] + 1).astype(np.uint8), chosen], 1).tobytes()
