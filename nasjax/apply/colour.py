"""Colour spaces of files: profiles that can be used, and conversion of what networks do not take to sRGB."""

import functools
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageCms

_INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC  # keeps what both colour spaces have; black and white stay themselves
_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab": "LAB"}  # colour space of a profile -> Pillow's mode
_SRGB_GAMMA, _SRGB_CHROMATICITY = 0.45455, (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)  # white, red, green, blue
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def colour_space(profile: bytes) -> str | None:
    """The colour space that a profile describes, such as "RGB" or "GRAY"; None where there is no usable profile."""
    return _usable_space(profile) if profile else None


def converted(image: Image.Image, source: bytes, target: bytes) -> Image.Image:
    """A picture of 8 bits a channel of the profile `source` in the RGB profile `target`; b"" stands for sRGB.

    The mode of the picture says what an empty `source` is: LAB has a space of its own. Intent: relative colorimetric
    with black point compensation. Raises ValueError where either profile cannot be used.
    """
    own = ImageCms.createProfile("LAB") if image.mode == "LAB" else ImageCms.createProfile("sRGB")
    theirs, ours = (
        ImageCms.ImageCmsProfile(io.BytesIO(content)) if content else ImageCms.ImageCmsProfile(default)
        for content, default in ((source, own), (target, ImageCms.createProfile("sRGB")))
    )
    try:
        flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
        transform = ImageCms.buildTransform(theirs, ours, image.mode, "RGB", _INTENT, flags)
        out: Any = ImageCms.applyTransform(image, transform)
    except ImageCms.PyCMSError as error:
        raise ValueError(f"its colours cannot be converted: {error}") from error
    return out


def is_srgb(gamma: float, chromaticity: Sequence[float] | None) -> bool:
    """Whether gAMA and cHRM of a PNG say what is assumed of a file that says nothing."""
    same = chromaticity is None or np.allclose(chromaticity, _SRGB_CHROMATICITY, atol=2e-3)
    return bool(same) and abs(gamma - _SRGB_GAMMA) < 0.005


def light_to_srgb(unit: np.ndarray, gamma: float, chromaticity: Sequence[float] | None) -> np.ndarray:
    """Values in [0, 1], `[..., 3]`, whose light is `unit ** (1 / gamma)` of the given colours, as those of sRGB.

    `chromaticity`: x and y of white, red, green and blue (default: those of sRGB), the white adapted by Bradford's
    matrix. What sRGB does not have is clipped. Raises ValueError for numbers that describe no colours.
    Source: PNG, third edition, 11.3.2.1 and 11.3.2.2; IEC 61966-2-1.
    """
    if not 0.05 <= gamma <= 20:
        raise ValueError(f"gAMA of {gamma} describes no picture")
    light = unit.astype(np.float32) ** np.float32(1 / gamma)
    if chromaticity is not None:
        light = light @ _to_srgb_light(tuple(chromaticity)).T.astype(np.float32)
    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** np.float32(1 / 2.4) - 0.055).astype(np.float32)


@functools.lru_cache(16)
def _usable_space(profile: bytes) -> str | None:
    try:
        opened: Any = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = str(opened.profile.xcolor_space).strip()
        if space in _MODES:
            ImageCms.buildTransform(opened, ImageCms.createProfile("sRGB"), _MODES[space], "RGB", _INTENT)
    except (OSError, ValueError, TypeError, ImageCms.PyCMSError):
        return None
    return space


@functools.lru_cache(16)
def _to_srgb_light(chromaticity: tuple[float, ...]) -> np.ndarray:
    theirs, ours = _to_xyz(chromaticity), _to_xyz(_SRGB_CHROMATICITY)
    cones = [_BRADFORD @ space.sum(1) for space in (theirs, ours)]
    adapted = np.linalg.inv(_BRADFORD) @ np.diag(cones[1] / cones[0]) @ _BRADFORD
    return np.linalg.inv(ours) @ adapted @ theirs


def _to_xyz(chromaticity: tuple[float, ...]) -> np.ndarray:
    """The matrix from linear RGB to XYZ, in which white has a luminance of 1."""
    x, y = np.array(chromaticity[0::2], float), np.array(chromaticity[1::2], float)
    if len(x) != 4 or not (y > 1e-3).all() or not np.isfinite([x, y]).all():
        raise ValueError(f"cHRM of {chromaticity} describes no colours")
    white, *primaries = (np.array([a / b, 1, (1 - a - b) / b]) for a, b in zip(x, y, strict=True))
    matrix = np.stack(primaries, 1)
    if abs(np.linalg.det(matrix)) < 1e-6:
        raise ValueError(f"cHRM of {chromaticity} describes no colours")
    return matrix * np.linalg.solve(matrix, white)
