"""Primitives that take parts of a tensor: slices, reversals, splits, and look-ups along one axis."""

from typing import Any

import numpy as np

from nasjax.export.onnx.graph import Dim, Graph, Tensor, Value, axis_in_storage

_END = np.iinfo(np.int64).max


def _slice(graph: Graph, eqn: Any, values: list[Value]) -> Value:
    shape = eqn.invars[0].aval.shape
    starts, ends = eqn.params["start_indices"], eqn.params["limit_indices"]
    steps = eqn.params["strides"] or (1,) * len(shape)
    cut = [a for a, d in enumerate(shape) if not (starts[a] == 0 and ends[a] == d and steps[a] == 1)]
    bounds = ([starts[a] for a in cut], [ends[a] for a in cut], [steps[a] for a in cut])
    return _cut(graph, graph.full(values[0], shape), cut, bounds, eqn.outvars[0].aval.shape)


def _cut(graph: Graph, tensor: Tensor, axes: list[int], bounds: tuple[list, list, list], shape) -> Tensor:
    """The part between starts and ends, in steps, of some axes."""
    if not axes:
        return tensor
    starts, ends, steps = (graph.vector(b) for b in bounds)
    where = graph.initializer(np.array([axis_in_storage(a, len(tensor.shape)) for a in axes], np.int64))
    name = graph.add("Slice", [tensor.name, starts, ends, where, steps])
    # Tools that infer shapes cannot tell every second row of `2 * ((height + 1) / 2)` from half of `height`.
    spelled = len(shape) == 4 and any(not isinstance(shape[axis], int) for axis in axes)
    return graph.sized(name, tuple(shape)) if spelled else Tensor(name, tuple(shape))


def _reverse(graph: Graph, eqn: Any, values: list[Value]) -> Value:
    shape, axes = eqn.invars[0].aval.shape, list(eqn.params["dimensions"])
    bounds = ([-1] * len(axes), [-_END] * len(axes), [-1] * len(axes))
    return _cut(graph, graph.full(values[0], shape), axes, bounds, shape)


def _split(graph: Graph, eqn: Any, values: list[Value]) -> list[Value]:
    shape, axis = eqn.invars[0].aval.shape, eqn.params["axis"]
    tensor, ends = graph.full(values[0], shape), np.cumsum(eqn.params["sizes"]).tolist()
    bounds = [([end - size], [end], [1]) for size, end in zip(eqn.params["sizes"], ends, strict=True)]
    return [_cut(graph, tensor, [axis], b, var.aval.shape) for b, var in zip(bounds, eqn.outvars, strict=True)]


def _gather(graph: Graph, eqn: Any, values: list[Value]) -> Value:
    """What indexing with slices, integers or a vector on one axis is traced to where sizes are symbolic."""
    numbers, indices = eqn.params["dimension_numbers"], values[1]
    axes, dropped = list(numbers.start_index_map), tuple(numbers.collapsed_slice_dims)
    plain = not numbers.operand_batching_dims
    if plain and isinstance(indices, np.ndarray) and indices.ndim == 1:
        return _block(graph, eqn, graph.full(values[0], eqn.invars[0].aval.shape), indices.tolist())
    kept = tuple(a for a in range(len(eqn.outvars[0].aval.shape)) if a not in axes)
    if plain and len(eqn.invars[1].aval.shape) == 2 and dropped == tuple(axes) and numbers.offset_dims == kept:
        return _look_up(graph, eqn, values, axes[0])
    raise ValueError("ONNX export: 'gather' is supported for slices and for one vector of indices along one axis")


def _block(graph: Graph, eqn: Any, tensor: Tensor, starts: list[int]) -> Tensor:
    numbers, sizes = eqn.params["dimension_numbers"], list(eqn.params["slice_sizes"])
    axes, dropped = list(numbers.start_index_map), list(numbers.collapsed_slice_dims)
    ends = [start + sizes[a] for start, a in zip(starts, axes, strict=True)]
    part = _cut(graph, tensor, axes, (starts, ends, [1] * len(axes)), sizes)
    if not dropped:
        return part
    name = graph.add("Squeeze", [graph.natural(part), graph.initializer(np.array(dropped, np.int64))])
    return graph.stored(name, eqn.outvars[0].aval.shape)


def _look_up(graph: Graph, eqn: Any, values: list[Value], axis: int) -> Tensor:
    tensor, shape = graph.full(values[0], eqn.invars[0].aval.shape), eqn.outvars[0].aval.shape
    last = graph.initializer(np.array([1], np.int64))
    indices = graph.add("Squeeze", [graph.full(values[1], eqn.invars[1].aval.shape).name, last])
    name = graph.add("Gather", [tensor.name, indices], {"axis": axis_in_storage(axis, len(tensor.shape))})
    return Tensor(name, shape)


def _iota(graph: Graph, eqn: Any, values: list[Value]) -> Value:
    shape: tuple[Dim, ...] = eqn.params["shape"]
    if len(shape) != 1:
        raise ValueError(f"ONNX export: 'iota' of symbolic size must have one axis, got the shape {shape}")
    first, step = (graph.initializer(np.array(n, np.int64)) for n in (0, 1))
    count = graph.add("Range", [first, graph.add("Squeeze", [graph.size(shape[0])]), step])
    return Tensor(graph.add("Cast", [count], {"to": np.dtype(eqn.params["dtype"])}), shape)


INDEXING = {
    "slice": _slice,
    "rev": _reverse,
    "split": _split,
    "gather": _gather,
    "iota": _iota,
}
