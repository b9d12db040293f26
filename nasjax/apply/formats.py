"""Which files are pictures, what opens them, and what can be written: by content, not by name."""

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image, UnidentifiedImageError


class Format(NamedTuple):
    """A format that is written: Pillow's name and options, and what it has room for."""

    kind: str
    options: Mapping[str, Any]
    longest: int  # most pixels of a side
    transparent: bool = False
    greys: bool = True
    deep: bool = False


# Qualities at which coding errors stay below what the networks restore; chroma is not subsampled.
_JPEG = Format("JPEG", {"quality": 95, "subsampling": 0}, 65500)
FORMATS: Mapping[str, Format] = {
    ".png": Format("PNG", {"compress_level": 6}, 2**31 - 1, transparent=True, deep=True),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".webp": Format("WEBP", {"quality": 95, "method": 4}, 16383, transparent=True, greys=False),
}
# What Pillow knows but does not decode by itself, or would run another program for.
_NOT_DECODED = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"}
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
# Their first image is a small preview, which Pillow would take for the picture.
_RAW = {
    *(".3fr", ".arw", ".cr2", ".cr3", ".dng", ".iiq", ".nef", ".nrw"),
    *(".orf", ".pef", ".raf", ".rw2", ".sr2", ".srw", ".x3f"),
}
_JPEG_XL = b"\0\0\0\x0cJXL "  # or two bytes, which many a file may begin with
_SUFFIXES_NOT_READ = {".heic", ".heif", ".avif", ".jxl"}  # not without an extra, or not at all
_PREFIX = 64
_FILLING = threading.Lock()


def opened_image(file: Any, name: str) -> Image.Image:
    """The image of an opened file, not yet decoded; `name` is the file's.

    Raises ValueError for a format that cannot be decoded, with what to do about it, and for what is no picture.
    """
    prefix = file.read(_PREFIX)
    file.seek(0)
    if Path(name).suffix.lower() in _RAW:
        raise ValueError("a camera's raw file; develop it into a TIFF, PNG or JPEG first")
    known = _known(heif=_is_heif(prefix))
    # A format without a signature is believed where the name says so too: anything may look like it.
    named = Path(name).suffix.lower() in known.suffixes
    try:
        return Image.open(file, formats=known.decoded if named else known.signed)
    except UnidentifiedImageError as error:
        raise ValueError(_unknown(prefix)) from error


def says_picture(path: Path) -> bool:
    """Whether a file that cannot be opened as a picture was meant to be one: by its name, or a format not read here."""
    if named_picture(path.name):
        return True
    try:
        with path.open("rb") as file:
            prefix = file.read(_PREFIX)
    except OSError:
        return False
    return _is_heif(prefix) or prefix.startswith(_JPEG_XL)


def named_picture(name: str) -> bool:
    """Whether a file is called like a picture, be it of a format that is read here or not."""
    return Path(name).suffix.lower() in {*_RAW, *_SUFFIXES_NOT_READ, *_known().suffixes}


def suffix_for(path: Path, kind: str) -> str:
    """The suffix of an output in the own format of an input of a kind (Pillow's name): as it is, or .png."""
    if path.suffix.lower() in FORMATS:
        return path.suffix
    # A name without a suffix of any format says nothing; the content does.
    own = next((suffix for suffix, each in FORMATS.items() if each.kind == kind), ".png")
    return ".png" if path.suffix.lower() in _known().suffixes else own


def format_of(path: str | os.PathLike[str]) -> Format:
    """The format that a file's suffix names; raises ValueError unless it is one that can be written."""
    suffix = Path(path).suffix
    if suffix.lower() not in FORMATS:
        raise ValueError(f"cannot write {path}: unknown image format {suffix!r}; allowed: {', '.join(FORMATS)}")
    return FORMATS[suffix.lower()]


def too_long(format_: Format, size: tuple[int, int]) -> str | None:
    """What is wrong with an output of (height, width) in a format; None where it fits."""
    if max(size) <= format_.longest and min(size) >= 1:
        return None
    return f"its output is {size[1]}x{size[0]} pixels, and {format_.kind} has at most {format_.longest} a side"


class _Known(NamedTuple):
    """Pillow's names of what it decodes, of what of that has a signature, and the suffixes of all."""

    decoded: list[str]
    signed: list[str]
    suffixes: frozenset[str]


def _known(*, heif: bool = False) -> _Known:
    """What can be opened now; `heif` adds what an extra reads. ValueError where that is not installed."""
    # Files are looked at by several threads, and Pillow's tables are filled by the first that asks.
    with _FILLING:
        Image.init()
        if heif:
            _register_heif()
        decoded = {kind: accept for kind, (_, accept) in Image.OPEN.items() if kind not in _NOT_DECODED}
        suffixes = frozenset(suffix for suffix, kind in Image.registered_extensions().items() if kind in decoded)
    return _Known([*decoded], [kind for kind, accept in decoded.items() if accept], suffixes)


def _register_heif() -> None:
    try:
        import pillow_heif
    except ImportError as error:
        raise ValueError("HEIC is read by an extra: pip install 'nasjax[heif]'") from error
    pillow_heif.register_heif_opener()


def _is_heif(prefix: bytes) -> bool:
    """Whether a file is HEIC; AVIF, which Pillow reads, may begin like it and says so further on."""
    return prefix[4:8] == b"ftyp" and prefix[8:12] in _HEIF_BRANDS and b"avi" not in prefix


def _is_jpeg_xl(prefix: bytes) -> bool:
    return prefix.startswith((b"\xff\x0a", _JPEG_XL))


def _unknown(prefix: bytes) -> str:
    if not prefix:
        return "the file is empty"
    if _is_jpeg_xl(prefix):
        return "JPEG XL is not read; convert it to PNG or JPEG first"
    if _is_heif(prefix):
        return "a HEIC file that is damaged"
    if prefix[4:12] in (b"ftypavif", b"ftypavis"):
        return "AVIF is not read by this Pillow; install one that does: pip install --upgrade pillow"
    return "not a picture of a format that is read"
