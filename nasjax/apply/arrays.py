"""Images as plain arrays: which shapes, types and ranges are taken, and how they hold opacity."""

import math
import os
from typing import Any

import numpy as np
from jaxtyping import Float

_FAR = 2.0  # what no picture in [-1, 1] comes near to, and nearly every one of 0..255 or 0..65535 exceeds
_SHAPES = "an image [h, w], [h, w, 3] or [h, w, 4], or a batch [b, h, w, 3] or [b, h, w, 4]"


def as_array(image: Any, what: str) -> np.ndarray:
    """The array that an image is; ValueError, which begins with `what`, for what is none, such as a file's name."""
    array = np.asarray(image)
    if array.dtype.kind in "OSU":
        name = f"{str(image)!r}; open a file first, with PIL.Image.open" if isinstance(image, str | os.PathLike) else ""
        raise ValueError(f"{what}: expected an opened Pillow picture or an array, got {name or type(image).__name__}")
    return array


def check_array(array: np.ndarray) -> None:
    """Raise ValueError for an array of another shape, type or range than images have."""
    if array.ndim not in (2, 3, 4) or 0 in array.shape or (array.ndim > 2 and array.shape[-1] not in (3, 4)):
        raise ValueError(f"upscale: expected {_SHAPES}, got the shape {array.shape}")
    if array.dtype in (np.uint8, np.uint16):
        return
    if not np.issubdtype(array.dtype, np.floating):
        raise ValueError(f"upscale: expected uint8, uint16 or float in [-1, 1], got {array.dtype}")
    check_floats(array[..., :3] if array.ndim > 2 else array, "upscale")
    if array.ndim > 2 and array.shape[-1] == 4:
        _check_range(array[..., 3], (0, 1), "upscale: expected opacity, the fourth channel, in [0, 1]", " there")


def check_floats(values: np.ndarray, what: str) -> None:
    """Raise ValueError, which begins with `what`, for floats that no picture in [-1, 1] has, NaN among them."""
    more = "; levels 0..255 are given as uint8, or as x / 127.5 - 1"
    _check_range(values, (-_FAR, _FAR), f"{what}: expected floats in [-1, 1]", more)


def opacity_of(pixels: np.ndarray) -> Float[np.ndarray, "h w"] | None:
    """The opacity of an image `[h, w, c]`, in [0, 1], where it has a fourth channel."""
    if pixels.shape[-1] < 4:
        return None
    alpha = pixels[..., 3].astype(np.float32)
    return alpha if np.issubdtype(pixels.dtype, np.floating) else alpha / np.float32(np.iinfo(pixels.dtype).max)


def as_opacity(alpha: Float[np.ndarray, "h w"], dtype: np.dtype) -> np.ndarray:
    """Opacity as the fourth channel of an image of a type holds it."""
    return alpha if np.issubdtype(dtype, np.floating) else np.round(alpha * np.float32(np.iinfo(dtype).max))


def _check_range(values: np.ndarray, limits: tuple[float, float], expected: str, more: str) -> None:
    least, most = float(values.min()), float(values.max())
    if math.isnan(least):
        raise ValueError(f"{expected}, got NaN among them")
    if least < limits[0] or most > limits[1]:
        raise ValueError(f"{expected}, got {least:.4g}..{most:.4g}{more}")
