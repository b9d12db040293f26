"""Held-out pictures of a translation, and strips of them to look at."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from nasjax.apply.levels import to_floats, to_levels
from nasjax.data.embedded import credit_of
from nasjax.data.embedded_pairs import furniture_credit
from nasjax.data.sides import Sides, changed_middles, middles
from nasjax.shown import Panel, Strip, busy, squares
from nasjax.system import Predict

_MOST = 6  # pictures that are shown
_CROP = 64  # pixels a side of a detail


class Held(NamedTuple):
    """Held-out pictures: their names, their middles, and what these should become, where that is known."""

    names: tuple[str, ...]
    inputs: UInt8[np.ndarray, "n h w 3"]
    targets: UInt8[np.ndarray, "n h w 3"] | None


def held_out(
    sides: Sides,
    number: int,
    size: tuple[int, int],
    *,
    outputs: Callable[[np.ndarray], np.ndarray] | None,
    window: int = 0,
) -> Held:
    """Middles of held-out pictures and what they should become: the teacher's `outputs`, or else their pairs.

    A teacher sees `window` pixels a side, as when it teaches, if that is more: of a part alone it makes something else.
    """
    names, inputs = middles(sides.inputs, number, size)
    if outputs is not None:
        return Held(names, inputs, changed_middles(sides.inputs, number, size, window=window, change=outputs))
    targets = sides.targets if sides.paired else None
    return Held(names, inputs, None if targets is None else middles(targets, number, size)[1])


def strips(predicts: Mapping[str, Predict], held: Held, *, truth: str) -> list[Strip]:
    """Some held-out pictures: input, what each network makes of it, found last, and the truth where it is known."""
    others = [n for n in predicts if n not in ("input", "found", truth)]
    order, found = [*reversed(others), *(n for n in predicts if n == "found")], []
    for place in sorted({i * len(held.names) // _MOST for i in range(_MOST)}):
        x = to_floats(held.inputs[place])[None]
        made = tuple(Panel(name, to_levels(np.asarray(predicts[name](x))[0], deep=False)) for name in order)
        last = () if held.targets is None else (Panel(truth, held.targets[place]),)
        panels = (Panel("input", held.inputs[place]), *made, *last)
        details = squares(busy(panels[-1].pixels), _CROP, 2) if min(held.inputs.shape[1:3]) > 2 * _CROP else ()
        name = held.names[place]
        found.append(Strip(f"{place + 1} {name}".replace("/", "-"), panels, (), details, _credit(name)))
    return found


def _credit(name: str) -> str:
    try:
        return furniture_credit(name)
    except ValueError:
        return credit_of(name)
