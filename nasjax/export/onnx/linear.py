"""Convolutions, products over channels and reductions."""

import string
from typing import Any

import numpy as np

from nasjax.export.onnx.graph import Graph, Tensor, Value, axis_in_storage

_LHS, _RHS, _OUT = (0, 3, 1, 2), (3, 2, 0, 1), (0, 3, 1, 2)  # NHWC, HWIO -> NHWC, as XLA's dimension numbers


def _conv(graph: Graph, eqn: Any, values: list[Value]) -> Value:
    given, numbers = eqn.params, eqn.params["dimension_numbers"]
    if (numbers.lhs_spec, numbers.rhs_spec, numbers.out_spec) != (_LHS, _RHS, _OUT):
        raise ValueError(f"ONNX export: convolutions must be NHWC, HWIO -> NHWC, got {numbers}")
    if given["batch_group_count"] != 1:
        raise ValueError("ONNX export: convolutions over groups of the batch are not supported")
    image = graph.full(values[0], eqn.invars[0].aval.shape)
    kernel = _constant(values[1], "the kernel of a convolution")
    shape = eqn.outvars[0].aval.shape
    if set(given["lhs_dilation"]) != {1}:
        return graph.sized(_transposed(graph, given, image, kernel), shape)
    (top, bottom), (left, right) = given["padding"]
    attributes = {
        "pads": [top, left, bottom, right],
        "strides": list(given["window_strides"]),
        "dilations": list(given["rhs_dilation"]),
        "group": given["feature_group_count"],
        "kernel_shape": list(kernel.shape[:2]),
    }
    return Tensor(graph.add("Conv", [image.name, graph.initializer(kernel.transpose(3, 2, 0, 1))], attributes), shape)


def _transposed(graph: Graph, given: Any, image: Tensor, kernel: np.ndarray) -> str:
    """A convolution over an image spread out with zeros; ONNX mirrors its kernel and pads what comes out."""
    if {*given["window_strides"], *given["rhs_dilation"], given["feature_group_count"]} != {1}:
        raise ValueError("ONNX export: transposed convolutions must have stride 1, no kernel dilation and one group")
    sides = kernel.shape[:2]
    cut = [(k - 1 - before, k - 1 - after) for k, (before, after) in zip(sides, given["padding"], strict=True)]
    if min(before for before, _ in cut) < 0:
        raise ValueError(f"ONNX export: a transposed convolution must not be padded by more than its kernel, got {cut}")
    attributes = {
        "pads": [before for before, _ in cut] + [max(after, 0) for _, after in cut],
        "output_padding": [max(-after, 0) for _, after in cut],
        "strides": list(given["lhs_dilation"]),
        "kernel_shape": list(sides),
    }
    return graph.add(
        "ConvTranspose", [image.name, graph.initializer(kernel[::-1, ::-1].transpose(2, 3, 0, 1))], attributes
    )


def _dot(graph: Graph, eqn: Any, values: list[Value]) -> Value:
    (contract, batch), shape = eqn.params["dimension_numbers"], eqn.outvars[0].aval.shape
    left, right = values
    over_channels = (tuple(map(tuple, contract)), tuple(map(tuple, batch))) == (((3,), (0,)), ((), ()))
    if over_channels and isinstance(right, np.ndarray) and right.ndim == 2:
        image = graph.full(left, eqn.invars[0].aval.shape)
        kernel = graph.initializer(right.T[:, :, None, None])
        return Tensor(graph.add("Conv", [image.name, kernel], {"kernel_shape": [1, 1]}), shape)
    ranks = [len(v.aval.shape) for v in eqn.invars]
    inputs = [graph.natural(graph.full(v, var.aval.shape)) for v, var in zip(values, eqn.invars, strict=True)]
    if (orders := _matmul_orders(ranks, contract, batch)) is not None:
        factors = [graph.transpose(name, order) for name, order in zip(inputs, orders, strict=True)]
        return graph.stored(graph.add("MatMul", factors), shape)
    return graph.stored(graph.add("Einsum", inputs, {"equation": _equation(ranks, contract, batch)}), shape)


def _matmul_orders(ranks: list[int], contract, batch) -> tuple[list[int], list[int]] | None:
    """The orders of axes in which a `dot_general` is one MatMul, or None; those that change nothing leave no node."""
    left, right = (
        [axis for axis in range(rank) if axis not in (*contract[side], *batch[side])] for side, rank in enumerate(ranks)
    )
    shared = len(batch[0])
    # MatMul broadcasts a matrix over what precedes the last two axes, but only where no axis is shared.
    if len(contract[0]) != 1 or len(right) != 1 or not (len(left) == 1 or (left and not shared)):
        return None
    return [*batch[0], *left, *contract[0]], [*batch[1], *contract[1], *right]


def _equation(ranks: list[int], contract, batch) -> str:
    """The einsum text of `dot_general`: output axes are batch, free left, free right."""
    letters = iter(string.ascii_lowercase)
    left, right = [next(letters) for _ in range(ranks[0])], [next(letters) for _ in range(ranks[1])]
    for pairs in (contract, batch):
        for i, j in zip(*pairs, strict=True):
            right[j] = left[i]
    shared = [left[i] for i in batch[0]]
    free_left = [a for i, a in enumerate(left) if i not in (*contract[0], *batch[0])]
    free_right = [a for j, a in enumerate(right) if j not in (*contract[1], *batch[1])]
    return f"{''.join(left)},{''.join(right)}->{''.join(shared + free_left + free_right)}"


def _reduce(op: str):
    def emit(graph: Graph, eqn: Any, values: list[Value]) -> Value:
        shape, axes = eqn.invars[0].aval.shape, eqn.params["axes"]
        tensor = graph.full(values[0], shape)
        where = graph.initializer(np.array([axis_in_storage(a, len(shape)) for a in axes], np.int64))
        # Kept axes of size 1 keep the rank, and with it the storage order; they are then removed in JAX's order.
        ones = tuple(1 if a in axes else d for a, d in enumerate(shape))
        kept = Tensor(graph.add(op, [tensor.name, where], {"keepdims": 1}), ones)
        removed = graph.initializer(np.array(axes, np.int64))
        return graph.stored(graph.add("Squeeze", [graph.natural(kept), removed]), eqn.outvars[0].aval.shape)

    return emit


def _argument(op: str):
    """The first position of the extreme value along one axis."""

    def emit(graph: Graph, eqn: Any, values: list[Value]) -> Value:
        shape, (axis,), aval = eqn.invars[0].aval.shape, eqn.params["axes"], eqn.outvars[0].aval
        attributes = {"axis": axis_in_storage(axis, len(shape)), "keepdims": 1}
        found = graph.add(op, [graph.full(values[0], shape).name], attributes)
        kept = Tensor(
            graph.add("Cast", [found], {"to": np.dtype(aval.dtype)}),
            tuple(1 if a == axis else d for a, d in enumerate(shape)),
        )
        removed = graph.initializer(np.array([axis], np.int64))
        return graph.stored(graph.add("Squeeze", [graph.natural(kept), removed]), aval.shape)

    return emit


def _constant(value: Value, what: str) -> np.ndarray:
    if isinstance(value, Tensor):
        raise ValueError(f"ONNX export: {what} must not depend on the image")
    return value


LINEAR = {
    "conv_general_dilated": _conv,
    "dot_general": _dot,
    "argmax": _argument("ArgMax"),
    "argmin": _argument("ArgMin"),
    "reduce_sum": _reduce("ReduceSum"),
    "reduce_max": _reduce("ReduceMax"),
    "reduce_min": _reduce("ReduceMin"),
    "reduce_prod": _reduce("ReduceProd"),
}
