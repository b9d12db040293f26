"""Graphs pass the tools that people put them through: preparing for quantisation, half precision, other opsets."""

import json
import shutil
import subprocess
from pathlib import Path

import jax
import numpy as np
import onnx
import onnx.version_converter
import onnxruntime
import pytest
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import convert_float_to_float16

from nasjax.apply.upscalers import FOLDER
from nasjax.export.onnx.model import OPSET, write_onnx, write_onnx_function
from nasjax.export.style_function import style_function
from nasjax.export.stylist import StyleNetwork
from nasjax.spaces.photonet import photonet
from tests.export.networks import NETWORKS, random_params

pytestmark = pytest.mark.filterwarnings("ignore")  # the tools have their own
HERE = Path(__file__).parent
RNG = np.random.default_rng(0)


def _picture(height, width):
    return RNG.uniform(-1, 1, (1, height, width, 3)).astype(np.float32)


def _style_network():
    net = photonet((4, 6, 8), (2, 1, 1))
    arch = net.space.encode({c.name: c.options[-1] for c in net.space.choices})
    x = jax.ShapeDtypeStruct((1, 16, 16, 3), np.float32)
    params = random_params(jax.eval_shape(net.extract(arch).init, jax.random.key(0), x)["params"])
    return StyleNetwork(net, tuple(arch.tolist()), params, {})


@pytest.fixture(scope="module", params=[*NETWORKS, "stylist"])
def graph(request, tmp_path_factory):
    """A file, and what it is fed."""
    path = tmp_path_factory.mktemp("graph") / "model.onnx"
    if request.param == "stylist":
        write_onnx_function(style_function(_style_network()), path, {})
        return path, {"content": _picture(23, 30), "style": _picture(34, 21), "alpha": np.array(0.8, np.float32)}
    write_onnx(NETWORKS[request.param](), path, {})
    return path, {"image": _picture(18, 22)}


def _run(model, fed):
    given = str(model) if isinstance(model, Path) else model.SerializeToString()
    session = onnxruntime.InferenceSession(given, providers=["CPUExecutionProvider"])
    return session.run(None, fed)[0]


def test_every_node_has_a_name_of_its_own(graph):
    """Tools speak of nodes by their names."""
    names = [node.name for node in onnx.load(graph[0]).graph.node]
    assert all(names) and len(set(names)) == len(names)


def test_preparing_for_quantisation_changes_nothing(graph, tmp_path, monkeypatch):
    """All shapes are inferred, the graph is optimised, and computes what it did."""
    monkeypatch.chdir(tmp_path)  # where the tool leaves its files
    quant_pre_process(str(graph[0]), str(tmp_path / "ready.onnx"))
    np.testing.assert_allclose(_run(tmp_path / "ready.onnx", graph[1]), _run(*graph), atol=1e-4)


@pytest.mark.parametrize("opset", [OPSET - 2, OPSET + 1])
def test_another_opset_changes_nothing(graph, opset):
    """An older one, and a newer one."""
    converted = onnx.version_converter.convert_version(onnx.load(graph[0]), opset)
    assert converted.opset_import[0].version == opset
    np.testing.assert_allclose(_run(converted, graph[1]), _run(*graph), atol=1e-5)


@pytest.fixture(scope="module")
def web():
    """Node with onnxruntime-web, from this folder or NODE_PATH, started once for all graphs."""
    found = ["node", "-e", "require.resolve('onnxruntime-web')"]
    if shutil.which("node") is None or subprocess.run(found, cwd=HERE, capture_output=True).returncode:
        pytest.skip("needs Node with onnxruntime-web: npm install --no-save onnxruntime-web")
    command = ["node", str(HERE / "run_web.cjs")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process


def test_the_web_runtime_computes_the_same(graph, web):
    """WebAssembly, as a browser runs it."""
    _check_web(web, *graph)


def test_the_web_runtime_runs_what_is_shipped(web):
    """The file of a network that comes with the package, on a picture that is not square."""
    _check_web(web, FOLDER / "small_x4" / "model.onnx", {"image": _picture(19, 26)})


def _check_web(web, path, fed):
    inputs = {name: {"dims": a.shape, "values": a.ravel().tolist()} for name, a in fed.items()}
    web.stdin.write(json.dumps({"model": str(path), "inputs": inputs}) + "\n")
    web.stdin.flush()
    found = json.loads(web.stdout.readline())
    whole = _run(path, fed)
    assert tuple(found["dims"]) == whole.shape
    np.testing.assert_allclose(np.reshape(found["values"], whole.shape), whole, atol=1e-4 * np.abs(whole).max())


def test_half_precision_runs(graph):
    """And stays near; a stylist's roots of covariances are for more digits, there it is enough that it runs."""
    halved = _run(convert_float_to_float16(onnx.load(graph[0]), keep_io_types=True), graph[1])
    whole = _run(*graph)
    assert halved.shape == whole.shape
    if "image" in graph[1]:
        assert np.abs(halved - whole).max() < 0.02 * np.abs(whole).max()
