"""Genetic algorithms of pymoo as searchers, by default U-NSGA-III (Seada and Deb 2016); need the extra `pymoo`."""

import copy
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from nasjax.extras import load_extra
from nasjax.search.base import Searcher, check_sizes, tidy
from nasjax.space import SearchSpace


def from_pymoo(
    space: SearchSpace, *, num_objectives: int = 2, population: int = 32, algorithm: Callable[[], Any] | None = None
) -> Searcher:
    """Proposes `population` archs a generation by the algorithm of pymoo that `algorithm()` makes, for integers.

    The open choices are its variables, the violation its constraint. A state is the algorithm, copied before it changes
    and seeded by key or generation. Raises ImportError naming the extra where pymoo is not installed.
    """
    check_sizes("from_pymoo", {"num_objectives": num_objectives, "population": population})
    opens = [np.flatnonzero(mask) for mask in space.allowed]
    free = [i for i, options in enumerate(opens) if len(options) > 1]
    sizes = np.array([len(opens[i]) for i in free])
    problem = _pymoo("core.problem").Problem(len(free), num_objectives, n_ieq_constr=1, xl=0, xu=sizes - 1, vtype=int)
    made = _unsga3(num_objectives, population) if algorithm is None else algorithm()
    start = made.setup(problem, termination=_pymoo("core.termination").NoTermination())

    def ask(key, state):
        own, rng = _copied(state, int(jax.random.bits(key)))
        found = own.ask()
        genes = [] if found is None else found.get("X").astype(int).tolist()
        genes += rng.integers(0, sizes, (population, len(free))).tolist()  # in place of what it did not find
        archs = np.tile([options[0] for options in opens], (population, 1)).astype(np.int32)
        archs[:, free] = [[opens[i][gene] for i, gene in zip(free, row, strict=True)] for row in genes[:population]]
        return space.canonical(archs)

    def tell(state, archs, objectives, violation):
        own, rng = _copied(state, state.n_iter or 0)
        values, over = map(np.asarray, tidy(objectives, violation, num_objectives))
        genes = np.stack([np.searchsorted(opens[i], archs[:, i]) for i in free], 1)
        # What an inactive choice would be is open: a block that is switched on must not begin alike each time.
        genes = np.where(space.active(archs)[:, free], genes, rng.integers(0, sizes, genes.shape))
        told = {"F": values.astype(float), "G": np.minimum(over, 1e9)[:, None].astype(float)}
        own.tell(infills=_pymoo("core.population").Population.new(X=genes, **told))
        return own

    return Searcher(lambda key: start, ask, tell)


def _copied(state: Any, seed: int) -> tuple[Any, np.random.Generator]:
    own = copy.deepcopy(state)
    own.random_state = np.random.default_rng(seed)
    return own, np.random.default_rng((seed, 1))


def _unsga3(num_objectives: int, population: int) -> Any:
    rounded = _pymoo("operators.repair.rounding").RoundingRepair()
    directions = _pymoo("util.ref_dirs").get_reference_directions
    evenly = {"n_partitions": max(population - 1, 1)} if num_objectives < 3 else {"n_points": population, "seed": 1}
    return _pymoo("algorithms.moo.unsga3").UNSGA3(
        directions("das-dennis" if num_objectives < 3 else "energy", num_objectives, **evenly),
        pop_size=population,
        sampling=_pymoo("operators.sampling.rnd").IntegerRandomSampling(),
        crossover=_pymoo("operators.crossover.ux").UX(repair=rounded),
        mutation=_pymoo("operators.mutation.pm").PM(prob=1.0, eta=3.0, vtype=float, repair=rounded),
    )


def _pymoo(module: str) -> Any:
    return load_extra(f"pymoo.{module}", "pymoo", "a searcher of pymoo")
