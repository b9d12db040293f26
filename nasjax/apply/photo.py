"""Photographs as style transfer needs them: in colour, in one colour space, not too large, and painted anew."""

import os

import numpy as np
from PIL import Image

from nasjax.apply.around import continued
from nasjax.apply.colour import colour_space, converted
from nasjax.apply.levels import to_levels
from nasjax.apply.picture import Picture
from nasjax.apply.reading import read_picture


def read_photo(path: str | os.PathLike[str], *, longest: int | None = None) -> Picture:
    """Read any picture as colours: `read_picture`, then `as_colours`, then `limit_size`; ValueError as of these."""
    return limit_size(as_colours(read_picture(path)), longest)


def as_colours(picture: Picture) -> Picture:
    """The picture in colour: greys under a profile of greys as those of sRGB, without one as they are."""
    if colour_space(picture.meta.profile) == "GRAY":
        ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
        curve = np.asarray(converted(ramp, picture.meta.profile, b""), np.float32)[0, :, 0] / 127.5 - 1
        greys = np.interp(picture.rgb[..., 0], np.linspace(-1, 1, 256), curve)
        pixels = to_levels(greys.astype(np.float32), deep=picture.deep)[..., None].repeat(3, -1)
        picture = picture._replace(pixels=pixels, meta=picture.meta._replace(profile=b""))
    return picture._replace(grey=False)


def limit_size(picture: Picture, longest: int | None, *, wrap: bool = False) -> Picture:
    """The picture reduced (bicubic, antialiased) so that no side exceeds `longest` pixels; None leaves it alone.

    Sides are at least one pixel. `wrap`: left and right borders belong together. ValueError for a limit below 1.
    """
    size = limited(picture.size, longest)
    if size == picture.size:
        return picture
    rgb, around = picture.rgb, 2 * -(-picture.size[1] // size[1]) if wrap else 0
    pixels = np.stack([_resize(rgb[..., k], size, around) for k in range(3)], -1).clip(-1, 1)
    alpha = None if picture.alpha is None else _resize(picture.alpha, size, around).clip(0, 1)
    return picture._replace(pixels=pixels, alpha=alpha)


def limited(size: tuple[int, int], longest: int | None) -> tuple[int, int]:
    """The (height, width) that `limit_size` gives a picture of a size."""
    if longest is not None and longest < 1:
        raise ValueError(f"the longest side must be 1 pixel or more, got {longest}")
    if longest is None or max(size) <= longest:
        return size
    factor = longest / max(size)
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def in_colours_of(picture: Picture, reference: Picture) -> Picture:
    """The picture with its pixel values converted to the reference's colour profile, which it carries from then on.

    Statistics of two pictures can only be compared, and handed from one to the other, in one colour space. A picture
    without a profile is taken for sRGB, and so is one whose profile cannot be used. Converting has 8 bits a channel;
    where both profiles are the same, or the reference's is one of greys, nothing is done.
    """
    profiles = [p.meta.profile if colour_space(p.meta.profile) else b"" for p in (picture, reference)]
    # No colours can be written in a space of greys.
    if profiles[0] == profiles[1] or colour_space(profiles[1]) not in ("RGB", None):
        return picture
    levels = Image.fromarray(to_levels(picture.pixels, deep=False))
    levels = levels.convert("L") if colour_space(profiles[0]) == "GRAY" else levels
    pixels = np.asarray(converted(levels, profiles[0], profiles[1]))
    return picture._replace(pixels=pixels, grey=False, meta=picture.meta._replace(profile=reference.meta.profile))


def repaint(picture: Picture, rgb: np.ndarray) -> Picture:
    """The picture with other colours: transparency and what travels with the pixels stay, greys become colours.

    `rgb` is float in [-1, 1] (clipped) or levels. A profile of greys, which colours cannot have, is dropped. ValueError
    where the new pixels are not `[h, w, 3]` of the picture's size.
    """
    if rgb.shape != picture.pixels.shape:
        raise ValueError(f"repaint: the new pixels must have the shape {picture.pixels.shape}, got {rgb.shape}")
    profile = picture.meta.profile if colour_space(picture.meta.profile) in ("RGB", None) else b""
    return picture._replace(pixels=rgb, grey=False, meta=picture.meta._replace(profile=profile))


def _resize(plane: np.ndarray, size: tuple[int, int], around: int) -> np.ndarray:
    """A plane of another size, that finds so many columns of the other side beyond its left and right border."""
    box = (around, 0, around + plane.shape[1], plane.shape[0])
    return np.asarray(
        Image.fromarray(continued(plane, around)).resize((size[1], size[0]), Image.Resampling.BICUBIC, box)
    )
