"""Photographs as style transfer needs them: in colour, in one colour space, not too large, and painted anew."""

import io
import os
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from nasjax.apply.picture import Picture, read_picture

_INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC  # keeps what both colour spaces have; black and white stay themselves


def read_photo(path: str | os.PathLike[str], *, longest: int | None = None) -> Picture:
    """Read any picture as colours: `read_picture`, then greys made RGB, then `limit_size`.

    Greys under a profile of greys are converted to sRGB, and carry no profile then; without one they stay as they are.
    ValueError as `read_picture` and `limit_size`.
    """
    picture = read_picture(path)
    if _space(picture.profile) == "GRAY":
        picture = in_colours_of(picture, Picture(picture.rgb))
    return limit_size(picture._replace(grey=False), longest)


def limit_size(picture: Picture, longest: int | None) -> Picture:
    """The picture reduced (bicubic, antialiased) so that no side exceeds `longest` pixels; None leaves it alone.

    Sides are at least one pixel. ValueError for a limit below 1.
    """
    if longest is not None and longest < 1:
        raise ValueError(f"the longest side must be 1 pixel or more, got {longest}")
    height, width = picture.rgb.shape[:2]
    if longest is None or max(height, width) <= longest:
        return picture
    factor = longest / max(height, width)
    size = max(1, round(height * factor)), max(1, round(width * factor))
    rgb = np.stack([_resize(picture.rgb[..., k], size) for k in range(3)], -1)
    alpha = None if picture.alpha is None else _resize(picture.alpha, size).clip(0, 1)
    return picture._replace(rgb=rgb.clip(-1, 1), alpha=alpha)


def in_colours_of(picture: Picture, reference: Picture) -> Picture:
    """The picture with its pixel values converted to the reference's colour profile, which it carries from then on.

    Statistics of two pictures can only be compared, and handed from one to the other, in one colour space. A picture
    without a profile is taken for sRGB, and so is one whose profile cannot be read. Converting has 8 bits a channel;
    where both profiles are the same, or the reference's is one of greys, nothing is done.
    """
    # No colours can be written in a space of greys.
    if picture.profile == reference.profile or _space(reference.profile) not in ("RGB", None):
        return picture
    source, target = _profile(picture.profile), _profile(reference.profile)
    levels = Image.fromarray(np.round((picture.rgb + 1) * 127.5).astype(np.uint8))
    levels = levels.convert("L") if _space(picture.profile) == "GRAY" else levels
    converted: Any = ImageCms.profileToProfile(levels, source, target, _INTENT, outputMode="RGB")
    rgb = np.asarray(converted).astype(np.float32) / 127.5 - 1
    return picture._replace(rgb=rgb, grey=False, profile=reference.profile)


def repaint(picture: Picture, rgb: np.ndarray) -> Picture:
    """The picture with other colours: transparency, EXIF and profile stay, greys become colours.

    A profile of greys, which colours cannot have, is dropped. Values are clipped to [-1, 1]. ValueError where the new
    pixels are not `[h, w, 3]` of the picture's size.
    """
    rgb = np.asarray(rgb, np.float32)
    if rgb.shape != picture.rgb.shape:
        raise ValueError(f"repaint: the new pixels must have the shape {picture.rgb.shape}, got {rgb.shape}")
    profile = picture.profile if _space(picture.profile) in ("RGB", None) else b""
    return picture._replace(rgb=rgb.clip(-1, 1), grey=False, profile=profile)


def _space(profile: bytes) -> str | None:
    """The colour space of a profile, such as "RGB" or "GRAY"; None where there is none, or none that can be read."""
    if not profile:
        return None
    try:
        header: Any = ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile
        return header.xcolor_space.strip()
    except (OSError, ImageCms.PyCMSError):
        return None


def _profile(content: bytes) -> ImageCms.ImageCmsProfile:
    if _space(content) is None:
        return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    return ImageCms.ImageCmsProfile(io.BytesIO(content))


def _resize(plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(Image.fromarray(plane).resize((size[1], size[0]), Image.Resampling.BICUBIC))
