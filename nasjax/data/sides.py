"""A split of pictures as its two sides, whatever it was opened from, and middles of its pictures to compare on."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from nasjax.data.domains import OneSide, Resized, Unpaired
from nasjax.data.source import Cached, OnError, Source, Subset, listed
from nasjax.data.spec import open_source

_CACHE = 2 << 30
# Pictures that a comparison of sets takes at least: a distance takes two, and the real ones have others among them.
LEAST = {"made": 2, "real": 3}


class Sides(NamedTuple):
    """A split as training draws from it, and its sides; `targets` is None for single pictures."""

    whole: Source
    inputs: Source
    targets: Source | None
    paired: bool


def open_sides(spec: str, split: str, *, size: int | None = None, on_error: OnError = "fail") -> Sides:
    """The sides of what `open_source` opens, the shorter side of each picture made `size` pixels.

    Single pictures are inputs without targets. Raises ValueError as `open_source`.
    """
    source = open_source(spec, split, on_error=on_error, cache_bytes=0 if size else _CACHE)

    def resized(source: Source) -> Source:
        return source if size is None else Cached(Resized(source, size), _CACHE)

    if isinstance(source, Unpaired):
        whole = Unpaired(resized(source.inputs), resized(source.targets))
        return Sides(whole, whole.inputs, whole.targets, False)
    source = resized(source)
    if "input" in source[0]:
        return Sides(source, OneSide(source, "input"), OneSide(source, "target"), True)
    return Sides(source, source, None, False)


def holding(sides: Sides, size: tuple[int, int], on_small: OnError) -> Sides:
    """The sides with the pictures that hold a middle, (height, width) large; of targets, those of pairs.

    ValueError naming those that do not, or, with "skip", where none is left.
    """
    inputs = large_enough(sides.inputs, size, on_small, what="held-out pictures")
    if inputs is sides.inputs:
        return sides
    assert isinstance(inputs, Subset)
    targets = sides.targets if sides.targets is None or not sides.paired else Subset(sides.targets, inputs.indices)
    return sides._replace(inputs=inputs, targets=targets)


def large_enough(source: Source, size: tuple[int, int], on_small: OnError, *, what: str) -> Source:
    """The pictures of a source that hold a middle, (height, width) large; ValueError as `holding`, which says `what`.

    Where all do, the source itself.
    """
    kept = tuple(i for i in range(len(source)) if _holds(source.size(i), size))
    if len(kept) == len(source):
        return source
    if on_small == "fail" or not kept:
        small = sorted(set(range(len(source))) - set(kept))
        named = listed([f"{source.name(i)} ({source.size(i)[0]}x{source.size(i)[1]})" for i in small])
        # With "skip", leaving them out is what was tried.
        ways = [
            "compare on smaller middles (data.test_crop, system.compare.side)",
            "enlarge the pictures (system.size)",
        ]
        ways += ["leave such out (data.on_bad skip)"] if on_small == "fail" and kept else []
        raise ValueError(
            f"{len(small)} of {len(source)} {what} are smaller than the {size[0]}x{size[1]} pixels they are "
            f"compared on: {named}; {', or '.join(ways)}"
        )
    return Subset(source, kept)


def _holds(there: tuple[int, int], wanted: tuple[int, int]) -> bool:
    return there[0] >= wanted[0] and there[1] >= wanted[1]


def middles(
    source: Source, number: int, size: tuple[int, int]
) -> tuple[tuple[str, ...], UInt8[np.ndarray, "_n _h _w 3"]]:
    """Names and middles, (height, width) large, of up to so many single pictures, spread evenly over the source.

    ValueError naming a picture that is too small.
    """
    places = spread(source, number)
    return tuple(source.name(i) for i in places), np.stack([_middle(source, i, size) for i in places])


def changed_middles(
    source: Source, number: int, size: tuple[int, int], *, window: int, change: Callable[[np.ndarray], np.ndarray]
) -> UInt8[np.ndarray, "_n _h _w 3"]:
    """The same middles of what `change` makes of what is around them: `window` pixels a side, as far as there are any.

    `change` maps `[1, h, w, 3]` to pictures of that size, and may look at all of it.
    """
    found = []
    for i in spread(source, number):
        there = source.size(i)
        seen = max(size[0], min(window, there[0])), max(size[1], min(window, there[1]))
        made = change(_middle(source, i, seen)[None])[0]
        top, left = ((n - s) // 2 - (n - w) // 2 for n, s, w in zip(there, size, seen, strict=True))
        found.append(made[top : top + size[0], left : left + size[1]])
    return np.stack(found)


def spread(source: Source, number: int) -> list[int]:
    """The places of up to so many pictures, spread evenly over the source."""
    count = min(number, len(source))
    return [i * len(source) // count for i in range(count)]


def _middle(source: Source, index: int, size: tuple[int, int]) -> np.ndarray:
    picture, (height, width) = source[index]["image"], size
    spare = [there - wanted for there, wanted in zip(picture.shape[:2], size, strict=True)]
    if min(spare) < 0:
        raise ValueError(
            f"{source.name(index)} has {picture.shape[0]}x{picture.shape[1]} pixels, less than the {height}x{width} "
            "that pictures are compared on: compare on smaller middles, or enlarge the pictures first"
        )
    top, left = (s // 2 for s in spare)
    return picture[top : top + height, left : left + width]
