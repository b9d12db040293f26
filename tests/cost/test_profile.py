"""The profile of a space, as data and as text."""

import functools

import numpy as np
import pytest

from nasjax.cost.budget import Budgets, Limit, parse_budgets, resolve_budgets
from nasjax.cost.profile import profile, readable, render
from nasjax.cost.table import tabulate
from tests.cost.examples import block_space, block_units, networks


@functools.cache
def _table():
    return tabulate(block_space(), block_units(6, 5), at=(6, 5))


def test_profile():
    """Exact extremes, a median near that of enumeration, and the share of networks within the budget."""
    budgets, table = resolve_budgets(parse_budgets("params<=40%"), _table())
    result = profile(block_space(), table, budgets)
    params = table(networks(block_space()))["params"]
    first = result.ranges[0]
    assert (first.cost, first.minimum, first.maximum) == ("params", 108, 1656)
    assert abs(first.median - np.median(params)) < 60
    assert result.size == 32
    assert abs(result.fraction - (params <= 0.4 * 1656).mean()) < 0.02
    assert abs(result.reachable - (params <= 0.4 * 1656).sum()) <= 1
    assert first.within == (108, params[params <= 0.4 * 1656].max())
    assert block_space().parse(result.smallest).tolist() == [0, 0, 0, 0, 0]
    assert block_space().parse(result.largest).tolist() == [1, 1, 2, 1, 2]


def test_a_rare_network():
    """When no sample keeps the budget, the arch that was found exactly still counts."""
    result = profile(block_space(), _table(), Budgets((Limit("params<=108", "params", 108.0),)), samples=2, seed=3)
    assert (result.kept, result.reachable, result.ranges[0].within) == (0, 1, (108, 108))
    assert "none of 2 sampled networks" in render(result)


def test_infeasible_budgets_have_no_profile():
    """The refusal is that of the budgets."""
    with pytest.raises(ValueError, match="params of blocks reaches 108 .. 1,656"):
        profile(block_space(), _table(), Budgets((Limit("params<=9", "params", 9.0),)))


def test_render():
    """One aligned row a cost, the size it holds for, both extreme archs, and the budget with its remark."""
    budgets, table = resolve_budgets(parse_budgets("params<=60K"), _table())
    result = profile(block_space(), table, budgets)
    lines = render(result).splitlines()
    assert lines[0] == "space blocks: 32 networks"
    assert lines[1].split()[:6] == ["cost", "at", "an", "output", "of", "5x6"]
    assert lines[2].split() == ["params", "108", readable(result.ranges[0].median), "1.656K", "108", "..", "1.656K"]
    assert len({len(line) for line in lines[1:7]}) == 1
    assert lines[-1] == "budget 'params<=60K' does not bind: the dearest arch has params 1,656"
    plain = render(profile(block_space(), _table(), Budgets()))
    assert "budget" not in plain and "reachable" not in plain


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (999, "999"), (61097, "61.1K"), (3.56e9, "3.56G"), (1.2e13, "12T"), (5e17, "5.00e+17")],
)
def test_readable(value, text):
    """Four digits and a suffix."""
    assert readable(value) == text
