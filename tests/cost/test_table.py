"""Cost tables against hand-computed networks and enumeration."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings

from nasjax.cost import table as table_module
from nasjax.cost.builds import distinct_builds
from nasjax.cost.sample import sample_networks
from nasjax.cost.table import tabulate
from nasjax.space import Choice, SearchSpace
from nasjax.typing import Unit
from tests.cost.examples import (
    SEEDS,
    block_params,
    block_space,
    block_units,
    networks,
    random_space,
    random_table,
    spec,
)


@functools.cache
def _blocks():
    return tabulate(block_space(), block_units(6, 5), at=(6, 5))


def test_every_network_costs_what_its_formula_says():
    """All 32 networks: params by the formula, MACs = params * pixels, activations = output channels * pixels."""
    space = block_space()
    archs = networks(space)
    costs = _blocks()(archs)
    params = [block_params(space, arch) for arch in archs]
    channels = []
    for arch in archs:
        options = space.decode(arch)
        width, inner = int(options["width"]), [int(v) for k, v in options.items() if k.endswith("inner")]
        channels.append(width + sum(i + width for i in inner))
    assert len(archs) == 32 == space.size()
    assert costs["params"].tolist() == params
    assert costs["macs"].tolist() == costs["macs_torchprofile"].tolist() == [30 * p for p in params]
    assert costs["activations"].tolist() == [30 * c for c in channels]
    assert costs["bytes"].tolist() == [4 * p for p in params]
    assert all(values.dtype == np.int64 for values in costs.values())


def test_repeated_blocks_are_traced_once(monkeypatch):
    """Two equal blocks of 2 * 3 builds and a stem of 2: 8 traces for 14 pieces; calls of the table trace nothing."""
    traced = []

    def counting(fn, params, x):
        traced.append(fn)
        return table_module.Counts()

    monkeypatch.setattr(table_module, "count", counting)
    table = tabulate(block_space(), block_units(6, 5))
    table(networks(block_space()))
    table.minimum("params")
    assert len(traced) == 8


def test_equal_closures_are_one_build():
    """Functions made anew with equal closed-over values are the same build; with different values they are not."""

    def unit(name, factor):
        def make(factor):
            return lambda params, x: factor * (x @ params)

        return Unit(name, (), lambda options: (make(factor), spec(3, 3), spec(2, 3)))

    builds, indices = distinct_builds(block_space(), [unit("a", 2), unit("b", 2), unit("c", 2.0), unit("d", [3])])
    assert len(builds) == 3
    assert [int(unit.index) for unit in indices] == [0, 0, 1, 2]


def test_a_function_in_its_own_closure():
    """Recursive functions can be told apart without endless recursion."""

    def build(options):
        def fn(params, x, depth=2):
            return fn(params, x @ params, depth - 1) if depth else x

        return fn, spec(3, 3), spec(2, 3)

    assert tabulate(block_space(), [Unit("r", (), build)]).minimum("macs").value == 2 * 2 * 3 * 3


@given(SEEDS)
@settings(max_examples=80, deadline=None)
def test_extremes_are_those_of_enumeration(seed):
    """Least and greatest values, single and weighted, attained by an allowed canonical arch."""
    table = random_table(seed)
    archs = networks(table.space)
    costs = table(archs)
    for cost in table.names:
        low, high = table.minimum(cost), table.maximum(cost)
        assert (low.value, high.value) == (costs[cost].min(), costs[cost].max())
        for extreme in (low, high):
            assert table.space.contains(extreme.arch[None]).all()
            assert table(extreme.arch)[cost] == extreme.value
    weights = {"params": 2.0, "macs": -1.0}
    best = table(table.minimise(weights))
    assert 2.0 * best["params"] - best["macs"] == (2.0 * costs["params"] - costs["macs"]).min()


@given(SEEDS)
@settings(max_examples=40, deadline=None)
def test_population_equals_one_by_one(seed):
    """The vectorised cost of a population is the cost of each; an arch costs what its canonical form costs."""
    table = random_table(seed)
    archs = np.array(list(np.ndindex(*[len(c.options) for c in table.space.choices])), np.int32)
    together = table(archs)
    for cost, values in together.items():
        assert values.tolist() == [table(arch)[cost].item() for arch in archs]
        assert values.tolist() == table(table.space.canonical(archs))[cost].tolist()


@given(SEEDS)
@settings(max_examples=60, deadline=None)
def test_samples_are_networks_of_the_space(seed):
    """Sampled archs are canonical and allowed."""
    space = random_space(seed)
    assert space.contains(sample_networks(space, 50)).all()


def test_samples_are_uniform_over_networks():
    """32 networks, 32,000 draws: each network about 1,000 times (chi-square far below its 99.99 % quantile)."""
    space = block_space()
    _, counts = np.unique(sample_networks(space, 32_000, seed=1), axis=0, return_counts=True)
    assert len(counts) == 32
    assert ((counts - 1000) ** 2 / 1000).sum() < 68


def test_quantiles():
    """The sampled median lies where enumeration puts it, and the same seed gives the same figures."""
    exact = np.quantile(_blocks()(networks(block_space()))["params"], [0, 0.5, 1])
    sampled = _blocks().quantiles("params", [0, 0.5, 1])
    assert sampled[0] == exact[0] and sampled[2] == exact[2]
    assert abs(sampled[1] - exact[1]) / exact[1] < 0.1
    assert sampled == _blocks().quantiles("params", [0, 0.5, 1])


def test_restricted():
    """Under a mask the extremes are those of the mask; another space's mask is refused."""
    space = block_space().restrict({"width": ["8"], "b1.op": ["two"], "b1.inner": ["3", "5"]})
    table = _blocks().restricted(space)
    assert table.minimum("params").value == 9 * (3 * 8 + 2 * 8 * 3)
    assert table.maximum("params").value == 9 * (3 * 8 + 2 * 8 * 10)
    with pytest.raises(ValueError, match="other"):
        table.restricted(SearchSpace("other", (Choice("x", ("a",), "s"),), ("s",)))


def test_errors_name_the_place():
    """Unknown costs list the known ones; archs of a wrong shape or option name the space; doubled costs are named."""
    with pytest.raises(ValueError, match=r"'flops'; known: params, macs"):
        _blocks().minimum("flops")
    with pytest.raises(ValueError, match="not an arch of blocks"):
        _blocks()(np.zeros((2, 4), np.int32))
    with pytest.raises(ValueError, match=r"blocks \(5 choices\): \[0, 0, 9, 0, 0\]"):
        _blocks()(np.array([[0, 0, 0, 0, 0], [0, 0, 9, 0, 0]], np.int32))
    with pytest.raises(ValueError, match="both cost tables have"):
        _blocks().join(_blocks())
    with pytest.raises(ValueError, match="unknown choice of blocks: 'depth'"):
        tabulate(block_space(), [Unit("u", ("depth",), lambda options: None)])
