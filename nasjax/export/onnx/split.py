"""An ONNX graph that takes statistics of the whole picture, on windows of it.

The graph is cut at the nodes that reduce height and width: what comes before them is run for their sums over a window's
core, what comes after them is given the statistics of the whole picture. The file is the graph that anybody can run.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, final

import numpy as np

from nasjax.export.onnx.model import OUTPUT, onnx_package, runtime_package

Sums: TypeAlias = tuple[Any, ...]
_SPATIAL = {2, 3}  # the axes of a picture as graphs store it
_SHAPE, _WHOLE = "shape of the whole picture", " of the whole picture"


class _Kind(NamedTuple):
    """A reduction: sums over some axes of an array in double precision, how they merge, and what the graph is given."""

    measure: Callable[[np.ndarray, tuple[int, ...]], Sums]
    merge: Callable[[Sums, Sums], Sums]
    use: Callable[[Sums, Any], list[np.ndarray]]


class _Point(NamedTuple):
    """A node that reduces, over which axes, and how many others it depends on one after the other."""

    node: Any
    axes: tuple[int, ...]
    level: int

    @property
    def kind(self) -> _Kind:
        return _KINDS[self.node.op_type]

    @property
    def given(self) -> list[str]:
        """What takes its place among the inputs of the parts behind it."""
        name = self.node.output[0]
        return [f"{name} mean", f"{name} factor"] if self.node.op_type == _NORM else [name]


@final
class SplitGraph:
    """The graph of a file on windows inside a picture, by the three functions of `windows.windowed.Windowed`.

    It has parameters of its own; those that it is handed are not looked at. Names of statistics are those of the graph.
    """

    def __init__(self, path: Path):
        self._onnx, self._runtime = onnx_package(), runtime_package()
        self._model = self._onnx.load(path)
        self._points = _points(self._onnx, self._model.graph)
        self._sessions: dict[Any, Any] = {}

    @property
    def passes(self) -> list[int]:
        """How many statistics there are of each level."""
        found = Counter(point.level for point in self._points)
        return [found[level] for level in range(len(found))]

    def output(
        self, parameters: Any, images: Sequence[np.ndarray], *, place: Any, known: Mapping[str, Sums]
    ) -> tuple[np.ndarray, dict[str, Sums]]:
        """The result on a window; where nothing is known, on one that is the whole picture."""
        session = self._session(OUTPUT if known else None, [OUTPUT])
        return self._run(session, images, place, known)[0], {}

    def sums(
        self, level: int, parameters: Any, images: Sequence[np.ndarray], *, place: Any, known: Mapping[str, Sums]
    ) -> dict[str, Sums]:
        """The statistics of a level over the window's core, those of the levels before being known."""
        points = [point for point in self._points if point.level == level]
        sources = list(dict.fromkeys(point.node.input[0] for point in points))
        found = dict(zip(sources, self._run(self._session(level, sources), images, place, known), strict=True))
        window = images[0].shape[1:3]
        return {
            point.node.output[0]: point.kind.measure(_core(found[point.node.input[0]], place.core, window), point.axes)
            for point in points
        }

    def merge(self, a: dict[str, Sums], b: dict[str, Sums]) -> dict[str, Sums]:
        """The statistics of two cores together."""
        kinds = {point.node.output[0]: point.kind for point in self._points}
        return {name: kinds[name].merge(a[name], b[name]) for name in a}

    def _run(self, session: Any, images: Sequence[np.ndarray], place: Any, known: Mapping[str, Sums]) -> list[Any]:
        (image,) = images
        fed = {self._model.graph.input[0].name: image, _SHAPE: np.array([1, *place.size, image.shape[-1]], np.int64)}
        for point in self._points:
            if (sums := known.get(point.node.output[0])) is not None:
                fed |= zip(point.given, point.kind.use(sums, point.node), strict=True)
        return session.run(None, {given.name: fed[given.name] for given in session.get_inputs()})

    def _session(self, key: Any, outputs: list[str]) -> Any:
        """The part that makes some outputs, kept by a key; None for the graph as it is."""
        if key not in self._sessions:
            model = self._model if key is None else _part(self._onnx, self._model, self._points, outputs)
            self._sessions[key] = self._runtime.InferenceSession(
                model.SerializeToString(), providers=["CPUExecutionProvider"]
            )
        return self._sessions[key]


def split_graph(path: Path, passes: Sequence[Mapping[str, Any]] | None) -> SplitGraph | None:
    """The graph of a file in parts, where its statistics are those of the card's `tiling.passes`; else None."""
    if not passes:
        return None
    graph = SplitGraph(path)
    return graph if graph.passes == [len(each["statistics"]) for each in passes] else None


def _points(onnx: Any, graph: Any) -> list[_Point]:
    """The nodes that reduce a picture's height and width to one, as far as the picture is not reduced already."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    level: dict[str, int] = {}
    spatial, points = {given.name for given in graph.input}, []
    for node in graph.node:
        here, seen = max((level.get(n, 0) for n in node.input), default=0), spatial.intersection(node.input)
        axes = _axes(onnx, node, constants) if node.op_type in _KINDS and node.input[0] in spatial else ()
        reduces = _SPATIAL.issubset(axes)
        if reduces:
            points.append(_Point(node, axes, here))
        level[node.output[0]] = here + reduces
        if seen and node.op_type != "Shape" and (not reduces or node.op_type == _NORM):
            spatial.add(node.output[0])
    return points


def _axes(onnx: Any, node: Any, constants: Mapping[str, Any]) -> tuple[int, ...]:
    """What a node reduces; nothing for one that is not written as this package writes it."""
    if node.op_type == _MEAN:
        return tuple(_SPATIAL)
    given = [onnx.numpy_helper.to_array(constants[name]) for name in node.input[1:] if name in constants]
    if node.op_type == _NORM:
        return tuple(_SPATIAL) if [set(a.tolist()) for a in given] == [{1.0}, {0.0}] else ()
    kept = any(a.name == "keepdims" and a.i == 1 for a in node.attribute)
    return tuple(given[0].tolist()) if given and kept else ()


def _part(onnx: Any, model: Any, points: Sequence[_Point], outputs: Sequence[str]) -> Any:
    """The model of what some outputs are made of, its statistics being inputs."""
    make, floats = onnx.helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes = _cut(onnx, _with_sizes(onnx, model.graph, constants), points)
    needed, kept = set(outputs), []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.append(node)
    shape = make(_SHAPE, onnx.TensorProto.INT64, [4])
    inputs = [*model.graph.input, shape, *(make(name, floats, None) for p in points for name in p.given)]
    graph = onnx.helper.make_graph(
        kept[::-1],
        "part",
        [given for given in inputs if given.name in needed],
        [make(name, floats, None) for name in outputs],
        [tensor for name, tensor in constants.items() if name in needed],
    )
    return onnx.helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def _cut(onnx: Any, nodes: Sequence[Any], points: Sequence[_Point]) -> list[Any]:
    """The nodes without those that reduce: a norm becomes a difference and a product, all others inputs."""
    reduced, made = {point.node.output[0]: point for point in points}, []
    for node in nodes:
        point = reduced.get(node.output[0])
        if point is None:
            made.append(node)
        elif node.op_type == _NORM:
            (mean, factor), centred = point.given, f"{node.output[0]} centred"
            made.append(onnx.helper.make_node("Sub", [node.input[0], mean], [centred]))
            made.append(onnx.helper.make_node("Mul", [centred, factor], [node.output[0]]))
    return made


def _with_sizes(onnx: Any, graph: Any, constants: Mapping[str, Any]) -> list[Any]:
    """The nodes, of which those that count with the picture's size take that of the whole.

    Sizes that say how large an array is are integers, and stay the window's; those that are made floats are used as
    numbers, as in a mean.
    """
    sizes, numbers, made = set[str](), set[str](), []
    for node in graph.node:
        derived = node.op_type == "Shape" or (
            any(n in sizes for n in node.input) and all(n in sizes or n in constants for n in node.input)
        )
        if derived:
            sizes.update(node.output)
            as_float = node.op_type == "Cast" and node.attribute[0].i == onnx.TensorProto.FLOAT
            if as_float or numbers.intersection(node.input):
                numbers.update(node.output)
            made += [node, _renamed(onnx, node, sizes)]
        elif numbers.intersection(node.input):
            made.append(_renamed(onnx, node, numbers))
        else:
            made.append(node)
    return made


def _renamed(onnx: Any, node: Any, names: set[str]) -> Any:
    """A node that takes, of some names, what is said of the whole picture, and that is itself of it if it is a size."""
    twin = onnx.NodeProto()
    twin.CopyFrom(node)
    twin.input[:] = [name + _WHOLE if name in names else name for name in node.input]
    twin.output[:] = [name + _WHOLE if name in names else name for name in node.output]
    twin.name = f"{node.name}{_WHOLE}"
    return onnx.helper.make_node("Identity", [_SHAPE], twin.output) if node.op_type == "Shape" else twin


def _core(x: np.ndarray, core: np.ndarray, window: tuple[int, ...]) -> np.ndarray:
    """The part of an array `[1, c, i, j]` of a window that is its core."""
    rows, columns = ([int(edge) * x.shape[2 + side] // window[side] for edge in core[side]] for side in (0, 1))
    return x[:, :, slice(*rows), slice(*columns)]


def _number(x: np.ndarray) -> float:
    return float(x.shape[2] * x.shape[3])


def _measured(x: np.ndarray, axes: tuple[int, ...]) -> Sums:
    """Number, mean, and squares about it; a channel at a time, since double precision takes twice the memory."""
    wide = [channel.astype(np.float64) for channel in x[0]]
    mean = np.array([channel.mean() for channel in wide]).reshape(1, -1, 1, 1)
    squares = [np.square(channel - m).sum() for channel, m in zip(wide, mean.ravel(), strict=True)]
    return _number(x), mean, np.array(squares).reshape(1, -1, 1, 1)


def _merged(a: Sums, b: Sums) -> Sums:
    """As `windows.sums.merge_sums`."""
    count, step = a[0] + b[0], b[1] - a[1]
    return count, a[1] + step * (b[0] / count), a[2] + b[2] + step * step * (a[0] * b[0] / count)


def _normalising(sums: Sums, node: Any) -> list[np.ndarray]:
    (epsilon,) = (a.f for a in node.attribute if a.name == "epsilon")
    return _floats(sums[1], 1 / np.sqrt(sums[2] / sums[0] + epsilon))


def _added(a: Sums, b: Sums) -> Sums:
    return tuple(x + y for x, y in zip(a, b, strict=True))


def _floats(*arrays: Any) -> list[np.ndarray]:
    return [np.asarray(array, np.float32) for array in arrays]


def _extreme(reduce: np.ufunc) -> _Kind:
    return _Kind(
        lambda x, axes: (reduce.reduce(x, axes, keepdims=True),),
        lambda a, b: (reduce(a[0], b[0]),),
        lambda sums, node: _floats(*sums),
    )


def _total(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    return x.sum(axes, np.float64, keepdims=True)


_MEAN, _NORM = "GlobalAveragePool", "InstanceNormalization"
_KINDS: dict[str, _Kind] = {
    _MEAN: _Kind(lambda x, axes: (_number(x), _total(x, axes)), _added, lambda sums, node: _floats(sums[1] / sums[0])),
    _NORM: _Kind(_measured, _merged, _normalising),
    "ReduceSum": _Kind(lambda x, axes: (_total(x, axes),), _added, lambda sums, node: _floats(*sums)),
    "ReduceMax": _extreme(np.maximum),
    "ReduceMin": _extreme(np.minimum),
}
