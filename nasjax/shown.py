"""What people are shown of networks: numbers with their meaning, and strips of pictures."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np


class Measure(NamedTuple):
    """One number that networks are compared in, and how it is shown."""

    name: str  # its column in the archive and in `results.json`
    label: str  # what a table calls it
    meaning: str  # one sentence
    better: Literal["higher", "lower", ""] = "lower"
    unit: str = ""
    digits: int = 3
    protocol: str = ""  # what it was measured on, without which it means nothing
    noise: float = 0.0  # differences below it say nothing, whatever few trainings show

    @property
    def sign(self) -> int:
        """-1 where higher is better: `sign * value` is to be minimised."""
        return -1 if self.better == "higher" else 1


class Panel(NamedTuple):
    """One picture of a strip, uint8 `[h, w, 3]`, and its scores by measure where they are known."""

    label: str
    pixels: np.ndarray
    scores: Mapping[str, float] = {}


class Strip(NamedTuple):
    """What one input gives, side by side: `panels` of one size, which can be compared, and others `beside` them.

    `details` are squares `[x, y, w, h]` worth enlarging.
    """

    name: str
    panels: tuple[Panel, ...]
    beside: tuple[Panel, ...] = ()
    details: tuple[tuple[int, int, int, int], ...] = ()
    credit: str = ""


def busy(image: np.ndarray) -> np.ndarray:
    """How much neighbouring pixels of `[h, w, 3]` differ, `[h, w]`: where there is something to see, or to lose."""
    grey = image.astype(np.float32).mean(-1)
    down, right = (np.abs(np.diff(grey, axis=axis, append=grey.take([-1], axis))) for axis in (0, 1))
    return down + right


def squares(weight: np.ndarray, side: int, num: int) -> tuple[tuple[int, int, int, int], ...]:
    """The squares `(x, y, w, h)` of at most `side` pixels that hold most of `weight` [h, w], apart from each other."""
    side = min(side, *weight.shape)
    sums = np.pad(weight.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    blocks = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    found = []
    for _ in range(num):
        y, x = np.unravel_index(np.argmax(blocks), blocks.shape)
        found.append((int(x), int(y), side, side))
        blocks[max(0, y - side) : y + side, max(0, x - side) : x + side] = -1
    return tuple(found)
