"""What travels with pixels: colour profile, EXIF, XMP, resolution and captions. None of it may cost the picture."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from PIL import ExifTags, Image, PngImagePlugin

_ORIENTATION = 0x0112
_WIDTH_TAGS, _HEIGHT_TAGS = (0x0100, 0xA002), (0x0101, 0xA003)
_SUB = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
# Of a TIFF, EXIF is one with the tags that say how its pixels are stored; these alone say something about the picture.
_DESCRIPTIVE = {0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x013C, 0x8298, *range(0x9C9B, 0x9CA0), *_SUB}
_XMP_ORIENTATION = (rb'\s*tiff:Orientation="[0-9]"', rb"<tiff:Orientation>[0-9]</tiff:Orientation>")
_XMP_KEY = "XML:com.adobe.xmp"
_LONGEST_CAPTION = 2**20
# Most bytes of each that a format takes.
_LIMITS = {"JPEG": {"exif": 65533, "xmp": 65504, "icc_profile": 255 * 65519, "comment": 65533}}


class Metadata(NamedTuple):
    """Bytes as files hold them, empty where there were none; the orientation is applied and gone.

    `dpi` is pixels an inch across and down. `captions` are texts with their keywords, of PNG ("" : the JPEG's comment).
    """

    profile: bytes = b""
    exif: bytes = b""
    xmp: bytes = b""
    dpi: tuple[float, float] | None = None
    captions: tuple[tuple[str, str], ...] = ()

    def exif_of(self, size: tuple[int, int]) -> bytes:
        """EXIF with a picture's (width, height) in the tags that state one."""
        if not self.exif:
            return b""
        exif = Image.Exif()
        exif.load(self.exif)
        for tags in (exif, exif.get_ifd(ExifTags.IFD.Exif)):
            for names, value in ((_WIDTH_TAGS, size[0]), (_HEIGHT_TAGS, size[1])):
                tags.update({tag: value for tag in names if tag in tags})
        return exif.tobytes()


def orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none that can be read."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # broken EXIF raises nearly every type there is
        return 1
    return value if value in range(1, 9) else 1


def read_metadata(image: Image.Image) -> tuple[Metadata, list[str]]:
    """What an opened file carries beside its profile, upright, and a line for each thing that could not be used."""
    exif, lost = _usable_exif(image)
    xmp = image.info.get("xmp") or image.info.get(_XMP_KEY) or b""
    xmp = xmp.encode() if isinstance(xmp, str) else xmp
    for pattern in _XMP_ORIENTATION:
        xmp = re.sub(pattern, b"", xmp)
    captions = tuple(_captions(image))
    kept = tuple((key, text) for key, text in captions if len(text) <= _LONGEST_CAPTION)
    long = [(key, len(text)) for key, text in captions if (key, text) not in kept]
    lost += [f"the text {key!r} of {length} characters is left out" for key, length in long]
    return Metadata(exif=exif, xmp=xmp.rstrip(b"\0"), dpi=_dpi(image.info), captions=kept), lost


def save_options(meta: Metadata, format_: str, size: tuple[int, int]) -> tuple[dict[str, Any], list[str]]:
    """Options of Pillow's writer of a format, with EXIF of the new (width, height), and a line for what has no room."""
    found = {"icc_profile": meta.profile, "exif": meta.exif_of(size), "xmp": meta.xmp}
    if format_ == "JPEG":
        found["comment"] = "".join(text for key, text in meta.captions if not key).encode()
    limits = _LIMITS.get(format_, {})
    lost = [name for name, content in found.items() if len(content) > limits.get(name, 2**31)]
    options: dict[str, Any] = {name: content for name, content in found.items() if content and name not in lost}
    if meta.dpi is not None and format_ != "WEBP":
        options["dpi"] = meta.dpi
    if format_ == "PNG":
        options["pnginfo"] = _png_texts(meta, options.pop("xmp", b""))
    names = {"icc_profile": "colour profile", "exif": "EXIF", "xmp": "XMP", "comment": "comment"}
    return options, [f"{names[n]} of {len(found[n])} bytes does not fit into {format_} and is left out" for n in lost]


def _usable_exif(image: Image.Image) -> tuple[bytes, list[str]]:
    """EXIF without orientation and without the entries that cannot be written, and a line that names those."""
    try:
        exif = image.getexif()
        entries = {tag: value for tag, value in exif.items() if tag != _ORIENTATION}
        entries |= {tag: exif.get_ifd(tag) for tag in _SUB if tag in exif}
    except Exception:  # broken EXIF raises nearly every type there is
        return b"", ["EXIF that is unusable is left out"]
    if not entries and _says_something(image.info.get("exif")) and orientation(image) == 1:
        return b"", ["EXIF that is unusable is left out"]
    if image.format == "TIFF":
        entries = {tag: value for tag, value in entries.items() if tag in _DESCRIPTIVE}
    out, lost = Image.Exif(), []
    out.endian = exif.endian
    for tag, value in entries.items():
        if isinstance(value, dict):
            lost += [t for t, v in value.items() if not _writable({tag: {t: v}})]
            value = {t: v for t, v in value.items() if t not in lost}
        if _writable({tag: value}):
            out[tag] = value
        else:
            lost.append(tag)
    names = ", ".join(map(_tag_name, lost[:5])) + (" and more" if len(lost) > 5 else "")
    return out.tobytes() if len(out) else b"", [f"EXIF that is unusable is left out: {names}"] if lost else []


def _says_something(exif: Any) -> bool:
    """Whether bytes of EXIF are more than a header of no entries."""
    return isinstance(exif, bytes) and bool(exif.removeprefix(b"Exif\0\0")[8:10].strip(b"\0"))


def _writable(entries: Mapping[int, Any]) -> bool:
    exif = Image.Exif()
    for tag, value in entries.items():
        exif[tag] = value
    try:
        exif.tobytes()
    except Exception:  # a type that does not fit the tag fails in many ways
        return False
    return True


def _tag_name(tag: int) -> str:
    return ExifTags.TAGS.get(tag) or ExifTags.GPSTAGS.get(tag) or f"tag {tag}"


def _captions(image: Image.Image) -> Iterator[tuple[str, str]]:
    """Texts of a PNG, and the comment of a JPEG. "Raw profile" texts hold metadata of before in another form."""
    if isinstance(image, PngImagePlugin.PngImageFile):
        for key, text in image.text.items():
            if key != _XMP_KEY and not key.startswith("Raw profile type"):
                yield key, str(text)
    elif isinstance(comment := image.info.get("comment"), bytes) and comment:
        yield "", comment.decode("utf-8", "replace")


def _dpi(info: Mapping[Any, Any]) -> tuple[float, float] | None:
    try:
        across, down = (float(value) for value in info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if all(math.isfinite(v) and 0 < v <= 65535 for v in (across, down)) else None


def _png_texts(meta: Metadata, xmp: bytes) -> PngImagePlugin.PngInfo:
    texts = PngImagePlugin.PngInfo()
    for key, text in meta.captions:
        texts.add_text(key or "Comment", text)
    if xmp:
        texts.add_itxt(_XMP_KEY, xmp.decode("utf-8", "replace"))
    return texts
