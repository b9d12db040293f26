"""A picture: pixels in RGB, upright, with what travels beside them; made of an image of any mode that Pillow has."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from nasjax.apply.colour import colour_space, converted, is_srgb, light_to_srgb
from nasjax.apply.deep import grey_levels
from nasjax.apply.levels import greys_of, to_floats, to_levels
from nasjax.apply.metadata import Metadata, orientation, read_metadata
from nasjax.apply.notes import one_line
from nasjax.apply.transparency import spread_colours

_GREYS = ("1", "L", "LA", "La")
_TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a.swapaxes(0, 1)[::-1],
}


class Picture(NamedTuple):
    """Pixels of one image, and what travels with them.

    `pixels`: `[h, w, 3]`, levels of 8 or 16 bits (uint8, uint16) or float32 in [-1, 1]; `deep`: written with 16 bits
    where a format has them. `alpha`: float32 `[h, w]` in [0, 1], or None. `grey`: the source had no colour. `meta` is
    upright. `notes`: a line for each thing of the file that was left out or taken otherwise than it says.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    grey: bool = False
    deep: bool = False
    meta: Metadata = Metadata()  # noqa: B008 - immutable
    notes: tuple[str, ...] = ()

    @property
    def rgb(self) -> np.ndarray:
        """The pixels as float32 in [-1, 1]; a new array, four times as large as levels of 8 bits."""
        return to_floats(self.pixels)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.pixels.shape[0], self.pixels.shape[1]


def from_pillow(image: Image.Image) -> Picture:
    """The pixels of a Pillow picture, turned upright; raises ValueError for float pixels, whose range is unknown."""
    image.load()
    return picture_of(image, grey_levels(image)[..., None] if image.mode.startswith("I") else None)


def upright(pixels: np.ndarray, image: Image.Image) -> np.ndarray:
    """Pixels of an image turned as its EXIF orientation says."""
    return _TURNS.get(orientation(image), lambda a: a)(pixels)


def to_pillow(picture: Picture) -> Image.Image:
    """An 8-bit picture of mode L, LA, RGB or RGBA that carries profile and EXIF in its `info`.

    A deep grey one without transparency is of mode I;16, the only one of Pillow's that has 16 bits for what it shows.
    """
    if picture.deep and picture.grey and picture.alpha is None:
        image = Image.fromarray(greys_of(to_levels(picture.pixels, deep=True))[..., 0])
    else:
        image = Image.fromarray(to_levels(picture.pixels, deep=False))
        image = image.convert("L") if picture.grey else image
    if picture.alpha is not None:
        image.putalpha(Image.fromarray(np.round(picture.alpha.clip(0, 1) * 255).astype(np.uint8)))
    info = {"icc_profile": picture.meta.profile, "exif": picture.meta.exif_of(image.size), "xmp": picture.meta.xmp}
    image.info.update({key: value for key, value in info.items() if value})
    if picture.meta.dpi is not None:
        image.info["dpi"] = picture.meta.dpi
    return image


def picture_of(image: Image.Image, deep: np.ndarray | None) -> Picture:
    """The picture of a decoded image; `deep` are its pixels with 16 bits a channel, of 1 to 4 channels."""
    if image.mode == "F":
        raise ValueError("float pixels have no agreed range; save it with 8 or 16 bits a channel")
    meta, notes = read_metadata(image)
    grey = image.mode in _GREYS or image.mode.startswith("I") or (deep is not None and deep.shape[-1] < 3)
    in_rgb, profile, said = _in_rgb(image, grey)
    pixels, alpha = _levels(in_rgb) if deep is None else _deep_levels(deep, image.info.get("transparency"))
    if not profile and "gamma" in image.info and "srgb" not in image.info:
        pixels, more = _as_srgb(pixels, image.info)
        said += more
    pixels, alpha = upright(pixels, image), None if alpha is None else upright(alpha, image)
    if alpha is not None and alpha.min() <= 0:
        pixels = spread_colours(pixels, alpha)
    meta = meta._replace(profile=profile)
    return Picture(np.ascontiguousarray(pixels), alpha, grey, deep is not None, meta, (*notes, *said))


def _in_rgb(image: Image.Image, grey: bool) -> tuple[Image.Image, bytes, list[str]]:
    """The image out of CMYK and Lab, the profile that its pixels are in, and what there is to say about it."""
    profile = image.info.get("icc_profile")
    profile = profile if isinstance(profile, bytes) else b""
    space = colour_space(profile)
    wanted = {"CMYK": "CMYK", "LAB": "Lab"}.get(image.mode, "GRAY" if grey else "RGB")
    said = []
    if profile and space != wanted:
        said = [f"its colour profile is {'unusable' if space is None else f'one of {space}'} and is left out"]
        profile = b""
    if wanted == "Lab" or (wanted == "CMYK" and profile):
        return converted(image, profile, b""), b"", said
    if wanted == "CMYK":
        return image.convert("RGB"), b"", [*said, "it has inks (CMYK) and no profile of them: its colours are a guess"]
    return image, profile, said


def _levels(image: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
    """RGB and alpha of 8 bits."""
    image = image.convert("LA") if image.mode == "La" else image
    if image.has_transparency_data:
        rgba = np.asarray(image.convert("RGBA"))
        return rgba[..., :3], rgba[..., 3].astype(np.float32) / 255
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB")), None


def _deep_levels(deep: np.ndarray, clear: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """RGB and alpha of 16 bits; `clear` is the one colour that tRNS calls transparent, as Pillow has it."""
    channels = deep.shape[-1]
    alpha = deep[..., -1].astype(np.float32) / 65535 if channels in (2, 4) else None
    colours = deep[..., : channels - (channels in (2, 4))]
    if alpha is None and isinstance(clear, int | tuple) and np.size(clear) == channels:
        alpha = np.where((deep == np.array(clear)).all(-1), np.float32(0), np.float32(1))
    return np.broadcast_to(colours, (*colours.shape[:2], 3)), alpha


def _as_srgb(pixels: np.ndarray, info: Any) -> tuple[np.ndarray, list[str]]:
    gamma, chromaticity = info["gamma"], info.get("chromaticity")
    try:
        if is_srgb(gamma, chromaticity):
            return pixels, []
        unit = light_to_srgb((to_floats(pixels) + 1) / 2, gamma, chromaticity)
    except (ValueError, TypeError) as error:
        return pixels, [f"{one_line(error)}; it is left out"]
    return to_levels(unit * 2 - 1, deep=pixels.dtype == np.uint16), []
