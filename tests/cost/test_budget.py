"""Budgets: their text, their limits, and what is refused."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings

from nasjax.cost.budget import Budget, Budgets, Limit, parse_budgets, resolve_budgets
from nasjax.cost.feasible import check_feasible
from nasjax.cost.table import CostTable, Factor, tabulate
from nasjax.space import Choice, SearchSpace
from tests.cost.examples import SEEDS, block_space, block_units, networks, random_table


@functools.cache
def _table():
    return tabulate(block_space(), block_units(6, 5), at=(6, 5))


def _resolve(text, **options):
    return resolve_budgets(parse_budgets(text), _table(), **options)


def test_parse():
    """Suffixes, percentages and output sizes; several in a text or a list; white space is ignored."""
    assert parse_budgets("params <= 60K, macs<=4G@1280x720") == (
        Budget("params<=60K", "params", 60_000.0),
        Budget("macs<=4G@1280x720", "macs", 4e9, False, (1280, 720)),
    )
    assert parse_budgets(["macs<=40%", "bytes<=1.5M,latency<=2.5ms", ""]) == (
        Budget("macs<=40%", "macs", 0.4, True),
        Budget("bytes<=1.5M", "bytes", 1_500_000.0),
        Budget("latency<=2.5ms", "latency", 2.5),
    )
    sized = Budget("latency<=20ms@640x480", "latency", 20.0, False, (640, 480))
    assert parse_budgets("latency <= 20ms@640x480") == (sized,)
    assert parse_budgets("params<=1.1K")[0].amount == 1100


@pytest.mark.parametrize(
    "text", ["params<60K", "params<=", "<=60K", "params<=60Q", "macs<=4G@1280", "params<=0", "params<=-3", "60K"]
)
def test_malformed(text):
    """A malformed budget is quoted, with the expected form."""
    with pytest.raises(ValueError, match="expected COST<=NUMBER") as error:
        parse_budgets(text)
    assert repr(text) in str(error.value)


def test_misplaced_units():
    """Sizes go with costs that depend on them, ms with latency; unknown costs and sizes list what is known."""
    with pytest.raises(ValueError, match="params has no output size"):
        parse_budgets("params<=60K@1280x720")
    with pytest.raises(ValueError, match="only latency, is in ms"):
        parse_budgets("macs<=3ms")
    with pytest.raises(ValueError, match="only latency, is in ms"):
        parse_budgets("latency<=3K")
    with pytest.raises(ValueError, match="unknown cost; known here: params, macs"):
        _resolve("flops<=3G")
    with pytest.raises(ValueError, match="measure a latency table first"):
        _resolve("latency<=3ms")
    with pytest.raises(ValueError, match="leave out '@'"):
        _resolve("macs<=3G@64x48")
    latency = CostTable(block_space(), {"latency": (Factor((), np.array(2.5)),)})
    with pytest.raises(ValueError, match="latency is measured, at one size.*leave out '@'"):
        resolve_budgets(parse_budgets("latency<=3ms@5x6"), _table().join(latency))


def test_limits():
    """A percentage is of the dearest arch; of two limits on one cost the tighter is kept."""
    dearest = 9 * (3 * 8 + 2 * 8 * 10)
    assert _resolve("params<=25%,macs<=9K,macs<=8K")[0].limits == (
        Limit("params<=25%", "params", dearest / 4),
        Limit("macs<=8K", "macs", 8000.0),
    )


def test_output_size():
    """`@12x10` (width x height) adds columns counted at that size; the table's own size needs none."""
    budgets, table = _resolve("macs<=60K@12x10,macs<=9K@5x6", units_at=block_units)
    assert budgets.limits == (Limit("macs<=60K@12x10", "macs@12x10", 6e4), Limit("macs<=9K@5x6", "macs", 9e3))
    costs = table(networks(block_space()))
    assert (costs["macs@12x10"] == 4 * costs["macs"]).all()
    tall = resolve_budgets(parse_budgets("macs<=1K@1x30"), table, units_at=lambda h, w: block_units(2 * h, w))[1]
    assert (tall(networks(block_space()))["macs@1x30"] == 2 * costs["macs"]).all()


def test_violation():
    """Relative excesses add up; being below one limit does not make up for another."""
    budgets = Budgets((Limit("", "params", 100.0), Limit("", "macs", 10.0)))
    costs = {"params": np.array([150, 100, 1]), "macs": np.array([20, 10, 11]), "other": np.array([1, 1, 1])}
    np.testing.assert_allclose(budgets.violation(costs), [1.5, 0, 0.1])
    assert budgets.kept(costs).tolist() == [False, True, False]
    assert Budgets().kept(costs).tolist() == [True, True, True]


def test_a_single_infeasible_budget():
    """The error names what was asked and the exact reachable range."""
    low, high = 9 * 3 * 4, 9 * (3 * 8 + 2 * 8 * 10)
    with pytest.raises(ValueError) as error:
        check_feasible(block_space(), _table(), _resolve("params<=107")[0])
    message = "budget 'params<=107' (at most 107) cannot be met: params of blocks reaches 108 .. 1,656"
    assert (low, high, str(error.value)) == (108, 1656, message)
    assert _table()(check_feasible(block_space(), _table(), _resolve("params<=108")[0]).arch)["params"] == 108


def test_the_range_is_that_of_the_mask():
    """A budget that the whole space can meet is refused where the mask leaves no such network."""
    space = block_space().restrict({"b1.op": ["two"], "width": ["4"]})
    with pytest.raises(ValueError, match=r"reaches 252 .. 828"):
        check_feasible(space, _table(), _resolve("params<=200")[0])


def test_no_traces_in_a_refusal(monkeypatch):
    """A refusal by parameters traces nothing; one by MACs nothing again once the table has them."""
    fresh = tabulate(block_space(), block_units(6, 5), at=(6, 5))
    assert _table().minimum("macs").value

    def fail(*_):
        raise AssertionError("traced")

    monkeypatch.setattr("jax.make_jaxpr", fail)
    with pytest.raises(ValueError, match="cannot be met"):
        check_feasible(block_space(), fresh, _resolve("params<=10,bytes<=10")[0])
    with pytest.raises(ValueError, match="cannot be met.*; .*cannot be met"):
        check_feasible(block_space(), _table(), _resolve("params<=10,macs<=10")[0])
    with pytest.raises(AssertionError, match="traced"):
        check_feasible(block_space(), fresh, _resolve("macs<=10")[0])


def test_a_budget_that_does_not_bind():
    """Above the maximum: allowed, with a remark."""
    feasible = check_feasible(block_space(), _table(), _resolve("params<=1M,macs<=50%")[0])
    assert feasible.notes == ("budget 'params<=1M' does not bind: the dearest arch has params 1,656",)


def _opposed(values: list[tuple[int, int]]) -> CostTable:
    """One choice whose options have these (params, macs)."""
    space = SearchSpace("opposed", (Choice("c", tuple(f"o{i}" for i in range(len(values))), "only"),), ("only",))
    columns = np.array(values).T
    return CostTable(space, {n: (Factor((0,), v),) for n, v in zip(("params", "macs"), columns, strict=True)})


def test_jointly_infeasible_with_proof():
    """Each budget can be met, both cannot: half the sum of relative costs is at least 1.5 everywhere."""
    table = _opposed([(1, 29), (15, 15), (29, 1)])
    budgets = Budgets((Limit("params<=10", "params", 10.0), Limit("macs<=10", "macs", 10.0)))
    with pytest.raises(ValueError) as error:
        check_feasible(table.space, table, budgets)
    for part in ("'params<=10' and 'macs<=10' cannot be met together", "params 1 .. 29", "c=o1", "with params 15"):
        assert part in str(error.value)


def test_jointly_infeasible_without_proof():
    """Where mixtures of networks would fit but no network does, the error claims no more than that none was found."""
    table = _opposed([(1, 18), (12, 12), (18, 1)])
    budgets = Budgets((Limit("params<=10", "params", 10.0), Limit("macs<=10", "macs", 10.0)))
    with pytest.raises(ValueError, match="met together by no arch that was found.*closest arch: opposed:c=o1"):
        check_feasible(table.space, table, budgets)


def test_feasible_in_a_duality_gap():
    """A network that no weighting of the costs prefers is found all the same."""
    table = _opposed([(1, 18), (10, 10), (18, 1)])
    budgets = Budgets((Limit("params<=10", "params", 10.0), Limit("macs<=10", "macs", 10.0)))
    assert check_feasible(table.space, table, budgets).arch.tolist() == [1]


@given(SEEDS)
@settings(max_examples=60, deadline=None)
def test_verdicts_agree_with_enumeration(seed):
    """A returned arch keeps the budgets and is of the space; a refusal is never wrong on these small spaces."""
    table = random_table(seed, ("params", "macs", "bytes"))
    rng = np.random.default_rng(seed)
    costs = table(networks(table.space))
    limits = [Limit(f"{n}<=", n, float(np.quantile(v, rng.uniform(0, 0.6)))) for n, v in costs.items()]
    budgets = Budgets(tuple(limits))
    possible = budgets.kept(costs).any()
    try:
        found = check_feasible(table.space, table, budgets)
    except ValueError as error:
        assert not possible, error
    else:
        assert table.space.contains(found.arch[None]).all() and budgets.kept(table(found.arch))
