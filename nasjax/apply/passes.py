"""Passes over a picture, window by window: first for what must be known of the whole, then for the output."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import numpy as np

from nasjax.apply.parts import in_turn
from nasjax.apply.tiles import Tile, counting, moved, place_of, tiles_of
from nasjax.windows.windowed import Known, Place, Plan


@runtime_checkable
class Source(Protocol):
    """A picture from which windows are cut."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, filled up to what the function takes, and continued."""
        ...

    @property
    def reach(self) -> int:
        """By how many columns it is continued on either side, which count neither in statistics nor as output."""
        ...

    def cut(self, tile: Tile) -> list[np.ndarray]:
        """What the function is given of a window, each float32 `[1, h, w, c]`."""
        ...


class Programs(Protocol):
    """A function on windows, as `windows.windowed.Windowed` is one."""

    def output(
        self, parameters: Any, images: Sequence[Any], *, place: Place, known: Known
    ) -> tuple[Any, dict[str, Any]]:
        """Its result on a window, and statistics of the window's core that are not known."""
        ...

    def sums(self, level: int, parameters: Any, images: Sequence[Any], *, place: Place, known: Known) -> dict[str, Any]:
        """The core's statistics of a level."""
        ...

    def merge(self, a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
        """The statistics of two cores together."""
        ...


class Passes(NamedTuple):
    """A function, what it is given beside a picture, and the sides that windows may have.

    `exact`: windows lie inside the picture and begin at multiples of that number; 0: they may reach beyond its end.
    `lanes` windows are computed at once.
    """

    windowed: Programs
    parameters: Any
    plan: Plan
    sides: Sequence[int]
    exact: int = 0
    lanes: int = 1

    def tiles(self, size: tuple[int, int], level: int = -1) -> list[Tile]:
        """The windows of a picture for the statistics of a level, or for the output."""
        return tiles_of(size, sides=self.sides, margin=self.plan.margins[level], exact=self.exact)

    def is_one(self, source: Source) -> bool:
        """Whether one window holds the whole picture, and can tell it from what it is continued by."""
        return max(source.size) <= self.sides[-1] and not (self.exact and source.reach)

    def gather(self, source: Source, levels: int) -> Known:
        """The statistics of the first levels over the whole picture; nothing where it is one window."""
        known: dict[str, Any] = {}
        for level in range(0 if self.is_one(source) else levels):
            given, total = dict(known), None

            def measured(tile: Tile, level: int = level, given: Known = given) -> dict[str, Any]:
                place = place_of(tile, source.size)
                sums = self.windowed.sums(level, self.parameters, source.cut(tile), place=place, known=given)
                return jax.block_until_ready(sums)

            for _, sums in in_turn(measured, self._counting(source, level), at_once=self.lanes):
                total = sums if total is None else self.windowed.merge(total, sums)
            known |= total or {}
        return known

    def outputs(self, source: Source, known: Known) -> Iterator[tuple[Tile, Any, Known]]:
        """Each tile with the function's result on its window, and the statistics of its core that are not known.

        Tiles are placed in the picture itself; of one that is continued, windows may begin before its first column.
        """

        def made(tile: Tile) -> tuple[Any, Known]:
            place = place_of(tile, source.size)
            found = self.windowed.output(self.parameters, source.cut(tile), place=place, known=known)
            return jax.block_until_ready(found)

        for tile, (y, sums) in in_turn(made, self._counting(source, -1), at_once=self.lanes):
            yield moved(tile, -source.reach), y, sums

    def _counting(self, source: Source, level: int) -> list[Tile]:
        return counting(self.tiles(source.size, level), source.size, source.reach)
