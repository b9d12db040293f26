"""Pictures of a translation: the two sides of a source, squares of held-out ones, and strips to look at."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from nasjax.config import DataConfig
from nasjax.data.domains import OneSide, Resized, Unpaired
from nasjax.data.embedded import credit_of
from nasjax.data.embedded_pairs import furniture_credit
from nasjax.data.source import Cached, Source
from nasjax.data.spec import open_source
from nasjax.shown import Panel, Strip, squares
from nasjax.system import Predict

_MOST = 6  # pictures that are shown
_CROP = 64  # pixels a side of a detail


class Sides(NamedTuple):
    """A split as training draws from it, and its sides; `targets` is None for single pictures."""

    whole: Source | Unpaired
    inputs: Source
    targets: Source | None
    paired: bool


class Held(NamedTuple):
    """Held-out pictures: their names, their middles, and what these should become, where that is known."""

    names: tuple[str, ...]
    inputs: UInt8[np.ndarray, "n h w 3"]
    targets: UInt8[np.ndarray, "n h w 3"] | None


def open_sides(data: DataConfig, split: str, size: int | None) -> Sides:
    """The pictures of a split, their shorter side made `size` pixels. Raises ValueError as `open_source`."""
    source = open_source(data.source, split, on_error=data.on_bad, cache_bytes=0 if size else 2 << 30)

    def resized(source: Source) -> Source:
        return source if size is None else Cached(Resized(source, size), 2 << 30)

    if isinstance(source, Unpaired):
        whole = Unpaired(resized(source.inputs), resized(source.targets))
        return Sides(whole, whole.inputs, whole.targets, False)
    source = resized(source)
    if "input" in source[0]:
        return Sides(source, OneSide(source, "input"), OneSide(source, "target"), True)
    return Sides(source, source, None, False)


def middles(source: Source, number: int | None, size: tuple[int, int]) -> tuple[list[str], np.ndarray]:
    """Names and middles (height, width) of so many pictures, spread evenly. ValueError naming one that is too small."""
    count = len(source) if number is None else min(number, len(source))
    places = [i * len(source) // count for i in range(count)]
    return [source.name(i) for i in places], np.stack([_middle(source, i, size) for i in places])


def held_out(
    sides: Sides,
    number: int | None,
    size: tuple[int, int],
    *,
    likeness: bool,
    outputs: Callable[[np.ndarray], np.ndarray] | None,
) -> Held:
    """Middles of held-out pictures and what they should become: the teacher's `outputs`, or else their pairs.

    Without `likeness` nothing is known of what they should become.
    """
    names, inputs = middles(sides.inputs, number, size)
    if not likeness:
        return Held(tuple(names), inputs, None)
    if outputs is not None:
        return Held(tuple(names), inputs, outputs(inputs))
    assert sides.targets is not None
    return Held(tuple(names), inputs, middles(sides.targets, number, size)[1])


def strips(predicts: Mapping[str, Predict], held: Held, *, truth: str) -> list[Strip]:
    """Some held-out pictures: input, what each network makes of it, found last, and the truth where it is known."""
    shown = [n for n in predicts if n not in ("input", "found", truth)]
    order, found = [*reversed(shown), *(n for n in predicts if n == "found")], []
    for place in sorted({i * len(held.names) // _MOST for i in range(_MOST)}):
        x = held.inputs[place][None].astype(np.float32) / 127.5 - 1
        made = tuple(Panel(name, _pixels(np.asarray(predicts[name](x))[0])) for name in order)
        last = () if held.targets is None else (Panel(truth, held.targets[place]),)
        panels = (Panel("input", held.inputs[place]), *made, *last)
        details = squares(_changes(panels[-1].pixels), _CROP, 2) if min(held.inputs.shape[1:3]) > 2 * _CROP else ()
        name = held.names[place]
        found.append(Strip(f"{place + 1} {name}".replace("/", "-"), panels, (), details, _credit(name)))
    return found


def _middle(source: Source, index: int, size: tuple[int, int]) -> np.ndarray:
    picture, (height, width) = source[index]["image"], size
    spare = [there - wanted for there, wanted in zip(picture.shape[:2], size, strict=True)]
    if min(spare) < 0:
        raise ValueError(
            f"{source.name(index)} has {picture.shape[0]}x{picture.shape[1]} pixels, less than the {height}x{width} "
            "that pictures are compared on: lower system.compare.side or data.test_crop, or set system.size"
        )
    top, left = (s // 2 for s in spare)
    return picture[top : top + height, left : left + width]


def _pixels(y: np.ndarray) -> np.ndarray:
    return np.clip(np.round((y + 1) * 127.5), 0, 255).astype(np.uint8)


def _changes(pixels: np.ndarray) -> np.ndarray:
    """Where neighbours differ, [h, w]: where there is something to see."""
    grey = pixels.astype(np.float32).mean(-1)
    down, right = (np.abs(np.diff(grey, axis=axis, append=grey.take([-1], axis))) for axis in (0, 1))
    return down + right


def _credit(name: str) -> str:
    try:
        return furniture_credit(name)
    except ValueError:
        return credit_of(name)
