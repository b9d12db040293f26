"""The contract of `nasjax.search.contract` over a table of members: a new searcher is a new row."""

from typing import NamedTuple

import jax
import numpy as np
import pytest

from nasjax.search.aging_evolution import aging_evolution
from nasjax.search.archive import Archive
from nasjax.search.base import Searcher
from nasjax.search.coarse_to_fine import coarse_to_fine
from nasjax.search.contract import (
    Search,
    ask_tell,
    check_beats_random,
    check_no_recompile,
    check_optimum,
    check_proposals,
    check_resume,
)
from nasjax.search.from_pymoo import from_pymoo
from nasjax.search.nsga2 import nsga2
from nasjax.search.optuna_tpe import optuna_tpe
from nasjax.search.problems import block_space, budgeted, epistatic, separable, trade_off
from nasjax.search.random import random_search
from nasjax.search.reinforce import reinforce
from nasjax.search.run import run_search
from nasjax.space import SearchSpace

STAGES = ("path", "operator", "channel")
BLOCKS = block_space(4)
# Masked spaces have the same programs as the whole one, so that the tests compile each searcher once.
SMALL = BLOCKS.restrict({"b2": ["off"], "b3": ["off"]})
# All blocks present: the greedy split of coarse to fine loses nothing on a separable objective.
PRESENT = BLOCKS.restrict({f"b{i}": [f"op{j}" for j in range(4)] for i in range(4)})


def _random(space: SearchSpace) -> Searcher:
    return random_search(space, batch=32)


def _aging(space: SearchSpace) -> Searcher:
    return aging_evolution(space, population=48, batch=16)


def _nsga2(space: SearchSpace) -> Searcher:
    return nsga2(space, num_objectives=1, population=32)


def _nsga2_of_two(space: SearchSpace) -> Searcher:
    return nsga2(space, num_objectives=2, population=32)


def _reinforce(space: SearchSpace) -> Searcher:
    return reinforce(space, batch=32)


def _pymoo(space: SearchSpace) -> Searcher:
    return from_pymoo(space, num_objectives=1)


def _pymoo_of_two(space: SearchSpace) -> Searcher:
    return from_pymoo(space, num_objectives=2)


def _optuna(space: SearchSpace) -> Searcher:
    return optuna_tpe(space, batch=8)


def _stages(space: SearchSpace, evaluate, *, key, generations: int, archive: Archive) -> Archive:
    """`coarse_to_fine` over NSGA-II, a third of the generations a stage."""

    def search_stage(stage: str, narrowed: SearchSpace, archive: Archive) -> Archive:
        own = jax.random.fold_in(key, STAGES.index(stage))
        return run_search(_nsga2(narrowed), evaluate, key=own, generations=generations // 3, archive=archive)

    return coarse_to_fine(space, search_stage, archive=archive)[0]


class Member(NamedTuple):
    """A searcher or a driver, and where its optimum is looked for: the space, and generations enough for every seed.

    `make` is None where nothing is compiled. Within `harder` generations it beats random search on harder problems.
    """

    search: Search
    make: object
    space: SearchSpace
    generations: int
    harder: int = 14


MEMBERS = {
    # Random search can only enumerate: 1089 archs, 32 a generation.
    "random": Member(ask_tell(_random), _random, SMALL, 48),
    "aging_evolution": Member(ask_tell(_aging), _aging, BLOCKS, 40),
    "nsga2": Member(ask_tell(_nsga2), _nsga2, BLOCKS, 20),
    "reinforce": Member(ask_tell(_reinforce), _reinforce, BLOCKS, 40),
    "coarse_to_fine": Member(_stages, None, PRESENT, 24),
    "pymoo": Member(ask_tell(_pymoo), None, SMALL, 12, 12),
    # Each proposal is a fit to all that was told: few of them, where there is less to find.
    "optuna_tpe": Member(ask_tell(_optuna), None, SMALL, 10, 10),
}
ALL = pytest.mark.parametrize("member", MEMBERS.values(), ids=MEMBERS)
# The budget stands for a constrained problem: about one random arch in five is feasible.
PROBLEMS = {"free": lambda s, seed: separable(s, seed)[0], "constrained": lambda s, seed: budgeted(s, 4.0, seed)}


@ALL
@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_proposals(member, problem):
    """Proposals are canonical, allowed, never evaluated twice, and decided by the key, with and without constraints."""
    check_proposals(member.search, BLOCKS, problem(BLOCKS, 0))


@ALL
def test_proposals_under_a_mask(member):
    """Options outside the mask are never proposed."""
    space = BLOCKS.restrict({"b0": ["off", "op2"], "b1": ["op1"], "b2.w": ["1", "3"], "b3.edge": ["long"]})
    check_proposals(member.search, space, epistatic(BLOCKS))


@pytest.mark.parametrize("name", [name for name, member in MEMBERS.items() if member.make])
def test_no_recompile(name):
    """`ask` and `tell` need one program each, whatever was told."""
    check_no_recompile(MEMBERS[name].make, BLOCKS, separable(BLOCKS)[0])


@ALL
def test_optimum(member):
    """The optimum of a separable objective is found, from three seeds."""
    check_optimum(member.search, member.space, generations=member.generations)


@pytest.mark.parametrize("name", [name for name in MEMBERS if name != "random"])
def test_beats_random(name):
    """On an epistatic objective over conditional choices the best arch is better than random search's."""
    check_beats_random(MEMBERS[name].search, BLOCKS, generations=MEMBERS[name].harder)


@pytest.mark.parametrize("name", [name for name in MEMBERS if name != "random"])
def test_beats_random_under_a_budget(name):
    """So it is for the best feasible arch, where few are feasible."""
    search, generations = MEMBERS[name].search, MEMBERS[name].harder
    check_beats_random(search, BLOCKS, generations=generations, problem=lambda s, seed: budgeted(s, 3.0, seed))


@pytest.mark.parametrize("make, generations", [(_nsga2_of_two, 14), (_pymoo_of_two, 20)], ids=["nsga2", "pymoo"])
def test_beats_random_on_two_objectives(make, generations):
    """The hypervolume spanned between an epistatic objective and a cost is larger than random search's."""
    check_beats_random(ask_tell(make), BLOCKS, generations=generations, problem=trade_off, reference=(1.0, 1.0))


@ALL
def test_resume(member, tmp_path):
    """A search interrupted three times resumes to the archive of the uninterrupted one."""
    check_resume(member.search, BLOCKS, budgeted(BLOCKS, 4.0), folder=tmp_path, generations=9)


def _broken(space: SearchSpace) -> Searcher:
    """Proposes what the space does not contain: every choice at its last option, active or not."""
    last = np.array([[len(c.options) - 1 for c in space.choices]] * 4, np.int32)
    return _random(space)._replace(ask=lambda key, state: last)


def _keyless(space: SearchSpace) -> Searcher:
    return _random(space)._replace(ask=lambda key, state: _random(space).ask(jax.random.key(0), state))


def _contrary(space: SearchSpace) -> Searcher:
    """Maximises what it should minimise."""
    member = _nsga2(space)
    return member._replace(tell=lambda state, archs, told, violation: member.tell(state, archs, -told, violation))


def _growing(space: SearchSpace) -> Searcher:
    """Keeps everything it was told: the shapes of its state change."""
    member = _random(space)
    grow = lambda state, archs, *rest: jax.numpy.concatenate([state, archs])  # noqa: E731
    first = np.zeros((1, space.num_choices), np.int32)
    return Searcher(lambda key: first, lambda key, state: member.ask(key, member.init(key)), grow)


def test_the_contract_rejects_what_breaks_it(tmp_path):
    """Each check fails on a searcher or evaluator that breaks what it checks."""
    evaluate = separable(BLOCKS)[0]
    masked = BLOCKS.restrict({"b0": ["off"]})
    with pytest.raises(AssertionError, match="proposed outside"):
        check_proposals(ask_tell(_broken), masked, evaluate)
    with pytest.raises(AssertionError, match="key is not used"):
        check_proposals(ask_tell(_keyless), BLOCKS, evaluate)
    with pytest.raises(AssertionError, match="another type of state"):
        check_no_recompile(_growing, BLOCKS, evaluate)
    with pytest.raises(AssertionError, match="the optimum is"):
        check_optimum(ask_tell(_random), BLOCKS, generations=2)
    with pytest.raises(AssertionError, match="random search"):
        check_beats_random(ask_tell(_contrary), BLOCKS, generations=12)

    def forgetful(space, evaluate, *, key, generations, archive):
        """Begins anew whatever was saved."""
        return run_search(_random(space), evaluate, key=key, generations=generations, archive=Archive(space))

    with pytest.raises(AssertionError, match="another archive"):
        check_resume(forgetful, BLOCKS, evaluate, folder=tmp_path)
