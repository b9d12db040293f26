"""Maxima over sliding windows."""

from typing import Any

import numpy as np

from nasjax.export.onnx.graph import Graph, Tensor, Value


def _reduce_window_max(graph: Graph, eqn: Any, values: list[Value]) -> Value:
    """A window over height and width; what pads it never wins, in JAX as in ONNX."""
    given, shape = eqn.params, eqn.invars[0].aval.shape
    windows, strides, padding = (given[n] for n in ("window_dimensions", "window_strides", "padding"))
    outside = [(windows[a], strides[a], tuple(padding[a])) for a in (0, len(shape) - 1)]
    plain = len(shape) == 4 and set(outside) == {(1, 1, (0, 0))} and set(given["base_dilation"]) == {1}
    sides = [n for pair in padding for n in pair]
    if not plain or not all(isinstance(n, int | np.integer) for n in sides):
        raise ValueError(
            "ONNX export: 'reduce_window_max' is supported over height and width of images [b, h, w, c] with constant "
            f"padding, got windows {windows}, strides {strides}, padding {padding} for the shape {shape}"
        )
    attributes = {
        "kernel_shape": list(windows[1:3]),
        "strides": list(strides[1:3]),
        "dilations": list(given["window_dilation"][1:3]),
        "pads": [int(padding[axis][side]) for side in (0, 1) for axis in (1, 2)],
    }
    return Tensor(graph.add("MaxPool", [graph.full(values[0], shape).name], attributes), eqn.outvars[0].aval.shape)


POOLING = {"reduce_window_max": _reduce_window_max}
