"""Pictures made worse, as the inputs of pairs: what compression, lenses, air and cameras do to them.

Every picture of any source can be degraded by one of `KINDS`; how much is drawn from the picture's name and the number
of the variant, so that a data set is the same on every machine and in every order.
"""

import dataclasses
import functools
import io
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from nasjax.data.source import Source

_Unit = Float[np.ndarray, "h w 3"]  # levels / 255
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_BLOCK = 8  # pixels a side that JPEG transforms together


@dataclasses.dataclass(frozen=True)
class Degraded:
    """A source of pairs: "target" a picture of `source`, "input" the same picture, made worse.

    Each picture comes `variants` times, worse by different amounts. Raises ValueError for an unknown kind.
    """

    source: Source
    kind: str
    variants: int = 1

    def __post_init__(self) -> None:
        if self.kind not in KINDS or self.variants < 1:
            raise ValueError(
                f"degraded pictures: unknown kind {self.kind!r} or no variant ({self.variants}); "
                f"allowed: {', '.join(KINDS)}"
            )

    def __len__(self) -> int:
        return len(self.source) * self.variants

    def __getitem__(self, index: int) -> dict[str, Any]:
        target = self.source[index % len(self.source)]["image"]
        return {"name": self.name(index), "input": degrade(target, self.kind, self.name(index)), "target": target}

    def name(self, index: int) -> str:
        variant, i = divmod(index, len(self.source))
        return self.source.name(i) if variant == 0 else f"{self.source.name(i)}#{variant}"

    def size(self, index: int) -> tuple[int, int]:
        return self.source.size(index % len(self.source))


def degrade(image: UInt8[np.ndarray, "h w 3"], kind: str, name: str) -> UInt8[np.ndarray, "h w 3"]:
    """The picture made worse in one of `KINDS`, by an amount that `name` decides."""
    rng = np.random.default_rng((zlib.crc32(kind.encode()), zlib.crc32(name.encode())))
    worse = KINDS[kind](image.astype(np.float32) / 255, rng)
    return np.round(worse.clip(0, 1) * 255).astype(np.uint8)


def _jpeg(x: _Unit, rng: np.random.Generator) -> _Unit:
    """Compressed once with quality 8 to 50, or before that once more on a grid of blocks that has moved since."""
    first, second = rng.integers(8, 51, 2).tolist()
    if rng.random() < 0.5:
        top, left = rng.integers(0, _BLOCK, 2).tolist()
        shifted = np.pad(x, ((top, 0), (left, 0), (0, 0)), mode="symmetric")
        x = _compressed(shifted, first)[top:, left:]
    return _compressed(x, second)


def _blur(x: _Unit, rng: np.random.Generator) -> _Unit:
    """Out of focus (a disc of radius 1 to 2.5 pixels) or moved (a line of 4 to 10 pixels), with a little noise."""
    focus = rng.random() < 0.5
    kernel = _disc(rng.uniform(1.0, 2.5)) if focus else _line(rng.uniform(4, 10), rng.uniform(0, np.pi))
    return _filtered(x, kernel) + rng.normal(0, 1 / 255, x.shape).astype(np.float32)


def _haze(x: _Unit, rng: np.random.Generator) -> _Unit:
    """Air light over the scene (Koschmieder): evenly, or more where it is bright and high up, as the far mostly is."""
    light = np.float32(rng.uniform(0.75, 0.95) + rng.normal(0, 0.02, 3))
    reach = rng.uniform(0.4, 1.3)
    even = rng.random() < 0.4
    depth = np.float32(1.0) if even else _depth(x)[..., None]
    left = np.exp(-np.float32(reach) * depth)
    return x * left + light * (1 - left)


def _exposure(x: _Unit, rng: np.random.Generator) -> _Unit:
    """Too little or too much light, by 0.7 to 2 stops; what no longer fits is lost."""
    stops = rng.uniform(0.7, 2.0) * rng.choice([-1.0, 1.0])
    return from_light(to_light(x) * np.float32(2.0**stops))


def _whitebalance(x: _Unit, rng: np.random.Generator) -> _Unit:
    """The light taken for another: red against blue by up to 0.6 stops each way, green by 0.15, as bright as before."""
    warm, tint = rng.uniform(0.2, 0.6) * rng.choice([-1.0, 1.0]), rng.uniform(-0.15, 0.15)
    gains = np.float32(2.0 ** np.array([warm, tint, -warm]))
    light = to_light(x)
    before, after = (float((part @ _LUMA).mean()) for part in (light, light * gains))
    return from_light(light * gains * np.float32(before / max(after, 1e-6)))


KINDS: Mapping[str, Callable[[_Unit, np.random.Generator], _Unit]] = {
    "jpeg": _jpeg,
    "blur": _blur,
    "haze": _haze,
    "exposure": _exposure,
    "whitebalance": _whitebalance,
}


def _compressed(x: _Unit, quality: int) -> _Unit:
    file = io.BytesIO()
    Image.fromarray(np.round(x.clip(0, 1) * 255).astype(np.uint8)).save(file, "JPEG", quality=quality)
    with Image.open(file) as image:
        return np.asarray(image, np.float32) / 255


def _disc(radius: float) -> np.ndarray:
    """How much of each pixel lies in a disc, by 5x5 points a pixel."""
    reach = int(np.ceil(radius))
    points = (np.arange(5 * (2 * reach + 1)) + 0.5) / 5 - reach - 0.5
    inside = np.hypot(points[:, None], points[None]) <= radius
    return inside.reshape(2 * reach + 1, 5, 2 * reach + 1, 5).mean((1, 3))


def _line(length: float, angle: float) -> np.ndarray:
    """A straight line of a pixel's width through the middle."""
    reach = int(np.ceil(length / 2))
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    for t in np.linspace(-length / 2, length / 2, 8 * reach):
        kernel[round(t * np.sin(angle)) + reach, round(t * np.cos(angle)) + reach] += 1
    return kernel


def _filtered(x: _Unit, kernel: np.ndarray) -> _Unit:
    reach = kernel.shape[0] // 2
    padded = np.pad(x, ((reach, reach), (reach, reach), (0, 0)), mode="symmetric")
    height, width = x.shape[:2]
    taps = (kernel / kernel.sum()).astype(np.float32)
    parts = (taps[i, j] * padded[i : i + height, j : j + width] for i, j in np.argwhere(taps > 0).tolist())
    return functools.reduce(np.add, parts)


def _depth(x: _Unit) -> Float[np.ndarray, "h w"]:
    """A smooth guess, 0 to 1: brighter and higher is further."""
    height, width = x.shape[:2]
    grey = Image.fromarray(np.round((x @ _LUMA).clip(0, 1) * 255).astype(np.uint8))
    coarse = grey.resize((8, 8), Image.Resampling.BOX).resize((width, height), Image.Resampling.BICUBIC)
    high = np.linspace(1, 0, height, dtype=np.float32)[:, None]
    return (0.5 * np.asarray(coarse, np.float32) / 255 + 0.5 * high).clip(0, 1)


def to_light(x: _Unit) -> _Unit:
    """sRGB to linear light (IEC 61966-2-1)."""
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4).astype(np.float32)


def from_light(x: _Unit) -> _Unit:
    """Linear light to sRGB, clipped."""
    x = x.clip(0, 1)
    return np.where(x <= 0.0031308, x * 12.92, 1.055 * x ** (1 / 2.4) - 0.055).astype(np.float32)
