"""Variable elimination against enumeration."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasjax.cost.eliminate import Term, minimise


def _sum(terms, values):
    return sum(term.table[tuple(values[v] for v in term.variables)] for term in terms)


@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_minimum_is_that_of_enumeration(seed, num):
    """For random tables, forbidden entries included, no assignment is better than the one found."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 4, num).tolist()
    terms = []
    for _ in range(rng.integers(0, 7)):
        scope = tuple(rng.permutation(num)[: rng.integers(0, num + 1)].tolist())
        table = rng.normal(size=[sizes[v] for v in scope])
        terms.append(Term(scope, np.where((rng.random(table.shape) < 0.1) & (table > 1), np.inf, table)))
    every = [_sum(terms, values) for values in itertools.product(*map(range, sizes))]
    if np.isinf(min(every, default=0)):
        with pytest.raises(ValueError, match="forbidden"):
            minimise(sizes, terms)
    else:
        assert _sum(terms, minimise(sizes, terms)) == pytest.approx(min(every))


def test_long_chain():
    """A chain of 200 variables, far beyond enumeration: neighbours must differ, and 0 is cheapest."""
    pair = Term((0, 1), np.where(np.eye(2), np.inf, 0.0))
    chain = [Term((i, i + 1), pair.table) for i in range(199)]
    prices = [Term((i,), np.array([0.0, 1.0 + (i == 0)])) for i in range(200)]
    assert minimise([2] * 200, chain + prices).tolist() == [0, 1] * 100


def test_entangled_choices_are_refused():
    """A table of 4**13 entries is refused before it is allocated."""
    terms = [Term((i, j), np.zeros((4, 4))) for i in range(14) for j in range(i)]
    with pytest.raises(ValueError, match="entangled"):
        minimise([4] * 14, terms)
