"""Primitives that move data: broadcast, reshape, transpose, join, pad. Symbolic sizes are computed in the graph."""

from typing import Any

import numpy as np

from nasjax.export.onnx.graph import STORED, Dim, Graph, Tensor, Value, axis_in_storage


def _broadcast(graph: Graph, eqn: Any, values: list[Value]) -> Value:
    """Only axes of size 1 are inserted here; they are expanded where an operation needs it (`Graph.full`)."""
    shape, kept = eqn.params["shape"], eqn.params["broadcast_dimensions"]
    added = [a for a in range(len(shape)) if a not in kept]
    if isinstance(values[0], np.ndarray):
        return np.expand_dims(values[0], tuple(added))
    return _insert(graph, values[0], added)


def _insert(graph: Graph, tensor: Tensor, axes: list[int]) -> Tensor:
    if not axes:
        return tensor
    old = iter(tensor.shape)
    shape = [1 if a in axes else next(old) for a in range(len(tensor.shape) + len(axes))]
    name = graph.add("Unsqueeze", [graph.natural(tensor), graph.initializer(np.array(axes, np.int64))])
    return graph.stored(name, shape)


def _reshape(graph: Graph, eqn: Any, values: list[Value]) -> Value:
    if eqn.params["dimensions"] is not None:
        raise ValueError("ONNX export: 'reshape' with a permutation is not supported; transpose first")
    tensor, shape = graph.full(values[0], eqn.invars[0].aval.shape), eqn.outvars[0].aval.shape
    return graph.stored(graph.add("Reshape", [graph.natural(tensor), graph.vector(_one_open(shape))]), shape)


def _one_open(shape: tuple[Dim, ...]) -> list[Dim]:
    """The shape with its only symbolic size left for ONNX to infer; more than one are computed."""
    symbolic = [d for d in shape if not isinstance(d, int)]
    return [d if isinstance(d, int) else -1 for d in shape] if len(symbolic) == 1 else list(shape)


def _squeeze(graph: Graph, eqn: Any, values: list[Value]) -> Value:
    tensor, axes = graph.tensor(values[0]), eqn.params["dimensions"]
    shape = [d for a, d in enumerate(tensor.shape) if a not in axes]
    name = graph.add("Squeeze", [graph.natural(tensor), graph.initializer(np.array(axes, np.int64))])
    return graph.stored(name, shape)


def _transpose(graph: Graph, eqn: Any, values: list[Value]) -> Value:
    tensor, order = graph.tensor(values[0]), eqn.params["permutation"]
    return graph.stored(graph.transpose(graph.natural(tensor), order), [tensor.shape[a] for a in order])


def _concatenate(graph: Graph, eqn: Any, values: list[Value]) -> Value:
    axis, shape = eqn.params["dimension"], eqn.outvars[0].aval.shape
    # Padding by nothing leaves parts of size 0; ONNX runtimes need not accept them.
    parts = [(v, var.aval.shape) for v, var in zip(values, eqn.invars, strict=True) if 0 not in _known(var.aval.shape)]
    tensors = [graph.full(v, s) for v, s in parts]
    if len(tensors) == 1:
        return tensors[0]
    return graph.node("Concat", tensors, shape, attributes={"axis": axis_in_storage(axis, len(shape))})


def _stack(graph: Graph, eqn: Any, values: list[Value]) -> Value:
    axis, shape = eqn.params["axis"], eqn.outvars[0].aval.shape
    parts = [graph.full(v, var.aval.shape) for v, var in zip(values, eqn.invars, strict=True)]
    tensors = [_insert(graph, t, [axis]) for t in parts]
    return graph.node("Concat", tensors, shape, attributes={"axis": axis_in_storage(axis, len(shape))})


def _pad(graph: Graph, eqn: Any, values: list[Value]) -> Value:
    widths, shape = eqn.params["padding_config"], eqn.invars[0].aval.shape
    if any(inner != 0 or not isinstance(n, int | np.integer) for lo, hi, inner in widths for n in (lo, hi)):
        raise ValueError(f"ONNX export: 'pad' needs constant widths and no interior padding, got {widths}")
    order = STORED if len(shape) == 4 else range(len(shape))
    pads = [int(widths[a][side]) for side in (0, 1) for a in order]
    inputs = [graph.full(values[0], shape).name, graph.vector(pads), graph.tensor(values[1]).name]
    return Tensor(graph.add("Pad", inputs, {"mode": "constant"}), eqn.outvars[0].aval.shape)


def _size(graph: Graph, eqn: Any, values: list[Value]) -> Value:
    scalar = graph.add("Squeeze", [graph.size(eqn.params["dim"])])
    return Tensor(graph.add("Cast", [scalar], {"to": np.dtype(eqn.outvars[0].aval.dtype)}), ())


def _known(shape: tuple[Dim, ...]) -> list[int]:
    return [d for d in shape if isinstance(d, int)]


SHAPING = {
    "broadcast_in_dim": _broadcast,
    "reshape": _reshape,
    "squeeze": _squeeze,
    "transpose": _transpose,
    "concatenate": _concatenate,
    "stack": _stack,
    "pad": _pad,
    "dim_as_value": _size,
}
