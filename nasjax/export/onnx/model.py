"""From a network to an `.onnx` file, and from the file to a function."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nasjax.export.network import Function, Network, symbolic_input
from nasjax.export.onnx.graph import Graph, Node
from nasjax.export.onnx.lower import lower
from nasjax.export.onnx.simplify import simplify
from nasjax.files import to_json
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
    function = Function(lambda x: network.apply(network.params, x), {INPUT: symbolic_input(network)})
    write_onnx_function(function, path, metadata)


def write_onnx_function(function: Function, path: Path, metadata: Mapping[str, Any]) -> None:
    """Write any function whose result is `[b, h, w, c]`, under the names of its inputs; otherwise as `write_onnx`."""
    onnx = onnx_package()
    graph, traced = _write(function)
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            [_node(onnx, node, f"{node.op}_{i}") for i, node in enumerate(graph.nodes)],
            "nasjax",
            [
                onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, _dims(shape))
                for name, shape in function.inputs.items()
            ],
            [onnx.helper.make_tensor_value_info(OUTPUT, onnx.TensorProto.FLOAT, _dims(traced))],
            [onnx.numpy_helper.from_array(array, name) for name, array in graph.constants.items()],
        ),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=9,  # the oldest that knows this opset: older runtimes load it too
        producer_name="nasjax",
    )
    onnx.helper.set_model_props(model, {"nasjax": to_json(metadata)})
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())


def load_onnx(path: Path) -> Callable[..., np.ndarray]:
    """The file as a function of float32 arrays (an image batch), run by onnxruntime on the CPU."""
    runtime = runtime_package()
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]

    def run(*arrays: Any) -> np.ndarray:
        given = [np.asarray(array, np.float32) for array in arrays]
        return np.asarray(session.run([OUTPUT], dict(zip(names, given, strict=True)))[0])

    return run


def _write(function: Function) -> tuple[Graph, tuple[Any, ...]]:
    given = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in function.inputs.values()]
    with formulation("native"):
        traced = jax.make_jaxpr(function.call)(*given)
    graph = Graph(function.inputs)
    (found,) = lower(graph, traced, [graph.stored(name, shape) for name, shape in function.inputs.items()])
    aval: Any = traced.out_avals[0]
    if len(aval.shape) != 4 or aval.dtype != np.float32:
        raise ValueError(f"ONNX export: the output must be float32 [b, h, w, c], got {aval.dtype} {aval.shape}")
    output = simplify(graph, graph.natural(graph.full(found, aval.shape)))
    graph.nodes.append(Node("Identity", (output,), OUTPUT, {}))
    return graph, aval.shape


def _node(onnx: ModuleType, node: Node, name: str) -> Any:
    """A node with a name: tools for quantisation and conversion speak of nodes by their names."""
    to_onnx = onnx.helper.np_dtype_to_tensor_dtype
    attributes = {k: to_onnx(v) if isinstance(v, np.dtype) else v for k, v in node.attributes.items()}
    return onnx.helper.make_node(node.op, list(node.inputs), [node.output], name=name, **attributes)


def _dims(shape: tuple[Any, ...]) -> list[int | str]:
    return [d if isinstance(d, int) else str(d) for d in shape]


def onnx_package() -> ModuleType:
    """The package `onnx`; ModuleNotFoundError naming the extra to install where it is missing."""
    try:
        import onnx
        import onnx.checker
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(_MISSING.format("onnx"), name="onnx") from error
    return onnx


def runtime_package() -> ModuleType:
    """The package `onnxruntime`; ModuleNotFoundError as of `onnx_package`."""
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(_MISSING.format("onnxruntime"), name="onnxruntime") from error
    return onnxruntime
