"""The loop of every search: ask, evaluate what is new, tell. The evaluator is an argument."""

from collections.abc import Callable
from typing import TypeAlias

import jax
import numpy as np

from nasjax.say import sizes
from nasjax.search.archive import Archive, Evaluation
from nasjax.search.base import Objectives, Searcher, Violation
from nasjax.typing import PRNGKey

# evaluate(archs int32[n, k]) -> Evaluation, or the tuple (objectives[n, m], violation[n])
Evaluate: TypeAlias = Callable[[np.ndarray], Evaluation | tuple[Objectives, Violation]]


def run_search(
    searcher: Searcher,
    evaluate: Evaluate,
    *,
    key: PRNGKey,
    generations: int,
    archive: Archive,
    chunk: int | None = None,
    on_generation: Callable[[int, Archive], None] | None = None,
) -> Archive:
    """Runs `generations` rounds of `searcher` and returns the archive, saved after every call of `evaluate`.

    Archs that the archive's stage holds already are not evaluated again. With `chunk`, `evaluate` always receives
    exactly that many archs (the last call of a generation is filled up by repeating its last arch; what it says about
    the repetitions is dropped), so an evaluator compiled for one population size never recompiles, and a
    killed search loses at most one chunk. Without, it receives all the new archs of a generation at once.

    Resuming: call again with the same arguments and `archive = Archive.open(path, space).at(stage)`. The search
    replays: generation g draws from `fold_in(key, g + 1)` alone and scores come from the archive, so the searcher's
    state, its next proposals and the final archive are those of the uninterrupted run. `on_generation(g, archive)` is
    called after each generation, on resuming from the last recorded one on.
    """
    recorded = max((row.generation for row in archive.stage_rows), default=-1)
    state = searcher.init(jax.random.fold_in(key, 0))
    for generation in range(generations):
        archs = np.asarray(searcher.ask(jax.random.fold_in(key, generation + 1), state))
        archive = _evaluate(evaluate, archs, archive, generation, chunk)
        state = searcher.tell(state, archs, *archive.lookup(archs))
        if on_generation is not None and generation >= recorded:
            on_generation(generation, archive)
    return archive


def _evaluate(evaluate: Evaluate, archs: np.ndarray, archive: Archive, generation: int, chunk: int | None) -> Archive:
    new = archive.unseen(archs)
    size = chunk or max(len(new), 1)
    for start in range(0, len(new), size):
        part = new[start : start + size]
        found = _call(evaluate, part, size)
        archive = archive.add(part, found, generation)
        if found.more is not None:
            archive = _with_more(archive, np.asarray(found.more[0]), found.more[1], generation)
        archive.save()
    return archive


def _with_more(archive: Archive, archs: np.ndarray, told: Evaluation, generation: int) -> Archive:
    """Archs that nobody asked for are candidates like others, unless they are known."""
    new = np.array([len(archive.unseen(arch[None])) > 0 for arch in archs], bool)
    columns = {name: np.asarray(values)[new] for name, values in told.columns.items()}
    fresh = Evaluation(np.asarray(told.objectives)[new], np.asarray(told.violation)[new], columns)
    return archive.add(archs[new], fresh, generation) if new.any() else archive


def _call(evaluate: Evaluate, archs: np.ndarray, size: int) -> Evaluation:
    """Evaluates `archs` as a batch of exactly `size`."""
    n = len(archs)
    returned = evaluate(np.concatenate([archs, np.repeat(archs[-1:], size - n, 0)]))
    result = returned if isinstance(returned, Evaluation) else Evaluation(returned[0], returned[1])
    arrays = [np.asarray(a) for a in (result.objectives, result.violation, *result.columns.values())]
    if wrong := [sizes(a.shape) for a in arrays if a.shape[:1] != (size,)]:
        raise ValueError(f"evaluate was given {size} archs and must return as many rows, got an array of {wrong[0]}")
    objectives, violation, *columns = [a[:n] for a in arrays]
    return Evaluation(objectives, violation, dict(zip(result.columns, columns, strict=True)), result.more)
