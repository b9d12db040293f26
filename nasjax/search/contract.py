"""What every searcher must do, as checks that raise AssertionError; run them on your own searcher, too.

A check takes a `search(space, evaluate, *, key, generations, archive) -> archive`, so that it holds for ask/tell
members (`ask_tell` makes one of them) and for drivers such as `coarse_to_fine` alike.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import jax
import numpy as np

from nasjax.search.archive import Archive, Evaluation
from nasjax.search.base import Searcher
from nasjax.search.pareto import hypervolume
from nasjax.search.problems import epistatic, separable
from nasjax.search.random import random_search
from nasjax.search.run import Evaluate, run_search
from nasjax.search.variation import structure
from nasjax.space import SearchSpace

Search: TypeAlias = Callable[..., Archive]


def ask_tell(make_searcher: Callable[[SearchSpace], Searcher]) -> Search:
    """`run_search` over the searcher that `make_searcher` makes for a space."""

    def search(space: SearchSpace, evaluate: Evaluate, *, key, generations: int, archive: Archive) -> Archive:
        return run_search(make_searcher(space), evaluate, key=key, generations=generations, archive=archive)

    return search


def check_proposals(search: Search, space: SearchSpace, evaluate: Evaluate, *, generations: int = 8) -> None:
    """Every arch proposed is canonical and allowed, none is evaluated twice a stage, and a key decides everything."""
    # The archive refuses what is no arch of the space at all; here it would let pass what only the mask excludes.
    empty = Archive(structure(space))
    first, again, other = (
        search(space, evaluate, key=jax.random.key(seed), generations=generations, archive=empty) for seed in (0, 0, 1)
    )
    archs = np.array([row.arch for row in first.rows])
    _require(len(archs) > 0, "the search evaluated nothing")
    outside = archs[~space.contains(archs)]
    _require(len(outside) == 0, f"proposed outside the mask of {space.name}: {outside[:1].tolist()}")
    _require(len({(r.stage, r.arch) for r in first.rows}) == len(archs), "an arch was evaluated twice in one stage")
    _require(first.rows == again.rows, "the same key gave another search")
    _require(first.rows != other.rows, "another key gave the same search: the key is not used")


def check_no_recompile(
    make_searcher: Callable[[SearchSpace], Searcher], space: SearchSpace, evaluate: Evaluate
) -> None:
    """One program each for `ask` and `tell` suffices: both can be traced, and every state has the type of the first.

    The type is what programs are looked up by: structure, shapes, dtypes and weak types.
    """
    searcher, key = make_searcher(space), jax.random.key(0)
    state = searcher.init(key)
    before = _types(state)
    for generation in range(4):
        archs = searcher.ask(jax.random.fold_in(key, generation), state)
        told = (state, np.asarray(archs), *(np.asarray(a, np.float32) for a in evaluate(np.asarray(archs))[:2]))
        _require(_traced(searcher.ask, key, state) == _types(archs), "`ask` proposes another number when traced")
        _require(_traced(searcher.tell, *told) == before, "`tell` returns another type of state when traced")
        state = searcher.tell(*told)
        _require(_types(state) == before, f"the state changed from {before} to {_types(state)}")


def check_optimum(search: Search, space: SearchSpace, *, generations: int, seeds: Sequence[int] = (0, 1, 2)) -> None:
    """The exact optimum of a separable objective is found from every seed."""
    for seed in seeds:
        evaluate, optimum = separable(space, seed)
        archive = search(space, evaluate, key=jax.random.key(seed), generations=generations, archive=Archive(space))
        found = min(row.objectives[0] for row in archive.rows)
        _require(abs(found - optimum) < 1e-4, f"seed {seed}: found {found}, the optimum is {optimum}")


def check_beats_random(
    search: Search,
    space: SearchSpace,
    *,
    generations: int,
    problem: Callable[[SearchSpace, int], Evaluate] = epistatic,
    reference: Sequence[float] = (1.0,),
    seeds: Sequence[int] = (0, 1, 2, 3),
) -> None:
    """On a harder problem the feasible hypervolume is larger than random search's: in the mean and in 3/4 of the seeds.

    Random search without repetition receives as many evaluations. `problem(space, seed)` makes the evaluator;
    `reference` bounds its objectives from above (for one objective the hypervolume is the distance to it).
    """
    volumes = []
    for seed in seeds:
        evaluate, key = problem(space, seed), jax.random.key(seed)
        found = search(space, evaluate, key=key, generations=generations, archive=Archive(space))
        rounds = -(-len(found.rows) // 32)
        chance = ask_tell(random_search)(space, evaluate, key=key, generations=rounds, archive=Archive(space))
        volumes.append((_reached(found, reference), _reached(chance, reference)))
    ours, theirs = np.array(volumes).T
    better = ours.mean() > theirs.mean() and np.mean(ours > theirs) >= 0.75
    _require(bool(better), f"hypervolumes {ours.round(4)}, by random search {theirs.round(4)}")


def check_resume(
    search: Search, space: SearchSpace, evaluate: Evaluate, *, folder: Path, generations: int = 8, stops: int = 3
) -> None:
    """Interrupted again and again and resumed from the saved archive: the archive of the uninterrupted search.

    Nothing that was saved is evaluated again. `folder` receives two archives.
    """
    key = jax.random.key(3)
    whole = search(space, evaluate, key=key, generations=generations, archive=Archive.open(folder / "whole.csv", space))
    path, evaluated = folder / "stopped.csv", []
    for calls in (*range(1, stops + 1), 10**9):
        stopping = _stopping(evaluate, calls, evaluated)
        try:
            search(space, stopping, key=key, generations=generations, archive=Archive.open(path, space))
        except KeyboardInterrupt:
            continue
    _require(Archive.open(path, space).rows == whole.rows, "the resumed search has another archive")
    _require(len(evaluated) == len(whole.rows), f"{len(evaluated)} evaluations for {len(whole.rows)} archs")
    _require(path.read_bytes() == (folder / "whole.csv").read_bytes(), "the saved files differ")


def _stopping(evaluate: Evaluate, calls: int, evaluated: list) -> Evaluate:
    """The evaluator, interrupted at its call number `calls` + 1; archs evaluated until then are noted."""
    left = iter(range(calls))

    def stopping(archs: np.ndarray) -> Evaluation | tuple:
        if next(left, None) is None:
            raise KeyboardInterrupt
        evaluated.extend(map(tuple, archs))
        return evaluate(archs)

    return stopping


def _traced(function: Callable[..., Any], *args: Any) -> Any:
    """The types that the function returns when it knows only the types of its arguments."""
    return jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype, leaf.weak_type), jax.eval_shape(function, *args))


def _types(values: Any) -> Any:
    avals = jax.tree.map(lambda leaf: jax.typeof(jax.numpy.asarray(leaf)), values)
    return jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype, leaf.weak_type), avals)


def _reached(archive: Archive, reference: Sequence[float]) -> float:
    feasible = [row.objectives for row in archive.rows if row.violation <= 0]
    return hypervolume(np.array(feasible).reshape(-1, len(reference)), reference)


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)
