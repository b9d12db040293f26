"""Problems with known answers for checking searchers: a space with conditional choices, objectives over any space."""

import math
from collections.abc import Callable

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
    """All canonical archs of the space in order, `int32[size, k]`; raises ValueError when they exceed `limit`."""
    if space.size() > limit:
        raise ValueError(f"{space.name} has {space.size()} archs, more than the limit of {limit}")
    archs = np.zeros((1, space.num_choices), np.int32)
    for i, choice in enumerate(space.choices):
        live, options = space.active(archs)[:, i], space.options(choice.name)
        grown = np.repeat(archs[live], len(options), 0)
        grown[:, i] = np.tile(options, live.sum())
        archs = np.concatenate([archs[~live], grown])
    return archs[np.lexsort(archs.T[::-1])]


def separable(space: SearchSpace, seed: int = 0) -> tuple[Evaluate, float]:
    """An objective that sums one random number an active choice, and its exact minimum."""
    table = _table(space, seed)

    def evaluate(archs: np.ndarray) -> Evaluation:
        return Evaluation(_sum(space, table, archs)[:, None], np.zeros(len(archs)))

    return evaluate, sum(_least(space, table, i) for i, c in enumerate(space.choices) if c.active is None)


def budgeted(space: SearchSpace, budget: float, seed: int = 0) -> Evaluate:
    """`epistatic` under a budget on a separable cost in [0, 1] an active choice, relative excess as violation."""
    free, price = epistatic(space, seed), _prices(space, seed)

    def evaluate(archs: np.ndarray) -> Evaluation:
        cost = _sum(space, price, archs)
        return Evaluation(free(archs).objectives, np.maximum(cost / budget - 1, 0), {"cost": cost})

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
