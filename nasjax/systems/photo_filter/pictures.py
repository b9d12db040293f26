"""Held-out pairs of photographs: squares that candidates are compared on, whole pictures for tables, and strips."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nasjax.apply.levels import to_levels
from nasjax.data.domains import Resized, Unpaired
from nasjax.data.embedded import credit_of
from nasjax.data.source import Cached, Source
from nasjax.data.spec import open_source
from nasjax.metrics.colour import colour_difference
from nasjax.metrics.image import Protocol, psnr, ssim
from nasjax.shown import Panel, Strip, squares
from nasjax.system import Predict

_RGB = Protocol(channel="rgb", crop=0, round_to_uint8=True)
_CACHE = 2 << 30
_MOST, _DETAIL = 4, 64  # pictures that are shown, pixels a side of their details


class Pair(NamedTuple):
    """A picture as it is and as it should be, uint8 `[h, w, 3]`; `target` is None where nobody knows."""

    name: str
    input: np.ndarray
    target: np.ndarray | None


def open_pairs(spec: str, split: str, *, size: int | None, on_bad: Any = "fail") -> Source:
    """The pairs, or two domains, of a split, their shorter side made `size` pixels. ValueError for single pictures."""
    # What is kept in memory is the small copy, not the picture beside it.
    source = open_source(spec, split, on_error=on_bad, cache_bytes=0 if size else _CACHE)
    if isinstance(source, Unpaired):
        sides = [
            side if size is None else Cached(Resized(side, size), _CACHE) for side in (source.inputs, source.targets)
        ]
        return Unpaired(*sides)
    if "target" not in source[0]:
        raise ValueError(
            f"data.source {spec!r} holds single pictures; a filter is learned from folders:BEFORE|AFTER (--a BEFORE "
            "--b AFTER), pairs:PATH, unpaired:PATH or degraded:KIND:PICTURES"
        )
    return source if size is None else Cached(Resized(source, size), _CACHE)


def held_out(source: Source, crop: tuple[int, int] | None, most: int | None = None) -> list[Pair]:
    """The pairs of a source, in order, cut to (height, width) in their middle (or less, where they are smaller)."""
    known = not isinstance(source, Unpaired)
    pairs = []
    for i in range(len(source) if most is None else min(most, len(source))):
        element = source[i]
        cut = [_middle(element[side], crop) for side in ("input", "target")]
        pairs.append(Pair(source.name(i), cut[0], cut[1] if known else None))
    return pairs


def _middle(image: np.ndarray, crop: tuple[int, int] | None) -> np.ndarray:
    if crop is None:
        return image
    top, left = (max(0, (n - c) // 2) for n, c in zip(image.shape[:2], crop, strict=True))
    return np.ascontiguousarray(image[top : top + crop[0], left : left + crop[1]])


def floats(pixels: np.ndarray) -> jax.Array:
    """Pixels 0..255 as a float batch in [-1, 1]."""
    batch = pixels if pixels.ndim == 4 else pixels[None]
    return jnp.asarray(batch, jnp.float32) / 127.5 - 1


@jax.jit
def likeness(y: jax.Array, target: jax.Array) -> dict[str, jax.Array]:
    """PSNR and SSIM of batches as if saved, and CIEDE2000, which is not rounded, `[b]` each."""
    return {"psnr": psnr(y, target, _RGB), "ssim": ssim(y, target, _RGB), "ciede2000": colour_difference(y, target)}


def strips(predicts: Mapping[str, Predict], pairs: Sequence[Pair]) -> list[Strip]:
    """Some pictures as they are, what each network makes of them, and the truth where it is known."""
    shown = []
    for pair in pairs[:_MOST]:
        x = floats(pair.input)
        made = {name: to_levels(np.asarray(predict(x))[0], deep=False) for name, predict in predicts.items()}
        panels = [Panel("input", pair.input), *(Panel(name, y) for name, y in made.items() if name != "input")]
        panels += [] if pair.target is None else [Panel("truth", pair.target)]
        truth = pair.input if pair.target is None else pair.target
        error = np.square(truth.astype(np.float32) - next(iter(made.values()))).mean(-1)
        details = squares(error, _DETAIL, 2)
        shown.append(Strip(pair.name, tuple(panels), (), details, credit_of(pair.name.partition("#")[0])))
    return shown
