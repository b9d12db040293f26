"""Random search without shared weights, as searches are compared with it."""

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from nasjax.chain.configs import load_config
from nasjax.systems.photo_filter.system import FilterHeads

_FILE = Path(__file__).parents[2] / "scripts" / "bench_arms.py"


def _load():
    spec = importlib.util.spec_from_file_location("bench_arms", _FILE)
    assert spec is not None and spec.loader is not None
    sys.modules["bench_arms"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


bench = _load()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Three networks of a tiny quick start alone, the best two trained on."""
    tiny = load_config("quickstart").tiny()
    system = replace(tiny.system, ops=("res",), trunk=(12,), inner=(8, 16), nominal=None)
    final = replace(tiny.final, number=2, rivals=False, scratch=False, formats=())
    folder = tmp_path_factory.mktemp("alone") / "run"
    experiment = replace(tiny, system=system, final=final, budget=("params<=14K",))
    bench.search_alone(experiment, folder, 3, say=lambda text: None)
    return experiment, folder


def test_networks_are_trained_alone_and_the_best_go_on(run):
    """No shared weights; what is found keeps the budget, is trained twice, and can be used."""
    _, folder = run
    phases = [row["phase"] for row in json.loads((folder / "ledger.json").read_text())]
    assert sorted(p for p in phases if "/" in p) == [
        *(f"confirm/path-{i}" for i in range(3)),
        "finalist/0-0",
        "finalist/1-0",
    ]
    (row,) = json.loads((folder / "results.json").read_text())["rows"]
    assert row["values"]["params"] <= 14_000
    assert (folder / "export" / "manifest.json").is_file()


def test_a_finished_one_is_not_done_again(run):
    """Called again it changes nothing."""
    experiment, folder = run
    before = {
        file: file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file() and file.name != "owner.json"
    }
    bench.search_alone(experiment, folder, 3, say=lambda text: None)
    assert {file: file.stat().st_mtime_ns for file in before} == before


def test_the_time_of_a_search_is_that_of_so_many_networks(tmp_path):
    """Supernets, searches and confirmations count; finalists do not."""
    seconds = {"supernet/path": 50, "search/path": 10, "confirm/path-0": 19, "confirm/path-1": 21, "finalist/0-0": 500}
    (tmp_path / "ledger.json").write_text(json.dumps([{"phase": k, "wall_s": v} for k, v in seconds.items()]))
    with pytest.raises(SystemExit, match="no finished search; run --arms nasjax"):
        bench.affordable(tmp_path)
    (tmp_path / "results.json").write_text("{}")
    assert bench.affordable(tmp_path) == 5
    (tmp_path / "ledger.json").write_text('[{"phase": "supernet/path", "wall_s": 50}]')
    with pytest.raises(SystemExit, match="confirmed nothing"):
        bench.affordable(tmp_path)


def test_networks_are_distinct_and_keep_the_budget(run):
    """As many as are asked for, or a refusal that says how many there are."""
    experiment, folder = run
    problem = bench.make_problem(experiment, folder)
    archs = bench._drawn(problem, 6)
    assert len({arch.tobytes() for arch in archs}) == 6
    assert all(problem.table(arch)["params"] <= 14_000 for arch in archs)
    with pytest.raises(SystemExit, match=f"only .* and {problem.space.size() + 1} are needed"):
        bench._drawn(problem, problem.space.size() + 1)


def test_a_residual_generator_is_trained_beside_filters(tmp_path, monkeypatch):
    """One network, scored by the protocol of the search; called again it is not trained again."""
    monkeypatch.setattr(bench, "RESNET", (4, 8, 8))
    tiny = load_config("whitebalance").tiny()
    # The costs of the filters, which nothing is asked of, are counted soonest where there are few.
    heads = FilterHeads(("none", "curves"), ("none",), ("0",), ("none",))
    system = replace(tiny.system, heads=heads, ops=("res",), sides=(16,))
    experiment = replace(tiny, system=system, final=replace(tiny.final, formats=()))
    bench.resnet_alone(experiment, tmp_path / "run", "none", say=lambda text: None)
    file = tmp_path / "run" / "results.json"
    (row,) = json.loads(file.read_text())["rows"]
    assert row["name"] == "ResNet" and "global=none" in row["arch"] and row["values"]["ciede2000"] > 0
    before = file.stat().st_mtime_ns
    bench.resnet_alone(experiment, tmp_path / "run", "none", say=lambda text: None)
    assert file.stat().st_mtime_ns == before


def test_arms_of_another_budget_without_rivals():
    """What is changed is changed in each arm, and nothing else is."""
    shipped = bench.experiment_of("translation", "nasjax", 1)
    changed = bench.experiment_of("translation", "nasjax", 1, bench.Change({}, ("macs<=45M",), rivals=False))
    assert (shipped.final.rivals, changed.final.rivals) == (True, False)
    assert changed == replace(shipped, budget=("macs<=45M",), final=replace(shipped.final, rivals=False))
    assert bench.experiment_of("translation", "random", 1, bench.Change({"source": "x"})).data.source == "x"
