"""Passes over a picture, window by window: first for what must be known of the whole, then for the output."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import numpy as np

from nasjax.apply.tiles import Tile, place_of, tiles_of
from nasjax.windows.windowed import Known, Plan, Windowed


@runtime_checkable
class Source(Protocol):
    """A picture from which windows are cut."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, filled up to what the function takes."""
        ...

    def cut(self, tile: Tile) -> list[np.ndarray]:
        """What the function is given of a window, each float32 `[1, h, w, c]`."""
        ...


class Passes(NamedTuple):
    """A function, what it is given beside a picture, and the sides that windows may have."""

    windowed: Windowed
    parameters: Any
    plan: Plan
    sides: Sequence[int]

    def is_one(self, source: Source) -> bool:
        """Whether one window holds the whole picture."""
        return max(source.size) <= self.sides[-1]

    def gather(self, source: Source, levels: int) -> Known:
        """The statistics of the first levels over the whole picture; nothing where it is one window."""
        known: dict[str, Any] = {}
        for level in range(0 if self.is_one(source) else levels):
            total: Any = None
            for tile in tiles_of(source.size, sides=self.sides, margin=self.plan.margins[level]):
                place = place_of(tile, source.size)
                sums = self.windowed.sums(level, self.parameters, source.cut(tile), place=place, known=known)
                total = sums if total is None else self.windowed.merge(total, sums)
            known |= total
        return known

    def outputs(self, source: Source, known: Known) -> Iterator[tuple[Tile, Any, Known]]:
        """Each tile with the function's result on its window, and the statistics of its core that are not known."""
        pending: tuple[Tile, Any] | None = None
        for tile in tiles_of(source.size, sides=self.sides, margin=self.plan.margins[-1]):
            window, place = source.cut(tile), place_of(tile, source.size)
            jax.block_until_ready(pending)  # two at once would take the memory of two
            made = self.windowed.output(self.parameters, window, place=place, known=known)
            if pending is not None:  # taken while the next one is computed
                yield pending[0], *pending[1]
            pending = tile, made
        if pending is not None:
            yield pending[0], *pending[1]
