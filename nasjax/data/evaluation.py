"""What a network is judged on: whole pictures with their low resolution, and a fixed stack of textured patches."""

from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from nasjax.data.source import OnError, Source, at_least
from nasjax.ops.resize import imresize_reference

_CANDIDATES = 24
_SEED = 20210419


class EvalImage(NamedTuple):
    """A picture to restore: `lr` is `hr` reduced by the scale of the set it belongs to."""

    name: str
    hr: UInt8[np.ndarray, "H W 3"]
    lr: UInt8[np.ndarray, "h w 3"]


def eval_images(source: Source, scale: int, *, on_small: OnError = "fail") -> list[EvalImage]:
    """All pictures of a source with their low resolution by MATLAB's bicubic.

    Pictures are cropped at the bottom and right to a multiple of the scale. One that is smaller is a ValueError, or
    left out (`at_least`).
    """
    if scale < 1:
        raise ValueError(f"eval_images: scale must be an integer >= 1, got {scale}")
    source = at_least(source, scale, on_small)
    images = []
    for i in range(len(source)):
        hr = source[i]["image"]
        hr = hr[: hr.shape[0] // scale * scale, : hr.shape[1] // scale * scale]
        images.append(EvalImage(source.name(i), hr, imresize_reference(hr, 1 / scale)))
    return images


def validation_patches(
    source: Source, patch: int, num: int, *, on_small: OnError = "fail"
) -> UInt8[np.ndarray, "num patch patch 3"]:
    """`num` patches for comparing candidates at one static shape; the same every time for the same source.

    The pictures give equally many, as far as `num` divides. Each picture gives, of 24 (or twice the number wanted)
    places at random under a fixed seed, those with the largest mean squared difference of neighbouring pixels: flat
    sky tells no two networks apart. So scores on them are for ranking; they lie below those of whole pictures.
    """
    if num < 1:
        raise ValueError(f"validation_patches: num must be positive, got {num}")
    source = at_least(source, patch, on_small)
    wanted = [len(range(i, num, len(source))) for i in range(len(source))]
    chosen = [_textured(source[i]["image"], patch, count=count, index=i) for i, count in enumerate(wanted) if count]
    # Round robin: the first n patches come from n pictures, so that a shorter stack is still varied.
    return np.stack([stack[k] for k in range(max(wanted)) for stack in chosen if k < len(stack)])


def _textured(image: np.ndarray, patch: int, *, count: int, index: int) -> list[np.ndarray]:
    """The `count` most textured of random patches, best first; those that overlap a better one by half come last."""
    height, width = image.shape[:2]
    rng = np.random.default_rng((_SEED, index))
    places = rng.random((max(_CANDIDATES, 2 * count), 2)) * (height - patch + 1, width - patch + 1)
    corners = places.astype(int)
    cuts = [image[y : y + patch, x : x + patch] for y, x in corners]
    apart: list[int] = []
    near: list[int] = []
    for i in np.argsort([-_texture(cut) for cut in cuts], kind="stable"):
        is_near = any(np.abs(corners[i] - corners[j]).max() < patch // 2 for j in apart)
        (near if is_near else apart).append(int(i))
    return [cuts[i] for i in (apart + near)[:count]]


def _texture(image: np.ndarray) -> float:
    grey = image.astype(np.float32).mean(axis=-1)
    return sum(float(np.square(np.diff(grey, axis=axis)).mean()) for axis in (0, 1) if grey.shape[axis] > 1)
