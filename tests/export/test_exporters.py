"""Every exporter reproduces every network, and graphs pass the tools that people put them through.

Such as preparing for quantisation, half precision, other opsets, the runtime of browsers.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import onnx
import onnx.version_converter
import onnxruntime
import pytest
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import convert_float_to_float16

import nasjax
from nasjax.apply.upscalers import FOLDER
from nasjax.export import parity
from nasjax.export.bundle import EXPORTERS, load_bundle, write_bundle
from nasjax.export.card import Card
from nasjax.export.network import BUILDERS, Network
from nasjax.export.onnx.model import OPSET, write_onnx_function
from nasjax.export.style_function import style_function
from nasjax.export.stylist import StyleNetwork
from nasjax.export.weights import flatten, nest
from nasjax.ops.base import is_native
from nasjax.ops.candidates import CANDIDATES
from nasjax.ops.normed import normed_blocks
from nasjax.spaces.photonet import photonet
from nasjax.spaces.resnet_generator import UPS
from tests.export.networks import NETWORKS, random_params, toy

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RNG = np.random.default_rng(0)
of_tools = pytest.mark.filterwarnings("ignore")  # they have warnings of their own


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


def _picture(height, width):
    return RNG.uniform(-1, 1, (1, height, width, 3)).astype(np.float32)


def _style_network():
    net = photonet((4, 6, 8), (2, 1, 1))
    # All there is, and a transfer of each kind: at the bottleneck, in a skip, in the decoder.
    off = dict.fromkeys(("d3.wct", "d2.wct", "d2.skip"), "off")
    arch = net.space.encode({c.name: c.options[-1] for c in net.space.choices} | off)
    x = jax.ShapeDtypeStruct((1, 16, 16, 3), np.float32)
    params = random_params(jax.eval_shape(net.extract(arch).init, jax.random.key(0), x)["params"])
    return StyleNetwork(net, tuple(arch.tolist()), params, {})


class _Graph(NamedTuple):
    """A file, what it is fed, and what it makes of that."""

    path: Path
    fed: dict[str, np.ndarray]
    output: np.ndarray


@pytest.fixture(scope="module", params=[*NETWORKS, "stylist"])
def graph(request, bundles, tmp_path_factory):
    """The graph of each network of the table, and of one that stylises."""
    if request.param == "stylist":
        path = tmp_path_factory.mktemp("graph") / "model.onnx"
        write_onnx_function(style_function(_style_network()), path, {})
        fed = {"content": _picture(23, 30), "style": _picture(34, 21), "alpha": np.array(0.8, np.float32)}
    else:
        path, fed = bundles(request.param)[0] / "model.onnx", {"image": _picture(18, 22)}
    return _Graph(path, fed, _run(path, fed))


def _run(model: Any, fed: dict[str, np.ndarray]) -> Any:
    given = str(model) if isinstance(model, Path) else model.SerializeToString()
    session = onnxruntime.InferenceSession(given, providers=["CPUExecutionProvider"])
    return session.run(None, fed)[0]


@of_tools
def test_every_node_has_a_name_of_its_own(graph):
    """Tools speak of nodes by their names."""
    names = [node.name for node in onnx.load(graph.path).graph.node]
    assert all(names) and len(set(names)) == len(names)


@of_tools
def test_preparing_for_quantisation_changes_nothing(graph, tmp_path, monkeypatch):
    """All shapes are inferred, the graph is optimised, and computes what it did."""
    monkeypatch.chdir(tmp_path)  # where the tool leaves its files
    quant_pre_process(str(graph.path), str(tmp_path / "ready.onnx"))
    np.testing.assert_allclose(_run(tmp_path / "ready.onnx", graph.fed), graph.output, atol=1e-4)


@of_tools
@pytest.mark.parametrize("opset", [OPSET - 2, OPSET + 1])
def test_another_opset_changes_nothing(graph, opset):
    """An older one, and a newer one."""
    converted = onnx.version_converter.convert_version(onnx.load(graph.path), opset)
    assert converted.opset_import[0].version == opset
    np.testing.assert_allclose(_run(converted, graph.fed), graph.output, atol=1e-5)


@of_tools
def test_half_precision_runs(graph):
    """And stays near; a stylist's roots of covariances are for more digits, there it is enough that it runs."""
    halved = _run(convert_float_to_float16(onnx.load(graph.path), keep_io_types=True), graph.fed)
    assert halved.shape == graph.output.shape
    if "image" in graph.fed:
        assert np.abs(halved - graph.output).max() < 0.02 * np.abs(graph.output).max()


@pytest.fixture(scope="module")
def web():
    """Node with onnxruntime-web, from this folder or NODE_PATH, started once for all graphs."""
    found = ["node", "-e", "require.resolve('onnxruntime-web')"]
    if shutil.which("node") is None or subprocess.run(found, cwd=HERE, capture_output=True).returncode:
        pytest.skip("needs Node with onnxruntime-web: npm install --no-save onnxruntime-web")
    command = ["node", str(HERE / "run_web.cjs")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process


@of_tools
def test_the_web_runtime_computes_the_same(graph, web):
    """WebAssembly, as a browser runs it."""
    _check_web(web, graph)


@of_tools
def test_the_web_runtime_runs_what_is_shipped(web):
    """The file of a network that comes with the package, on a picture that is not square."""
    path, fed = FOLDER / "small_x4" / "model.onnx", {"image": _picture(19, 26)}
    _check_web(web, _Graph(path, fed, _run(path, fed)))


def _check_web(web, graph):
    inputs = {name: {"dims": a.shape, "values": a.ravel().tolist()} for name, a in graph.fed.items()}
    web.stdin.write(json.dumps({"model": str(graph.path), "inputs": inputs}) + "\n")
    web.stdin.flush()
    found = json.loads(web.stdout.readline())
    assert tuple(found["dims"]) == graph.output.shape
    values, most = np.reshape(found["values"], graph.output.shape), np.abs(graph.output).max()
    np.testing.assert_allclose(values, graph.output, atol=1e-4 * most)
