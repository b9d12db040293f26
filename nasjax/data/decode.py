"""Image files to uint8 RGB arrays, whatever their mode."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

_ORIENTATION = 0x0112
_QUARTER_TURNS = (5, 6, 7, 8)


class UnreadableImage(ValueError):
    """A file that no decoder accepts; the message names it and says why."""


def read_image(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """Reads a file of any format that Pillow knows (the first frame of a moving picture), upright, as RGB.

    EXIF orientation is applied. Grey is repeated; 16 bit is scaled by 255/65535 and rounded; transparency is composed
    over white; palette, CMYK and others are converted by Pillow. Colour profiles are not. UnreadableImage on anything
    broken, and on float pictures, whose range a file does not tell.
    """
    try:
        with Image.open(path) as picture:
            return np.asarray(to_rgb(ImageOps.exif_transpose(picture)))
    except Exception as error:  # Pillow's plug-ins raise nearly every type there is on broken bytes
        raise UnreadableImage(f"cannot read image {path}: {_reason(error)}") from error


def read_size(path: Path) -> tuple[int, int]:
    """(height, width) of the upright picture, from the file's header alone; UnreadableImage as `read_image`."""
    try:
        with Image.open(path) as picture:
            width, height = picture.size
            # Pillow turns TIFF files itself, and asking a PNG that has no early eXIf chunk decodes the whole picture.
            has_exif = "exif" in picture.info if picture.format == "PNG" else picture.format != "TIFF"
            turned = has_exif and picture.getexif().get(_ORIENTATION) in _QUARTER_TURNS
    except Exception as error:
        raise UnreadableImage(f"cannot read image {path}: {_reason(error)}") from error
    return (width, height) if turned else (height, width)


def to_rgb(picture: Image.Image) -> Image.Image:
    """Converts a picture of any integer mode to RGB as `read_image` says; ValueError on float modes."""
    if picture.mode == "F":
        raise ValueError("float pixels have no agreed range; save it with 8 or 16 bits a channel")
    if picture.mode.startswith("I"):
        picture = _from_16_bit(np.asarray(picture))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture.convert("RGB")


def halve(image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "H W 3"]:
    """Reduces a picture to half its size by Pillow's antialiased bicubic; an odd last row or column is dropped.

    Makes ground truth out of lossy files: their block and chroma artefacts mostly live in the finest octave.
    """
    height, width = (size // 2 for size in image.shape[:2])
    box = (0, 0, 2 * width, 2 * height)
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC, box=box))


def _from_16_bit(levels: np.ndarray) -> Image.Image:
    # Mode "I" holds 32 bits, yet comes from 16-bit files; anything beyond is another scale that we do not know.
    if levels.min() < 0 or levels.max() > 65535:
        raise ValueError(f"integer pixels outside 0..65535 ({levels.min()}..{levels.max()})")
    return Image.fromarray(np.round(levels / 257).astype(np.uint8))


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
