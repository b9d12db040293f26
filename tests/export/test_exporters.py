"""Every exporter reproduces every network."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

import nasjax
from nasjax.export import parity
from nasjax.export.bundle import EXPORTERS, load_bundle, write_bundle
from nasjax.export.card import Card
from nasjax.export.network import BUILDERS, Network
from nasjax.export.weights import flatten, nest
from nasjax.ops.base import is_native
from nasjax.ops.candidates import CANDIDATES
from nasjax.ops.normed import normed_blocks
from nasjax.spaces.resnet_generator import UPS
from tests.export.networks import NETWORKS, toy

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    """Bundles of the table, written when first asked for."""
    made = {}

    def get(name: str):
        if name not in made:
            folder = tmp_path_factory.mktemp("bundles") / "bundle"
            network = NETWORKS[name]()
            made[name] = folder, network, write_bundle(folder, network, card=Card(name))
        return made[name]

    return get


@pytest.mark.parametrize("name", NETWORKS)
def test_every_exporter_reproduces_the_network(bundles, name):
    """All files of the bundle agree with the network at odd sizes and batches of one and three, as measured."""
    _, network, manifest = bundles(name)
    assert set(manifest["files"]) == {"card.json", "arch.json", *(e.file for e in EXPORTERS.values())}
    for exporter in EXPORTERS.values():
        measured = manifest["files"][exporter.file]["parity"]
        assert 0 <= measured["max_relative"] <= 1e-4
    if network.size_multiple == 1:
        assert measured["inputs"] == [[1, 17, 24, 3], [3, 21, 16, 3]]
    else:
        assert (network.size_multiple, measured["inputs"]) == (2, [[1, 18, 24, 3], [3, 22, 16, 3]])


@pytest.mark.parametrize("name", ["toy largest", "own"])
def test_graphs_take_sizes_that_they_were_not_compared_at(bundles, name):
    """The measured parity, measured again here at another size."""
    folder, network, _ = bundles(name)
    step = network.size_multiple
    x = np.random.default_rng(5).uniform(-1, 1, (2, 13 * step, 9 * step, 3)).astype(np.float32)
    y = np.asarray(jax.jit(network.apply)(network.params, x))
    assert np.std(y) > 0.01
    for exporter in (EXPORTERS["stablehlo"], EXPORTERS["onnx"]):
        np.testing.assert_allclose(exporter.load(folder / exporter.file, network)(x), y, atol=1e-4 * np.abs(y).max())


def test_the_table_holds_every_operation():
    """No candidate of the shipped spaces is left out of the table."""
    options = [NETWORKS[name]().description["options"] for name in NETWORKS]
    seen = {o[b] for o in options for b in ("b1", "b2", "b3") if b in o}
    assert {*CANDIDATES, *normed_blocks(), "off"} <= seen
    seen = {(k[:1] if k[1:].isdigit() else k, v) for o in options for k, v in o.items()}
    for name in ("resnet_generator", "unet_generator"):
        whole = BUILDERS[name]().space
        of_operators = [c for c in whole.choices if c.stage != "channel" and not c.name.startswith(("b", "up"))]
        wanted = {(c.name[:1] if c.name[1:].isdigit() else c.name, v) for c in of_operators for v in c.options}
        assert wanted <= seen, wanted - seen
    assert {v for name, v in seen if name in ("up1", "up2")} == set(UPS)
    for choice, wanted in {"att": {"none", "ca", "sa", "both"}, "tail": {"conv", "sep"}}.items():
        assert wanted <= {o.get(choice) for o in options}


@pytest.mark.parametrize("side", [(1, 1), (1, 5), (2, 3)])
def test_tiny_images(bundles, side):
    """Borders are right where an image is nothing but border."""
    folder, network, _ = bundles("sr_cell empty")
    x = np.random.default_rng(1).uniform(-1, 1, (1, *side, 3)).astype(np.float32)
    wanted = [parity.Sample(x, np.asarray(jax.jit(network.apply)(network.params, x)))]
    for exporter in EXPORTERS.values():
        assert parity.measure(exporter.load(folder / exporter.file, network), wanted).max_relative < 1e-4


_FRESH = """
import json, sys
import numpy as np
from nasjax.export.bundle import load_bundle
for folder, output in zip(sys.argv[2::2], sys.argv[3::2]):
    np.save(output, np.asarray(load_bundle(folder).apply(np.load(sys.argv[1]))))
print(json.dumps(sorted(sys.modules)))
"""


def test_a_fresh_process_reproduces_networks_without_training_code(bundles, tmp_path):
    """Loaded bundles need neither optimiser, data nor search code; 'own' is served from its StableHLO graph."""
    x, names = np.random.default_rng(2).uniform(-1, 1, (1, 18, 22, 3)).astype(np.float32), ("toy largest", "own")
    np.save(tmp_path / "x.npy", x)
    pairs = [str(path) for name in names for path in (bundles(name)[0], tmp_path / f"{name}.npy")]
    command = [sys.executable, "-c", _FRESH, str(tmp_path / "x.npy"), *pairs]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**os.environ}, check=False)
    assert done.returncode == 0, done.stderr
    for name in names:
        network = bundles(name)[1]
        y = np.asarray(jax.jit(network.apply)(network.params, x))
        np.testing.assert_allclose(np.load(tmp_path / f"{name}.npy"), y, atol=1e-4 * np.abs(y).max())
    loaded = set(json.loads(done.stdout))
    training = {"optax", "orbax", "grain", "tensorflow_datasets", "onnx", "onnxruntime"}
    training |= {f"nasjax.{area}" for area in ("train", "tasks", "data", "search", "losses", "metrics", "config")}
    assert not loaded & training


def test_a_bundle_of_another_version_runs_its_graph(bundles, tmp_path, monkeypatch):
    """Code may change what it builds; the graph that was checked does not."""
    folder, network, _ = bundles("toy default")
    monkeypatch.setattr(nasjax, "__version__", "99.0")
    monkeypatch.setattr("nasjax.export.bundle.rebuild", lambda description: lambda params, x: x[:, ::2])
    x = np.random.default_rng(2).uniform(-1, 1, (1, 8, 9, 3)).astype(np.float32)
    y = np.asarray(jax.jit(network.apply)(network.params, x))
    np.testing.assert_allclose(load_bundle(folder).apply(x), y, atol=1e-5)


@pytest.mark.parametrize("format_", ["stablehlo", "onnx"])
def test_a_failed_parity_check_leaves_nothing_behind(tmp_path, format_):
    """A graph that computes something else is an error that names the file, and no file or folder stays."""
    good = toy({"b1": "off", "b2": "off"})
    wrong = good._replace(apply=lambda p, x: good.apply(p, x) + (0.01 if is_native() else 0.0))
    with pytest.raises(ValueError, match=f"model.{format_}: differs from the network by 0.01"):
        write_bundle(tmp_path / "bundle", wrong, card=Card("wrong"), formats=(format_, "stablehlo"))
    assert list(tmp_path.iterdir()) == []


def test_nan_is_no_parity(tmp_path):
    """A network that makes NaN is not shipped."""
    good = toy({"b1": "off", "b2": "off"})
    nan = good._replace(params=jax.tree.map(lambda a: a * np.nan, good.params))
    with pytest.raises(ValueError, match="model.safetensors: differs from the network by nan"):
        write_bundle(tmp_path / "bundle", nan, card=Card("nan"))
    assert list(tmp_path.iterdir()) == []


def test_an_old_bundle_survives_a_failed_export(tmp_path):
    """Replacing a bundle is all or nothing."""
    good = toy({"b1": "off", "b2": "off"})
    write_bundle(tmp_path / "bundle", good, card=Card("first"), formats=())
    nan = good._replace(params=jax.tree.map(lambda a: a * np.nan, good.params))
    with pytest.raises(ValueError, match="differs"):
        write_bundle(tmp_path / "bundle", nan, card=Card("second"), formats=())
    assert load_bundle(tmp_path / "bundle").card["name"] == "first"
    write_bundle(tmp_path / "bundle", good, card=Card("third"), formats=())
    assert load_bundle(tmp_path / "bundle").card["name"] == "third"
    assert [p.name for p in tmp_path.iterdir()] == ["bundle"]


def test_flat_names():
    """Parameters are stored under readable paths and come back nested; the separator is refused in a name."""
    params = {"b1": {"res": {"a": {"w": np.ones((2, 3)), "b": np.zeros(3)}}}, "stem": {"w": np.ones(1)}}
    assert set(flatten(params)) == {"b1/res/a/w", "b1/res/a/b", "stem/w"}
    assert jax.tree.structure(nest(flatten(params))) == jax.tree.structure(params)
    with pytest.raises(ValueError, match="'a/b' contains '/'"):
        flatten({"a/b": np.ones(1)})


def test_transposed_weights_survive(tmp_path):
    """A view whose memory lies in another order is stored by its values."""
    exporter, params = EXPORTERS["safetensors"], {"w": np.arange(6, dtype=np.float32).reshape(2, 3).T}
    network = Network(lambda p, x: x @ p["w"], params, {"arch": "", "builder": None}, channels=3)
    exporter.write(network, tmp_path / "w.safetensors", {"name": "view"})
    x = np.ones((1, 1, 1, 3), np.float32)
    loaded = exporter.load(tmp_path / "w.safetensors", network)
    np.testing.assert_array_equal(loaded(x), x @ params["w"])
