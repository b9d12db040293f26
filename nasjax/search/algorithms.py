"""The search algorithms by the names that configs have for them."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from nasjax.search.aging_evolution import aging_evolution
from nasjax.search.base import Searcher
from nasjax.search.from_pymoo import from_pymoo
from nasjax.search.nsga2 import nsga2
from nasjax.search.optuna_tpe import optuna_tpe
from nasjax.search.random import random_search
from nasjax.search.reinforce import reinforce
from nasjax.space import SearchSpace

# (space, archs asked for at once, weight of each objective) -> searcher; those for one objective minimise the sum.
MakeSearcher: TypeAlias = Callable[[SearchSpace, int, tuple[float, ...]], Searcher]

ALGORITHMS: Mapping[str, MakeSearcher] = {
    "nsga2": lambda space, size, weights: nsga2(space, num_objectives=len(weights), population=size),
    "aging-evolution": lambda space, size, weights: aging_evolution(
        space, population=2 * size, batch=size, weights=weights
    ),
    "reinforce": lambda space, size, weights: reinforce(space, batch=size, weights=weights),
    "random": lambda space, size, weights: random_search(space, batch=size),
    "optuna-tpe": lambda space, size, weights: optuna_tpe(space, num_objectives=len(weights), batch=size),
    "pymoo": lambda space, size, weights: from_pymoo(space, num_objectives=len(weights), population=size),
}
