"""The contract of every search algorithm: three pure functions over integer archs.

Objectives are minimised. Constraints are passed beside them: `violation` is 0 for a feasible arch and otherwise says by
how much the budgets are exceeded, as a sum of relative excesses (0.1 = ten per cent over one budget).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from nasjax.typing import Archs, PRNGKey

State: TypeAlias = Any
Objectives: TypeAlias = Float[Array, "n m"] | Float[np.ndarray, "n m"]
Violation: TypeAlias = Float[Array, " n"] | Float[np.ndarray, " n"]


class Searcher(NamedTuple):
    """`init(key) -> state`, `ask(key, state) -> archs`, `tell(state, archs, objectives, violation) -> state`.

    States are pytrees of fixed shapes, and a searcher always proposes the same number of archs, so each function
    compiles once. Proposals are canonical and inside the space; `tell` returns the next state.
    """

    init: Callable[[PRNGKey], State]
    ask: Callable[[PRNGKey, State], Archs]
    tell: Callable[[State, Archs, Objectives, Violation], State]


def tidy(objectives: Objectives, violation: Violation, num_objectives: int) -> tuple[jax.Array, jax.Array]:
    """The two as float32, with rows that hold a non-finite number made infinitely infeasible.

    A candidate whose training diverged then loses against every other one instead of poisoning comparisons.
    Raises ValueError unless there are `num_objectives` columns.
    """
    if objectives.shape[-1] != num_objectives:
        raise ValueError(f"the searcher was made for {num_objectives} objectives, told {objectives.shape[-1]}")
    objectives, violation = jnp.asarray(objectives, jnp.float32), jnp.asarray(violation, jnp.float32)
    finite = jnp.isfinite(objectives).all(-1) & jnp.isfinite(violation)
    return jnp.where(finite[:, None], objectives, 0), jnp.where(finite, jnp.maximum(violation, 0), jnp.inf)


def scalarise(objectives: Objectives, weights: Sequence[float]) -> Float[Array, " n"]:
    """The weighted sum of the objectives, which single-objective searchers minimise; `[n, m]` -> `[n]`."""
    return jnp.sum(objectives * jnp.asarray(weights, jnp.float32)[None], -1)


def check_sizes(place: str, sizes: Mapping[str, int]) -> None:
    """Raises ValueError naming the first of the sizes that is below 1, and where it was given."""
    for name, value in sizes.items():
        if value < 1:
            raise ValueError(f"{place}: {name} must be at least 1, got {value}")
