"""The static shape of a fair round: how many streams take each option of each choice."""

import math
from fractions import Fraction
from typing import NamedTuple

from nasjax.space import SearchSpace

MAX_SLOTS = 16


class Round(NamedTuple):
    """The static shape of a fair round: `counts[i][o]` streams take option `o` of choice `i`.

    `active[i]` streams have choice `i` at all; the others stand at its option 0, which `counts` includes.
    """

    slots: int
    active: tuple[int, ...]
    counts: tuple[tuple[int, ...], ...]


def fair_round(space: SearchSpace) -> Round:
    """The smallest round in which each allowed option of each choice can be visited equally often.

    Raises ValueError beyond 16 slots, naming the option counts that force them.
    """
    shares = _shares(space)
    options = [len(space.options(c.name)) for c in space.choices]
    slots = math.lcm(*((share / m).denominator for share, m in zip(shares, options, strict=True)))
    if slots > MAX_SLOTS:
        raise ValueError(_too_many(space, slots))
    active = tuple(int(slots * share) for share in shares)
    counts = tuple(_counts(space, i, slots, n) for i, n in enumerate(active))
    return Round(slots, active, counts)


def _shares(space: SearchSpace) -> list[Fraction]:
    """The share of a fair round's streams in which each choice is active."""
    shares: list[Fraction] = []
    for choice in space.choices:
        if choice.active is None:
            shares.append(Fraction(1))
            continue
        parent, asked = choice.active
        allowed = space.options(parent)
        hits = sum(space.option(parent, o) in allowed for o in asked)
        shares.append(shares[space.index(parent)] * Fraction(hits, len(allowed)))
    return shares


def _counts(space: SearchSpace, i: int, slots: int, active: int) -> tuple[int, ...]:
    options = space.options(space.choices[i].name)
    each = [active // len(options) if o in options else 0 for o in range(len(space.choices[i].options))]
    each[0] += slots - active
    return tuple(each)


def _too_many(space: SearchSpace, slots: int) -> str:
    free = {name: len(space.options(name)) for name in space.free}
    return (
        f"a fair round of {space.name} needs {slots} slots, more than {MAX_SLOTS}: its free choices have option counts "
        f"{free}. Pad or trim their option lists to counts with a small common multiple, search in stages "
        f"({', '.join(space.stages)}), or train with the 'uniform' or 'sandwich' sampler."
    )
