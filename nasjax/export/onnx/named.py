"""Functions of `ops` that are recognised by the name of their jitted call instead of being taken apart."""

from typing import Any

import numpy as np
from jax.extend.core import Literal

from nasjax.export.onnx.graph import STORED, Graph, Tensor, Value
from nasjax.ops.resize import bicubic_taps


def _image(graph: Graph, eqn: Any, values: list[Value]) -> Tensor:
    shape = eqn.invars[0].aval.shape
    if len(shape) != 4:
        raise ValueError(f"ONNX export: {eqn.params['name']} needs images [b, h, w, c], got the shape {shape}")
    return graph.full(values[0], shape)


def _factor(eqn: Any) -> int:
    """Output height over input height; both are exact, being integers or symbolic."""
    before, after = (var.aval.shape[1] for var in (eqn.invars[0], eqn.outvars[0]))
    return int(after // before)


def _pixel_shuffle(graph: Graph, eqn: Any, values: list[Value]) -> Value:
    attributes = {"blocksize": _factor(eqn), "mode": "DCR"}
    spread = graph.add("DepthToSpace", [_image(graph, eqn, values).name], attributes)
    return graph.sized(spread, eqn.outvars[0].aval.shape)


def _global_mean(graph: Graph, eqn: Any, values: list[Value]) -> Value:
    return graph.node("GlobalAveragePool", [_image(graph, eqn, values)], eqn.outvars[0].aval.shape)


def _normalise(graph: Graph, eqn: Any, values: list[Value]) -> Value:
    """The epsilon is a static argument, hence a constant of the body: the only one that is added there."""
    body = eqn.params["jaxpr"].eqns
    (epsilon,) = (a.val for e in body if e.primitive.name == "add" for a in e.invars if isinstance(a, Literal))
    image = _image(graph, eqn, values)
    ones, zeros = (graph.initializer(np.full(image.shape[-1], v, np.float32)) for v in (1, 0))
    name = graph.add("InstanceNormalization", [image.name, ones, zeros], {"epsilon": float(epsilon)})
    return Tensor(name, image.shape)


def _resize(attributes: dict[str, Any]):
    def emit(graph: Graph, eqn: Any, values: list[Value]) -> Value:
        # By sizes, which are integers: by scales, tools that infer shapes cannot tell twice a size from its rounding.
        shape = eqn.outvars[0].aval.shape
        sizes = graph.vector([shape[axis] for axis in STORED])
        return Tensor(graph.add("Resize", [_image(graph, eqn, values).name, "", "", sizes], attributes), shape)

    return emit


def _bicubic(graph: Graph, eqn: Any, values: list[Value]) -> Value:
    """Each output phase is a 5x5 convolution: runtimes do those an order of magnitude faster than a cubic `Resize`."""
    image, factor = _image(graph, eqn, values), _factor(eqn)
    taps, channels = bicubic_taps(factor), eqn.invars[0].aval.shape[-1]
    phases = np.einsum("ay,bx->abyx", taps, taps).reshape(-1, 1, *taps.shape[1:], *taps.shape[1:]).astype(np.float32)
    border = graph.initializer(np.array([0, 0, 2, 2, 0, 0, 2, 2], np.int64))
    padded = graph.add("Pad", [image.name, border], {"mode": "edge"})
    kernel = graph.initializer(np.tile(phases, (channels, 1, 1, 1)))
    detail = graph.add("Conv", [padded, kernel], {"group": channels})
    spread = graph.add("DepthToSpace", [detail], {"blocksize": factor, "mode": "CRD"})
    return graph.sized(spread, eqn.outvars[0].aval.shape)


def _reflect(graph: Graph, eqn: Any, values: list[Value]) -> Value:
    """The widths are static; what `ops.reflect` leaves to this function is always smaller than the image."""
    before, after = (var.aval.shape for var in (eqn.invars[0], eqn.outvars[0]))
    rows, columns = (int(after[a] - before[a]) // 2 for a in (1, 2))
    border = graph.initializer(np.array([0, 0, rows, columns] * 2, np.int64))
    return Tensor(graph.add("Pad", [_image(graph, eqn, values).name, border], {"mode": "reflect"}), after)


def _max_pool2(graph: Graph, eqn: Any, values: list[Value]) -> Value:
    sides = [1 if isinstance(n, int) and n == 1 else 2 for n in eqn.invars[0].aval.shape[1:3]]
    attributes = {"kernel_shape": sides, "strides": sides}
    return graph.node("MaxPool", [_image(graph, eqn, values)], eqn.outvars[0].aval.shape, attributes=attributes)


def _take_rows(graph: Graph, eqn: Any, values: list[Value]) -> Value:
    """Each image's own table: one axis of images is shared by tables and indices."""
    shapes = [var.aval.shape for var in eqn.invars]
    table, index = (graph.full(v, s) for v, s in zip(values, shapes, strict=True))
    if [len(s) for s in shapes] != [3, 3]:
        raise ValueError(f"ONNX export: take_rows needs tables [b, n, c] and indices [b, h, w], got {shapes}")
    # All tables as one, and not `GatherND` with its axis of images, which tools that infer shapes do not know.
    batch, rows, channels = shapes[0]
    zero, one = (graph.initializer(np.array(n, np.int64)) for n in (0, 1))
    first = graph.add("Range", [zero, graph.add("Squeeze", [graph.size(batch)]), one])
    first = graph.add("Mul", [first, graph.vector([rows])])
    first = graph.add("Reshape", [first, graph.vector([-1, 1, 1])])
    places = graph.add("Add", [graph.add("Cast", [index.name], {"to": np.dtype(np.int64)}), first])
    tables = graph.add("Reshape", [table.name, graph.vector([-1, channels])])
    return graph.stored(graph.add("Gather", [tables, places], {"axis": 0}), eqn.outvars[0].aval.shape)


def _materialised(graph: Graph, eqn: Any, values: list[Value]) -> Value:
    return values[0]


# ONNX clamps coordinates outside the image to its border unless `exclude_outside` is set: replicated borders, as ours.
_LINEAR = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
_NEAREST = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}

NAMED = {
    "pixel_shuffle": _pixel_shuffle,
    "global_mean": _global_mean,
    "materialised": _materialised,
    "max_pool2": _max_pool2,
    "normalise": _normalise,
    "pad_reflect": _reflect,
    "resize_bicubic": _bicubic,
    "resize_bilinear": _resize(_LINEAR),
    "resize_nearest": _resize(_NEAREST),
    "take_rows": _take_rows,
}
