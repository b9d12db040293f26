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
from nasjax.space import SearchSpace

Search: TypeAlias = Callable[..., Archive]


def ask_tell(make_searcher: Callable[[SearchSpace], Searcher]) -> Search:
    """`run_search` over the searcher that `make_searcher` makes for a space."""

    def search(space: SearchSpace, evaluate: Evaluate, *, key, generations: int, archive: Archive) -> Archive:
        return run_search(make_searcher(space), evaluate, key=key, generations=generations, archive=archive)

    return search


def check_proposals(search: Search, space: SearchSpace, evaluate: Evaluate, *, generations: int = 8) -> None:
    """Every arch proposed is canonical and allowed, none is evaluated twice a stage, and a key decides everything."""
    key = jax.random.key(0)
    first = search(space, evaluate, key=key, generations=generations, archive=Archive(space))
    archs = np.array([row.arch for row in first.rows])
    _require(len(archs) > 0, "the search evaluated nothing")
    _require(bool(space.contains(archs).all()), f"proposed outside {space.name}: {archs[~space.contains(archs)][:3]}")
    _require(len({(r.stage, r.arch) for r in first.rows}) == len(archs), "an arch was evaluated twice in one stage")
    again = search(space, evaluate, key=key, generations=generations, archive=Archive(space))
    _require(first.rows == again.rows, "the same key gave another search")
    other = search(space, evaluate, key=jax.random.key(1), generations=generations, archive=Archive(space))
    _require(first.rows != other.rows, "another key gave the same search: the key is not used")


def check_no_recompile(
    make_searcher: Callable[[SearchSpace], Searcher], space: SearchSpace, evaluate: Evaluate
) -> None:
    """`ask` and `tell` are traced once each, and states keep their structure, shapes and dtypes."""
    searcher = make_searcher(space)
    traces = {"ask": 0, "tell": 0}
    ask, tell = _counted(searcher.ask, "ask", traces), _counted(searcher.tell, "tell", traces)
    state = searcher.init(jax.random.key(0))
    before = _shapes(state)
    for generation in range(4):
        archs = np.asarray(ask(jax.random.key(generation), state))
        objectives, violation = evaluate(archs)[:2]
        state = tell(state, archs, np.asarray(objectives, np.float32), np.asarray(violation, np.float32))
        _require(_shapes(state) == before, f"the state changed from {before} to {_shapes(state)}")
    _require(traces == {"ask": 1, "tell": 1}, f"traced more than once in four generations: {traces}")


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
    """On a harder problem the feasible hypervolume is larger than random search's from every seed.

    Random search without repetition receives as many evaluations. `problem(space, seed)` makes the evaluator;
    `reference` bounds its objectives from above (for one objective the hypervolume is the distance to it).
    """
    for seed in seeds:
        evaluate, key = problem(space, seed), jax.random.key(seed)
        found = search(space, evaluate, key=key, generations=generations, archive=Archive(space))
        rounds = -(-len(found.rows) // 32)
        chance = ask_tell(random_search)(space, evaluate, key=key, generations=rounds, archive=Archive(space))
        ours, theirs = _reached(found, reference), _reached(chance, reference)
        _require(ours > theirs, f"seed {seed}: hypervolume {ours}, random search {theirs} with {len(found.rows)} archs")


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


def _counted(function: Callable[..., Any], name: str, traces: dict[str, int]) -> Callable[..., Any]:
    def traced(*args):
        traces[name] += 1
        return function(*args)

    return jax.jit(traced)


def _shapes(state: Any) -> Any:
    return jax.tree.map(lambda leaf: (leaf.shape, str(leaf.dtype)), state)


def _reached(archive: Archive, reference: Sequence[float]) -> float:
    feasible = [row.objectives for row in archive.rows if row.violation <= 0]
    return hypervolume(np.array(feasible).reshape(-1, len(reference)), reference)


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)
