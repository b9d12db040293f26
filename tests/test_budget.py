"""The measure of what tests cost: programs go to the file that compiled them, workers add up, a budget is held."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import pytest

from tests import budget
from tests.budget import Budget, Costs


def test_a_program_is_the_files_that_compiled_it():
    """What is compiled between two files is the first one's; reusing a program costs none."""
    costs = Costs()
    costs.listen()
    try:
        costs.enter("a")
        double = jax.jit(lambda x: 2 * x + 1)
        double(jnp.ones(3)), double(jnp.ones(3))
        costs.enter("b")
        double(jnp.ones(3))
        found = costs.record()
    finally:
        jax.monitoring.unregister_event_duration_listener(costs._on_event)
    assert found["programs"]["a"] >= 1 and "b" not in found["programs"]
    assert found["compiling"]["a"] > 0 and found["peak"] == sum(found["grown"].values()) > 0


def test_processor_time_is_counted_by_file():
    """Work adds to the file it was done in, also that of a process which was waited for."""
    costs = Costs()
    costs.enter("busy")
    sum(i * i for i in range(2_000_000))
    costs.enter("idle")
    found = costs.record()
    assert found["cpu"]["busy"] > 0.02 > found["cpu"]["idle"]


def test_workers_add_up():
    """Sums over workers, and the largest memory of any."""
    costs = Costs()
    for cpu, peak in ((1.0, 300), (2.0, 200)):
        costs.add({"cpu": {"a": cpu}, "programs": {"a": 2}, "compiling": {"a": 0.5}, "grown": {}, "peak": peak})
    assert (costs.cpu["a"], costs.programs["a"], costs.compiling["a"], costs.peak) == (3.0, 4, 1.0, 300)


@pytest.mark.parametrize(
    ("spent", "over"),
    [
        ({"cpu": {"a": 59.0}}, []),
        ({"cpu": {"a": 61.0}}, ["cpu_minutes_beside_compiling"]),
        ({"cpu": {"a": 61.0}, "compiling": {"a": 2.0}}, []),
        ({"programs": {"a": 11}}, ["programs"]),
    ],
)
def test_the_budget_is_held(tmp_path, monkeypatch, spent, over):
    """What exceeds a limit is named, with both figures."""
    limits = tmp_path / "budget.json"
    limits.write_text('{"cpu_minutes_beside_compiling": 1, "programs": 10, "worker_peak_mib": 100}')
    monkeypatch.setattr(budget, "_LIMITS", limits)
    plugin = Budget(SimpleNamespace(option=SimpleNamespace()))
    found = {"cpu": {}, "programs": {}, "compiling": {}, "peak": 100} | spent
    assert [line.split()[0] for line in plugin._exceeded(found)] == over


@pytest.mark.parametrize(("paces", "over"), [([], True), ([0.01], True), ([0.03, 0.03, 0.01], False)])
def test_seconds_count_less_where_the_machine_is_slower(tmp_path, monkeypatch, paces, over):
    """By as much as a fixed piece of work takes longer; never more."""
    limits = tmp_path / "budget.json"
    limits.write_text('{"cpu_minutes_beside_compiling": 1, "programs": 10, "worker_peak_mib": 100, "pace_ms": 20}')
    monkeypatch.setattr(budget, "_LIMITS", limits)
    plugin = Budget(SimpleNamespace(option=SimpleNamespace()))
    plugin._paces = paces
    assert bool(plugin._exceeded({"cpu": {"a": 80.0}, "programs": {}, "compiling": {}, "peak": 100})) == over


@pytest.mark.parametrize(
    ("asked", "whole"),
    [
        ({}, True),
        ({"keyword": "nsga2"}, False),
        ({"file_or_dir": ["tests/search"]}, False),
        ({"markexpr": "slow"}, False),
    ],
)
def test_only_a_whole_run_is_judged(asked, whole):
    """A part of the tests says nothing of the whole."""
    option = {
        "keyword": "",
        "file_or_dir": [],
        "markexpr": "not slow",
        "deselect": None,
        "collectonly": False,
        "lf": False,
    }
    assert Budget(SimpleNamespace(option=SimpleNamespace(**option | asked)))._is_whole() == whole


def test_the_table_shows_the_dearest_first():
    """Files by CPU seconds, the sum and the largest process below."""
    found = {"cpu": {"a": 1.0, "b": 3.0}, "programs": {"a": 5}, "compiling": {"a": 0.5}, "grown": {"a": 7}, "peak": 321}
    lines = budget._table(found)
    assert [line.split()[-1] for line in lines[1:3]] == ["b", "a"]
    assert lines[2].split()[:4] == ["1.0", "0.5", "5", "7"] and lines[-1].split()[:4] == ["4.0", "0.5", "5", "321"]
