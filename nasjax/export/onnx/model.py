"""From a network to an `.onnx` file, and from the file to a function."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nasjax.export.network import Network, symbolic_input
from nasjax.export.onnx.graph import Graph, Node, Tensor
from nasjax.export.onnx.lower import lower
from nasjax.export.onnx.simplify import simplify
from nasjax.ops.base import formulation

OPSET = 20
INPUT, OUTPUT = "image", "output"
_MISSING = "ONNX export needs the package {!r}: pip install 'nasjax[onnx]'"


def write_onnx(network: Network, path: Path, metadata: Mapping[str, Any]) -> None:
    """Write the network with its weights as one ONNX file, opset 20, input `image`, output `output`.

    Both are float32 `[batch, height, width, channels]` in [-1, 1] with dynamic batch, height and width. `metadata` is
    stored as JSON under `nasjax`. Raises ValueError naming what cannot be translated, ModuleNotFoundError naming the
    extra to install where `onnx` is missing.
    """
    onnx = _onnx()
    shape = symbolic_input(network)
    graph, output, traced = _write(network, shape)
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            [_node(onnx, node) for node in graph.nodes],
            "nasjax",
            [onnx.helper.make_tensor_value_info(INPUT, onnx.TensorProto.FLOAT, _dims(shape))],
            [onnx.helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, _dims(traced))],
            [onnx.numpy_helper.from_array(array, name) for name, array in graph.constants.items()],
        ),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=9,  # the oldest that knows this opset: older runtimes load it too
        producer_name="nasjax",
    )
    onnx.helper.set_model_props(model, {"nasjax": json.dumps(metadata)})
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())


def load_onnx(path: Path) -> Callable[[Any], np.ndarray]:
    """The file as a function of a float32 image batch, run by onnxruntime on the CPU."""
    runtime = _runtime()
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda x: np.asarray(session.run([OUTPUT], {INPUT: np.asarray(x, np.float32)})[0])


def _write(network: Network, shape: tuple[Any, ...]) -> tuple[Graph, str, tuple[Any, ...]]:
    with formulation("native"):
        traced = jax.make_jaxpr(lambda x: network.apply(network.params, x))(jax.ShapeDtypeStruct(shape, jnp.float32))
    factor = network.size_multiple
    graph = Graph(Tensor(INPUT, shape), {"batch": (0, 1), "height": (1, factor), "width": (2, factor)})
    (found,) = lower(graph, traced, [graph.stored(INPUT, shape)])
    aval: Any = traced.out_avals[0]
    if len(aval.shape) != 4 or aval.dtype != np.float32:
        raise ValueError(f"ONNX export: the output must be float32 [b, h, w, c], got {aval.dtype} {aval.shape}")
    output = simplify(graph, graph.natural(graph.full(found, aval.shape)))
    graph.nodes.append(Node("Identity", (output,), OUTPUT, {}))
    return graph, OUTPUT, aval.shape


def _node(onnx: ModuleType, node: Node) -> Any:
    to_onnx = onnx.helper.np_dtype_to_tensor_dtype
    attributes = {k: to_onnx(v) if isinstance(v, np.dtype) else v for k, v in node.attributes.items()}
    return onnx.helper.make_node(node.op, list(node.inputs), [node.output], **attributes)


def _dims(shape: tuple[Any, ...]) -> list[int | str]:
    return [d if isinstance(d, int) else str(d) for d in shape]


def _onnx() -> ModuleType:
    try:
        import onnx
        import onnx.checker
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(_MISSING.format("onnx"), name="onnx") from error
    return onnx


def _runtime() -> ModuleType:
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(_MISSING.format("onnxruntime"), name="onnxruntime") from error
    return onnxruntime
