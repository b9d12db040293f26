"""The few candidates that speak for a whole archive: of every option, the best network that has it."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from nasjax.search.archive import Row
from nasjax.space import SearchSpace


class Representative(NamedTuple):
    """A candidate, and the options `(choice, option)` of which it is the best."""

    row: Row
    options: tuple[tuple[str, str], ...]


def representatives(
    rows: Sequence[Row], space: SearchSpace, *, order: Callable[[Row], Any]
) -> tuple[Representative, ...]:
    """For every open option of `space` the first of `rows` in `order` that uses it; each row once, the first one first.

    Shared weights rank networks that differ little better than options that are learnt at different speeds: comparing
    one network of each option by other means leaves no option out, with at most as many networks as there are options.
    An option that no row uses has no representative.
    """
    best = sorted(rows, key=order)
    archs = np.array([row.arch for row in best], np.int32).reshape(-1, space.num_choices)
    live = np.array([space.active(arch) for arch in archs], bool).reshape(archs.shape)
    found: dict[int, list[tuple[str, str]]] = {}
    for name in space.free:
        i = space.index(name)
        for option in space.options(name):
            having = np.flatnonzero(live[:, i] & (archs[:, i] == option))
            if having.size:
                found.setdefault(int(having[0]), []).append((name, space.choices[i].options[option]))
    return tuple(Representative(best[place], tuple(found[place])) for place in sorted(found))
