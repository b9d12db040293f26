"""Image files in and out: any mode that Pillow reads; colour profile, EXIF and transparency survive the way."""

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps

# Suffix -> Pillow's format, its options, whether it stores transparency. Qualities at which coding errors stay
# below what the networks restore; chroma is not subsampled.
FORMATS: dict[str, tuple[str, dict[str, Any], bool]] = {
    ".png": ("PNG", {"compress_level": 6}, True),
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}, False),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}, False),
    ".webp": ("WEBP", {"quality": 95, "method": 4}, True),
}
_WIDTH_TAGS, _HEIGHT_TAGS = (0x0100, 0xA002), (0x0101, 0xA003)
_EXIF_IFD = 0x8769


class Picture(NamedTuple):
    """Pixels of one image, in [-1, 1], and what travels with them.

    `rgb`: float32 `[h, w, 3]`. `alpha`: float32 `[h, w]` in [0, 1], or None. `grey`: the source had no colour.
    `profile` and `exif` are the bytes of the file, orientation already applied; empty where it had none.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None = None
    grey: bool = False
    profile: bytes = b""
    exif: bytes = b""


def read_picture(path: str | os.PathLike[str]) -> Picture:
    """Read the first frame of a file, upright.

    16-bit greys keep their precision. A profile of a colour space that had to be converted (CMYK, Lab) is dropped.
    Raises ValueError naming a file that is missing, broken or of float pixels.
    """
    if not Path(path).is_file():
        raise ValueError(f"cannot read image {path}: there is no such file")
    try:
        with Image.open(path) as image:
            return from_pillow(image)
    except Exception as error:  # Pillow's plug-ins raise nearly every type there is on broken bytes
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise ValueError(f"cannot read image {path}: {reason}") from error


def from_pillow(image: Image.Image) -> Picture:
    """The pixels of a Pillow picture, turned upright; raises ValueError for float pixels, whose range is unknown."""
    if image.mode == "F":
        raise ValueError("float pixels have no agreed range; save it with 8 or 16 bits a channel")
    image = ImageOps.exif_transpose(image)
    rgb, alpha = _pixels(image)
    kept = image.mode in ("1", "L", "LA", "RGB", "RGBA", "P", "PA") or image.mode.startswith("I")
    profile = image.info.get("icc_profile") or b"" if kept else b""
    return Picture(rgb, alpha, _is_grey(image), profile, image.getexif().tobytes() if len(image.getexif()) else b"")


def to_pillow(picture: Picture) -> Image.Image:
    """An 8-bit picture of mode L, LA, RGB or RGBA that carries profile and EXIF in its `info`."""
    image = Image.fromarray(_bytes((picture.rgb + 1) / 2))
    image = image.convert("L") if picture.grey else image
    if picture.alpha is not None:
        image.putalpha(Image.fromarray(_bytes(picture.alpha)))
    if picture.profile:
        image.info["icc_profile"] = picture.profile
    if picture.exif:
        image.info["exif"] = _resized_exif(picture.exif, image.size)
    return image


def write_picture(picture: Picture, path: str | os.PathLike[str]) -> None:
    """Write a file by its suffix, all or nothing; JPEG, which has no transparency, is composed over white.

    Raises ValueError for an unknown suffix or a missing folder.
    """
    path = Path(path)
    format_, options, transparent = FORMATS[known_suffix(path)]
    check_folder(path)
    image = _for_format(picture, format_, transparent)
    info = {key: value for key, value in image.info.items() if key in ("icc_profile", "exif")}
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        image.save(temporary, format_, **options, **info)
        temporary.replace(path)
    except OSError as error:
        raise OSError(error.errno, f"cannot write {path}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def known_suffix(path: Path) -> str:
    """The suffix in lower case; raises ValueError unless it is one that can be written."""
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise ValueError(f"cannot write {path}: unknown image format {path.suffix!r}; allowed: {', '.join(FORMATS)}")
    return suffix


def check_folder(path: Path) -> None:
    """Raise ValueError when the folder that a file is to be written to does not exist."""
    if not path.parent.is_dir():
        raise ValueError(f"cannot write {path}: the folder {path.parent} does not exist")


def _for_format(picture: Picture, format_: str, transparent: bool) -> Image.Image:
    if picture.grey and format_ == "WEBP":
        # The format has no greys, and a profile made for greys says nothing about the colours they become.
        picture = picture._replace(grey=False, profile=b"")
    if picture.alpha is not None and not transparent:
        over_white = picture.alpha[..., None] * (picture.rgb - 1) + 1
        picture = picture._replace(rgb=over_white, alpha=None)
    return to_pillow(picture)


def _pixels(image: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
    if image.mode.startswith("I"):
        grey = np.asarray(image).astype(np.float32)
        # Mode "I" holds 32 bits, yet comes from 16-bit files; anything beyond is another scale that we do not know.
        if grey.min() < 0 or grey.max() > 65535:
            raise ValueError(f"integer pixels outside 0..65535 ({grey.min():.0f}..{grey.max():.0f})")
        return np.repeat((grey / 32767.5 - 1)[..., None], 3, axis=-1), None
    if image.has_transparency_data:
        rgba = np.asarray(image.convert("RGBA")).astype(np.float32)
        return rgba[..., :3] / 127.5 - 1, rgba[..., 3] / 255
    return np.asarray(image.convert("RGB")).astype(np.float32) / 127.5 - 1, None


def _is_grey(image: Image.Image) -> bool:
    return image.mode in ("1", "L", "LA") or image.mode.startswith("I")


def _bytes(unit: np.ndarray) -> np.ndarray:
    return np.round(np.clip(unit, 0, 1) * 255).astype(np.uint8)


def _resized_exif(data: bytes, size: tuple[int, int]) -> bytes:
    """EXIF with the picture's new size in the tags that state one."""
    exif = Image.Exif()
    exif.load(data)
    for tags in (exif, exif.get_ifd(_EXIF_IFD)):
        for names, value in ((_WIDTH_TAGS, size[0]), (_HEIGHT_TAGS, size[1])):
            for tag in names:
                if tag in tags:
                    tags[tag] = value
    return exif.tobytes()
