"""Problems with known answers for checking searchers: a space with conditional choices, objectives over any space."""

import math
from collections.abc import Callable, Iterator

import numpy as np

from nasjax.search.archive import Evaluation
from nasjax.space import Choice, SearchSpace

Evaluate = Callable[[np.ndarray], Evaluation]


def block_space(num_blocks: int = 6, ops: int = 4, widths: int = 4) -> SearchSpace:
    """`num_blocks` blocks that are absent or have an operator, and then a width and an edge; three stages.

    `(1 + ops * 2 * widths) ** num_blocks` archs. Blocks, then operators, then widths are decided.
    """
    names = tuple(f"op{i}" for i in range(ops))

    def block(i: int) -> tuple[Choice, ...]:
        present = (f"b{i}", names)
        return (
            Choice(f"b{i}", ("off", *names), "operator", default=1, coarse=("path", (("off",), names))),
            Choice(f"b{i}.w", tuple(map(str, range(widths))), "channel", default=widths - 1, active=present),
            Choice(f"b{i}.edge", ("short", "long"), "path", active=present),
        )

    choices = tuple(c for i in range(num_blocks) for c in block(i))
    return SearchSpace("blocks", choices, ("path", "operator", "channel"))


def enumerate_archs(space: SearchSpace, limit: int = 100_000) -> np.ndarray:
    """All canonical archs of the space, `int32[size, k]`; raises ValueError when there are more than `limit`."""
    if space.size() > limit:
        raise ValueError(f"{space.name} has {space.size()} archs, more than the limit of {limit}")
    return np.array(list(_extend(space, ())), np.int32)


def separable(space: SearchSpace, seed: int = 0) -> tuple[Evaluate, float]:
    """An objective that sums one random number an active choice, and its exact minimum."""
    table = _table(space, seed)

    def evaluate(archs: np.ndarray) -> Evaluation:
        return Evaluation(_sum(space, table, archs)[:, None], np.zeros(len(archs)))

    return evaluate, sum(_least(space, table, i) for i, c in enumerate(space.choices) if c.active is None)


def budgeted(space: SearchSpace, budget: float, seed: int = 0) -> Evaluate:
    """`separable` under a budget on a second separable cost in [0, 1] a choice, relative excess as violation."""
    table, price = _table(space, seed), _prices(space, seed)

    def evaluate(archs: np.ndarray) -> Evaluation:
        cost = _sum(space, price, archs)
        return Evaluation(_sum(space, table, archs)[:, None], np.maximum(cost / budget - 1, 0), {"cost": cost})

    return evaluate


def epistatic(space: SearchSpace, seed: int = 0) -> Evaluate:
    """Every choice interacts with its next two neighbours by random tables, as in an NK landscape with K = 2.

    No choice can be judged alone, and inactive choices count as option 0, so switching a block on or off changes what
    its neighbours are worth. Kauffman and Levin 1987; minimised.
    """
    rng = np.random.default_rng(seed)
    k, width = space.num_choices, max(len(c.options) for c in space.choices)
    tables, own = rng.normal(size=(k, width, width, width)), np.arange(k)

    def evaluate(archs: np.ndarray) -> Evaluation:
        near, far = np.roll(archs, -1, 1), np.roll(archs, -2, 1)
        return Evaluation(tables[own, archs, near, far].mean(1)[:, None], np.zeros(len(archs)))

    return evaluate


def trade_off(space: SearchSpace, seed: int = 0) -> Evaluate:
    """Two objectives, both minimised: `epistatic`, and the separable cost of `budgeted` per choice."""
    first, price = epistatic(space, seed), _prices(space, seed)

    def evaluate(archs: np.ndarray) -> Evaluation:
        cost = _sum(space, price, archs) / space.num_choices
        return Evaluation(np.concatenate([first(archs).objectives, cost[:, None]], 1), np.zeros(len(archs)))

    return evaluate


def _table(space: SearchSpace, seed: int) -> np.ndarray:
    width = max(len(c.options) for c in space.choices)
    return np.random.default_rng(seed).uniform(-1, 1, (space.num_choices, width))


def _prices(space: SearchSpace, seed: int) -> np.ndarray:
    return np.sort(np.abs(_table(space, seed + 1000)), -1)


def _sum(space: SearchSpace, table: np.ndarray, archs: np.ndarray) -> np.ndarray:
    return np.where(space.active(archs), table[np.arange(space.num_choices), archs], 0).sum(-1)


def _least(space: SearchSpace, table: np.ndarray, i: int) -> float:
    """The smallest sum that choice `i` and all that depends on it can contribute."""
    name = space.choices[i].name
    best = math.inf
    for option in space.options(name):
        label = space.choices[i].options[option]
        children = (j for j, c in enumerate(space.choices) if c.active and c.active[0] == name and label in c.active[1])
        best = min(best, float(table[i, option]) + sum(_least(space, table, j) for j in children))
    return best


def _extend(space: SearchSpace, begun: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """All canonical archs that begin so."""
    i = len(begun)
    if i == space.num_choices:
        yield begun
        return
    choice, live = space.choices[i], True
    if choice.active is not None:
        parent = space.index(choice.active[0])
        padded = np.array(begun + (0,) * (space.num_choices - i))
        live = bool(space.active(padded)[parent]) and space.choices[parent].options[begun[parent]] in choice.active[1]
    for option in space.options(choice.name) if live else (0,):
        yield from _extend(space, (*begun, option))
