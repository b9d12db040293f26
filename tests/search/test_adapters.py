"""What is particular to searchers of other packages: a missing one is named, any algorithm of theirs will do."""

import sys

import jax
import numpy as np
import pytest

from nasjax.search.from_pymoo import from_pymoo
from nasjax.search.optuna_tpe import optuna_tpe
from nasjax.search.problems import block_space, trade_off

SPACE = block_space(2).restrict({"b0": ["off", "op2"], "b1.edge": ["long"]})
KEY = jax.random.key(0)


def _nsga2():
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.operators.crossover.sbx import SBX
    from pymoo.operators.repair.rounding import RoundingRepair
    from pymoo.operators.sampling.rnd import IntegerRandomSampling

    return NSGA2(pop_size=8, sampling=IntegerRandomSampling(), crossover=SBX(vtype=float, repair=RoundingRepair()))


SEARCHERS = {
    "optuna": lambda: optuna_tpe(SPACE, num_objectives=2, batch=8),
    "pymoo": lambda: from_pymoo(SPACE, population=8),
    "pymoo-nsga2": lambda: from_pymoo(SPACE, population=8, algorithm=_nsga2),
}


@pytest.mark.parametrize(("name", "module"), [("optuna", "optuna"), ("pymoo", "pymoo.core.problem")])
def test_a_missing_package_is_named(monkeypatch, name, module):
    """Made without its package, a searcher says which extra brings it."""
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf"needs the extra '{name}'.*pip install 'nasjax\[{name}\]'"):
        SEARCHERS[name]()


@pytest.mark.parametrize("name", SEARCHERS)
def test_two_objectives_and_what_is_not_finite(name):
    """Archs stay canonical and allowed, always as many; a state that was told is not changed by what comes after."""
    searcher, evaluate = SEARCHERS[name](), trade_off(SPACE)
    states = [searcher.init(KEY)]
    for generation in range(4):
        archs = np.asarray(searcher.ask(jax.random.fold_in(KEY, generation), states[-1]))
        assert archs.shape == (8, SPACE.num_choices) and SPACE.contains(archs).all()
        objectives, violation = evaluate(archs)[:2]
        objectives[0] = [np.nan, np.inf]
        states.append(searcher.tell(states[-1], archs, objectives, violation))
    again = [np.asarray(searcher.ask(jax.random.key(9), states[2])) for _ in range(2)]
    np.testing.assert_array_equal(*again)
    assert not np.array_equal(again[0], searcher.ask(jax.random.key(10), states[2]))
