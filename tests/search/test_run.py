"""The search loop: what evaluators receive, and that a killed search goes on as if nothing had happened."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from nasjax.search.archive import Archive, Evaluation
from nasjax.search.base import Searcher
from nasjax.search.problems import block_space, budgeted
from nasjax.search.random import random_search
from nasjax.search.run import run_search

SPACE = block_space(3)
EVALUATE = budgeted(SPACE, 3.0)
KEY = jax.random.key(5)
# The parent's half is in `test_killed_and_resumed`; slow enough to be killed in the middle.
CHILD = """
import sys, time, jax
from nasjax.search.archive import Archive
from nasjax.search.problems import block_space, budgeted
from nasjax.search.random import random_search
from nasjax.search.run import run_search

space = block_space(3)
evaluate = budgeted(space, 3.0)

def slow(archs):
    time.sleep(0.01)
    return evaluate(archs)

archive = Archive.open(sys.argv[1], space)
run_search(random_search(space, batch=8), slow, key=jax.random.key(5), generations=400, archive=archive, chunk=3)
"""


def _search(archive: Archive, generations: int = 4, **settings) -> Archive:
    searcher = random_search(SPACE, batch=8)
    return run_search(searcher, EVALUATE, key=KEY, generations=generations, archive=archive, **settings)


def _repeating(archs: np.ndarray) -> Searcher:
    """Always proposes the same archs; its state counts how often it was told."""
    return Searcher(lambda key: 0, lambda key, state: archs, lambda state, *told: state + 1)


def test_repeated_archs_are_not_evaluated_again():
    """Neither within a proposal nor in a later generation; `tell` still receives a row for each."""
    archs = np.asarray(random_search(SPACE, batch=4).ask(KEY, random_search(SPACE, batch=4).init(KEY)))[[0, 1, 0, 2]]
    received, told = [], []

    def evaluate(new):
        received.append(new)
        return EVALUATE(new)

    searcher = _repeating(archs)._replace(tell=lambda state, *arrays: told.append(arrays))
    archive = run_search(searcher, evaluate, key=KEY, generations=3, archive=Archive(SPACE))
    assert [r.tolist() for r in received] == [archs[[0, 1, 3]].tolist()]
    assert len(archive.rows) == 3 and {r.generation for r in archive.rows} == {0}
    for arrays in told:
        expected = EVALUATE(archs)
        assert np.array_equal(arrays[0], archs)
        assert np.array_equal(arrays[1], np.float32(expected.objectives))
        assert np.array_equal(arrays[2], np.float32(expected.violation))


def test_chunks_have_one_size():
    """An evaluator receives exactly `chunk` archs whatever is new, and what it says about the filling is dropped."""
    sizes = []

    def evaluate(archs):
        sizes.append(len(archs))
        return EVALUATE(archs)

    searcher = random_search(SPACE, batch=8)
    archive = run_search(searcher, evaluate, key=KEY, generations=4, archive=Archive(SPACE), chunk=5)
    assert sizes == [5] * 8
    assert archive.rows == _search(Archive(SPACE)).rows


def test_a_pair_will_do():
    """An evaluator may return just objectives and violation."""
    archive = run_search(
        random_search(SPACE, batch=8), lambda a: EVALUATE(a)[:2], key=KEY, generations=4, archive=Archive(SPACE)
    )
    assert [r.objectives for r in archive.rows] == [r.objectives for r in _search(Archive(SPACE)).rows]


def test_wrong_number_of_rows():
    """An evaluator that loses a row is told so."""
    with pytest.raises(ValueError, match=r"was given 8 archs and must return as many rows, got an array of 7x1"):
        run_search(
            random_search(SPACE, batch=8),
            lambda archs: Evaluation(*(v[1:] for v in EVALUATE(archs)[:2])),
            key=KEY,
            generations=1,
            archive=Archive(SPACE),
        )


def test_longer_searches_begin_alike():
    """Randomness is by generation: more generations do not change the first ones."""
    short, long = _search(Archive(SPACE), 2), _search(Archive(SPACE), 5)
    assert long.rows[: len(short.rows)] == short.rows


def test_on_generation_follows_the_search(tmp_path):
    """Called after each generation, and on resuming from the last recorded one on."""
    seen = []

    def on_generation(generation, archive):
        seen.append((generation, len(archive.rows)))
        assert Archive.open(archive.path, SPACE).rows == archive.rows, "saved before it is announced"

    _search(Archive(SPACE, tmp_path / "a.csv"), 3, on_generation=on_generation)
    assert seen == [(0, 8), (1, 16), (2, 24)]
    seen.clear()
    _search(Archive.open(tmp_path / "a.csv", SPACE), 5, on_generation=on_generation)
    assert seen == [(2, 24), (3, 32), (4, 40)]


def test_killed_and_resumed(tmp_path):
    """SIGKILL at any moment leaves a whole file; resumed, the search ends with the uninterrupted archive."""
    path = tmp_path / "archive.csv"
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "JAX_PLATFORMS": "cpu"}
    with subprocess.Popen([sys.executable, "-c", CHILD, str(path)], cwd=root, env=environment) as child:
        deadline = time.monotonic() + 120
        while not path.exists() and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.3)
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL, "the search ended before it could be killed"
    begun = Archive.open(path, SPACE)
    generations = begun.rows[-1].generation + 3
    assert _search(begun, generations, chunk=3).rows == _search(Archive(SPACE), generations).rows
    assert len(begun.rows) >= 3


def test_what_was_evaluated_beside_is_a_candidate_too(tmp_path):
    """Recorded once, in its generation; and a search that goes on from the archive asks and tells the same."""
    beside = SPACE.canonical(np.zeros((1, SPACE.num_choices), np.int32))

    def evaluate(archs):
        return EVALUATE(archs)._replace(more=(beside, EVALUATE(beside)))

    def search(path, generations):
        archive = Archive.open(path, SPACE, say=None)
        return run_search(
            random_search(SPACE, batch=3), evaluate, key=KEY, generations=generations, archive=archive, chunk=3
        )

    whole = search(tmp_path / "whole.csv", 4)
    assert [r.arch == tuple(beside[0].tolist()) for r in whole.rows].count(True) == 1 and len(whole.rows) == 13
    search(tmp_path / "parts.csv", 2)
    assert search(tmp_path / "parts.csv", 4).rows == whole.rows
    assert (tmp_path / "parts.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
