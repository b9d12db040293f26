"""Exact minimisation of a sum of small tables over discrete variables, by variable elimination (min-sum).

Also called bucket elimination or non-serial dynamic programming (Dechter, Artificial Intelligence 113, 1999).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

MAX_ENTRIES = 1 << 24


class Term(NamedTuple):
    """A summand: `table[i, j, ...]` for the values of `variables`, one axis a variable; `inf` forbids."""

    variables: tuple[int, ...]
    table: Float[np.ndarray, "..."]


def minimise(sizes: Sequence[int], terms: Sequence[Term]) -> np.ndarray:
    """The assignment `int64[len(sizes)]` that minimises the sum of the terms; ties go to the lower values.

    Variable `v` takes values `0 .. sizes[v] - 1`. Raises ValueError when the variables are so entangled that a
    table of more than 2**24 entries would be needed, or when every assignment is forbidden.
    """
    todo, steps = list(terms), []
    for variable in _order(sizes, [term.variables for term in terms]):
        bucket = [term for term in todo if variable in term.variables]
        todo = [term for term in todo if variable not in term.variables]
        scope = (variable, *sorted({v for term in bucket for v in term.variables} - {variable}))
        joint = _joint(sizes, scope, bucket)
        steps.append((scope, np.argmin(joint, 0)))
        todo.append(Term(scope[1:], np.min(joint, 0)))
    if np.isinf(sum(float(term.table) for term in todo)):
        raise ValueError("every assignment is forbidden")
    best = np.zeros(len(sizes), np.int64)
    for scope, choice in reversed(steps):
        best[scope[0]] = choice[tuple(best[list(scope[1:])])]
    return best


def _order(sizes: Sequence[int], scopes: Sequence[tuple[int, ...]]) -> list[int]:
    """Greedily the variable whose elimination makes the smallest table; good on the tree-like graphs of networks."""
    near: dict[int, set[int]] = {v: {v} for v in range(len(sizes))}
    for scope in scopes:
        for v in scope:
            near[v].update(scope)
    order = []
    while near:
        best = min(near, key=lambda v: (math.prod(sizes[u] for u in near[v]), v))
        others = near.pop(best) - {best}
        for v in others:
            near[v] = (near[v] | others) - {best}
        order.append(best)
    return order


def _joint(sizes: Sequence[int], scope: tuple[int, ...], terms: Sequence[Term]) -> np.ndarray:
    shape = [sizes[v] for v in scope]
    if math.prod(shape) > MAX_ENTRIES:
        raise ValueError(f"{len(scope)} choices are too entangled: a table of {math.prod(shape):,} entries is needed")
    total = np.zeros(shape)
    for term in terms:
        axes = sorted(range(len(term.variables)), key=lambda a: scope.index(term.variables[a]))
        total += term.table.transpose(axes).reshape(
            [n if v in term.variables else 1 for v, n in zip(scope, shape, strict=True)]
        )
    return total
