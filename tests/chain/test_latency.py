"""Latency as a cost that users choose: asked for by a budget, the cost or `profile --latency`, else not measured."""

import json
import re

import jax
import numpy as np
import pytest

from nasjax.chain import latency as chain_latency
from nasjax.chain.configs import as_dict, from_dict
from nasjax.chain.latency import latency_size, measure_latency, run_latency
from nasjax.chain.problem import cost_table, make_problem
from nasjax.cli import main
from nasjax.config import DataConfig, Experiment
from nasjax.cost.latency import LatencyTable
from nasjax.cost.measure import Latency, device_key
from nasjax.systems import SuperResolution
from tests.data.pictures import write_folder

SYSTEM = SuperResolution(scale=2, blocks=1, trunk=(8, 16), inner=(8,), ops=("res", "sep3"), nominal=0)
# Pictures are not what is asked about: small ones, in the folder where tests work (`few`).
FEW = DataConfig("folder:pictures", val_patches=1, val_patch=8, test="all", test_crop=(16, 16))
COMMAND = [
    *("--system.scale", "2", "--system.blocks", "1", "--system.trunk", "8", "16", "--system.inner", "8"),
    *("--system.ops", "res", "sep3", "--system.nominal", "0", "--system.attention", "none", "ca", "sa", "both"),
]


def _config(*budget, cost="params", at=(64, 48)):
    return Experiment(SYSTEM, data=FEW, budget=budget, cost=cost, latency_at=at)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """The folder that has them."""
    folder = tmp_path_factory.mktemp("drawn")
    write_folder(folder / "pictures", 12, 32, 32)
    return folder


@pytest.fixture(autouse=True)
def few(drawn, monkeypatch):
    """Configs find the pictures."""
    monkeypatch.chdir(drawn)


@pytest.fixture
def timed(monkeypatch):
    """A machine whose time is that of 10 million multiplications a millisecond: what it was asked to time, by size."""
    asked = []

    def measured(networks, *, at):
        asked.append(at)
        work = cost_table(Experiment(SYSTEM, macs_at=at[::-1]), networks)[0].terms["macs"]
        terms = tuple(f._replace(values=f.values / 1e7) for f in work)
        return LatencyTable(networks.supernet.space, terms, device_key(), at=at)

    monkeypatch.setattr(chain_latency, "measure_latency", measured)
    return asked


def test_nothing_is_measured_unless_asked_for(timed, tmp_path, capsys):
    """Configs without latency have no such cost, measure nothing and leave no file."""
    problem = make_problem(_config("params<=60K"), tmp_path / "run")
    assert problem.latency is None and "latency" not in problem.table.names
    assert main(["profile", "quickstart", "--run", str(tmp_path / "run"), *COMMAND]) == 0
    assert "latency" not in capsys.readouterr().out
    assert not timed and not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("config", "size"),
    [
        (_config("params<=60K"), None),
        (_config(cost="latency"), (64, 48)),
        (_config("latency<=3ms"), (64, 48)),
        (_config("latency<=3ms@32x16", cost="latency"), (32, 16)),
        (_config("latency<=3ms@32x16", "latency<=50%"), (32, 16)),
    ],
)
def test_size(config, size):
    """A budget states the output size, else the config does; without either there is none. It survives JSON."""
    assert latency_size(config) == size
    assert from_dict(json.loads(json.dumps(as_dict(config)))) == config


def test_two_sizes_are_refused():
    """One run has one column of latency."""
    with pytest.raises(ValueError, match="latency budgets at 32x16 and 64x48: latency is measured at one output size"):
        make_problem(_config("latency<=3ms@32x16,latency<=9ms@64x48"))


def test_budget_and_cost(timed, tmp_path):
    """The measured column is a cost like the others: archs by it, budgets on it, the second objective."""
    said = []
    problem = make_problem(_config("params<=60K,latency<=0.2ms@64x48", cost="latency"), tmp_path, say=said.append)
    assert timed == [(48, 64)] and problem.latency is not None
    assert [(limit.cost, limit.limit) for limit in problem.budgets.limits] == [("params", 6e4), ("latency", 0.2)]
    archs = np.stack([problem.table.minimum("latency").arch, problem.table.maximum("latency").arch])
    assert problem.budgets.kept(problem.table(archs)).tolist() == [True, False]
    assert "64x48" in said[0] and said[-1] == problem.latency.describe()


def test_infeasible_latency_is_refused_and_counted_budgets_come_first(timed, tmp_path):
    """A latency out of reach names the range; a budget that counting refuses is refused before anything is timed."""
    with pytest.raises(ValueError, match=r"'params<=9' .* cannot be met"):
        make_problem(_config("params<=9,latency<=3ms"), tmp_path)
    assert not timed
    with pytest.raises(ValueError, match=r"'latency<=0.001ms' .* latency of sr_cell_x2 reaches 0\.\d+ \.\. \d"):
        make_problem(_config("latency<=0.001ms"), tmp_path)


def test_measured_once_a_run(timed, tmp_path):
    """Resuming reads `latency.json` and predicts the same; another size is measured beside it, others stay."""
    first = make_problem(_config("latency<=5ms"), tmp_path)
    again = make_problem(_config("latency<=5ms"), tmp_path)
    archs = np.stack([first.table.minimum("macs").arch, first.table.maximum("macs").arch])
    np.testing.assert_array_equal(first.table(archs)["latency"], again.table(archs)["latency"])
    assert timed == [(48, 64)]
    make_problem(_config("latency<=5ms@32x16"), tmp_path)
    make_problem(_config("latency<=5ms"), tmp_path)
    assert timed == [(48, 64), (16, 32)]


def test_another_device_or_jax_is_refused(timed, tmp_path):
    """Times of another backend or jax version are not mixed into a resumed run: the error names both."""
    make_problem(_config("latency<=5ms"), tmp_path)
    file = tmp_path / "latency.json"
    file.write_text(file.read_text().replace(f"jax {jax.__version__} ", "jax 0.9.9 "))
    with pytest.raises(ValueError, match=re.escape("jax 0.9.9 ") + ".*this is.*" + re.escape(f"jax {jax.__version__}")):
        make_problem(_config("latency<=5ms"), tmp_path)
    assert len(timed) == 1


def test_what_decides_nothing_needs_no_latency(timed, tmp_path):
    """Networks are scored, tuned and shipped on another machine than the one whose times a search went by."""
    config = _config("params<=60K,latency<=5ms", cost="latency")
    make_problem(config, tmp_path)
    file = tmp_path / "latency.json"
    file.write_text(file.read_text().replace(f"jax {jax.__version__} ", "jax 0.9.9 "))
    problem = make_problem(config, tmp_path, decides=False)
    assert problem.latency is None and [limit.cost for limit in problem.budgets.limits] == ["params"]
    assert len(timed) == 1


def test_profile_prints_json(timed, tmp_path, capsys):
    """The same as values."""
    assert main(["profile", "quickstart", "--json", "--run", str(tmp_path), *COMMAND, "--budget", "params<=60K"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["size"] == make_problem(_config()).space.size() and found["limits"][0]["limit"] == 60_000
    assert {row["cost"] for row in found["ranges"]} >= {"params", "macs"}


def test_profile_prints_latency(timed, tmp_path, capsys):
    """`profile --latency` gives least, median and greatest, how it was measured, and leaves the table to the search."""
    command = ["profile", "quickstart", "--latency", "--run", str(tmp_path), *COMMAND, "--latency-at", "64", "48"]
    assert main([*command, "--budget", "latency<=60%"]) == 0
    printed = capsys.readouterr().out
    row = next(line.split() for line in printed.splitlines() if line.startswith("latency (ms)"))
    low, median, high = map(float, row[2:5])
    assert 0 < low < median < high
    assert f"latency in ms at an output of 64x48 on {device_key()}" in printed and "budget    latency<=60%" in printed
    make_problem(_config("latency<=60%"), tmp_path)
    assert timed == [(48, 64)]


def test_real_measurement(monkeypatch, tmp_path):
    """On this machine: every time is finite, the prediction's error is known, and the file says where it holds."""
    monkeypatch.setattr(chain_latency, "CALIBRATED", 2)
    monkeypatch.setattr(chain_latency, "CHECKED", 2)
    system = SuperResolution(scale=2, blocks=1, trunk=(8,), inner=(8,), ops=("res",))
    experiment = Experiment(system, latency_at=(32, 24))
    table = run_latency(experiment, system.networks(), tmp_path, say=lambda text: None)
    assert table.at == (24, 32) and table.units > 10 and 0 <= table.spread < 10
    assert table.error is not None and table.error.num == 2 and np.isfinite(table.error.mape)
    saved = json.loads((tmp_path / "latency.json").read_text())
    assert [t["device"] for t in saved] == [device_key()]


def test_the_sum_of_pieces_predicts_whole_networks(monkeypatch):
    """With a clock that counts parameters, pieces add up to networks exactly; calibration takes in what is on top."""
    networks = SuperResolution(2, blocks=2, trunk=(8, 16), inner=(8, 16), ops=("res", "ir2k3"), nominal=1).networks()

    def by_params(num):
        return Latency(0.1 + num / 1000, 0.0, 1)

    def size(params):
        return sum(a.size for a in jax.tree.leaves(params))

    monkeypatch.setattr(chain_latency, "runner", lambda fn, params, x: lambda: size(params))
    monkeypatch.setattr(chain_latency, "measure", lambda fns: {k: by_params(2 * fn()) for k, fn in fns.items()})
    monkeypatch.setattr("nasjax.cost.latency._time_builds", lambda builds: [by_params(size(b.params)) for b in builds])
    table = measure_latency(networks, at=(32, 32))
    assert table.error is not None and table.error.num == 8
    assert table.error.mape < 1e-6 and table.error.kendall_tau > 0.99
    np.testing.assert_allclose(table.scale, 2, rtol=1e-6)
