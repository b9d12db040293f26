"""An ONNX graph under construction, free of the `onnx` package, and the tensors in it.

Storage rule: a tensor of rank 4 is stored `[b, c, h, w]`, all others as in JAX. Shapes and axes are JAX's everywhere
else: handlers think channels-last, and only this module transposes.
"""

import ast
import hashlib
import operator
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

STORED = (0, 3, 1, 2)  # the JAX axes of a rank-4 tensor, in storage order
_NATURAL = (0, 2, 3, 1)
_ARITHMETIC = {ast.Add: "Add", ast.Sub: "Sub", ast.Mult: "Mul"}
_CALLS = {"floordiv": "Div", "max": "Max", "min": "Min"}
_MULTIPLE = re.compile(r"(?:(\d+)\*)?([A-Za-z_]\w*)")  # a size of an input as text: `height`, or `4*height`

Dim: TypeAlias = Any  # an int, or a symbolic dimension of jax.export


class Tensor(NamedTuple):
    """A named tensor and its shape in JAX's order of axes.

    An axis may have size 1 where the traced value is larger: broadcasts stay unexpanded until something needs them.
    """

    name: str
    shape: tuple[Dim, ...]


class Node(NamedTuple):
    """One ONNX node with a single output."""

    op: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, Any]


Value: TypeAlias = Tensor | np.ndarray  # what a traced variable is bound to: a tensor, or a constant known now


class Graph:
    """Collects nodes and constants while a function is walked; `inputs` have JAX's order of axes.

    Their symbolic sizes are variables, or variables times a number (`jax.export.symbolic_shape`).
    """

    def __init__(self, inputs: Mapping[str, Sequence[Dim]]):
        self.sizes = {
            found[2]: (name, axis, int(found[1] or 1))
            for name, shape in inputs.items()
            for axis, dim in enumerate(shape)
            if not isinstance(dim, int) and (found := _MULTIPLE.fullmatch(str(dim)))
        }
        # What is an input's size as it is needs no arithmetic, which tools that infer shapes may not see through.
        self.given = {str(d): (name, i) for name, shape in inputs.items() for i, d in enumerate(shape)}
        self.nodes: list[Node] = []
        self.constants: dict[str, np.ndarray] = {}
        self._known: dict[Any, str] = {}

    def add(self, op: str, inputs: Sequence[str], attributes: Mapping[str, Any] | None = None) -> str:
        """Append a node and return the name of its output."""
        output = f"t{len(self.nodes)}"
        self.nodes.append(Node(op, tuple(inputs), output, dict(attributes or {})))
        return output

    def initializer(self, array: np.ndarray) -> str:
        """The name of a constant stored exactly as given; equal ones are stored once, as weights that serve twice."""
        array = np.asarray(array)
        key = (array.dtype.str, array.shape, hashlib.sha256(array.tobytes()).digest())
        if key not in self._known:
            self._known[key] = f"c{len(self.constants)}"
            self.constants[self._known[key]] = np.ascontiguousarray(array).reshape(array.shape)
        return self._known[key]

    def tensor(self, value: Value) -> Tensor:
        """The value as a tensor; constants are stored."""
        if isinstance(value, Tensor):
            return value
        stored = value.transpose(STORED) if value.ndim == 4 else value
        return Tensor(self.initializer(stored), value.shape)

    def node(
        self, op: str, inputs: Sequence[Tensor], shape: Sequence[Dim], *, attributes: Mapping[str, Any] | None = None
    ) -> Tensor:
        """A node whose output has this shape; its attributes speak of storage order."""
        return Tensor(self.add(op, [t.name for t in inputs], attributes), tuple(shape))

    def full(self, value: Value, shape: Sequence[Dim]) -> Tensor:
        """The value with every broadcast axis expanded to the traced shape."""
        tensor = self.tensor(value)
        if same(tensor.shape, shape):
            return tensor
        order = STORED if len(shape) == 4 else range(len(shape))
        return Tensor(self.add("Expand", [tensor.name, self.vector([shape[a] for a in order])]), tuple(shape))

    def natural(self, tensor: Tensor) -> str:
        """The name of the tensor with axes in JAX's order."""
        return self.transpose(tensor.name, _NATURAL) if len(tensor.shape) == 4 else tensor.name

    def stored(self, name: str, shape: Sequence[Dim]) -> Tensor:
        """The tensor of a name whose axes are in JAX's order."""
        return Tensor(self.transpose(name, STORED) if len(shape) == 4 else name, tuple(shape))

    def transpose(self, name: str, order: Sequence[int]) -> str:
        """A transpose of what is stored under `name`."""
        return self.add("Transpose", [name], {"perm": list(order)})

    def vector(self, dims: Sequence[Dim]) -> str:
        """An int64 vector of sizes, computed from the input's shape where they are symbolic."""
        if all(isinstance(d, int) for d in dims):
            return self.initializer(np.array(dims, np.int64))
        return self.add("Concat", [self.size(d) for d in dims], {"axis": 0})

    def sized(self, name: str, shape: tuple[Dim, ...]) -> Tensor:
        """An image whose sizes are spelled out: tools that infer shapes cannot tell them after some operators."""
        return Tensor(self.add("Reshape", [name, self.vector([shape[axis] for axis in STORED])]), tuple(shape))

    def size(self, dim: Dim) -> str:
        """One size as an int64 vector of length 1."""
        key = ("size", str(dim))
        if key not in self._known and str(dim) in self.given:
            self._known[key] = self._axis_size(*self.given[str(dim)])
        if key not in self._known:
            self._known[key] = self._expression(ast.parse(str(dim).replace("^", "**"), mode="eval").body)
        return self._known[key]

    def _expression(self, term: ast.expr) -> str:
        """Nodes for a symbolic size; its text is the documented syntax of `jax.export.symbolic_shape`."""
        match term:
            case ast.Constant(value=int(number)):
                return self.initializer(np.array([number], np.int64))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self.add("Neg", [self._expression(operand)])
            case ast.Name(id=name):
                return self._input_size(name)
            case ast.BinOp(op=ast.Pow(), left=base, right=ast.Constant(value=int(power))):
                return self._product([self._expression(base)] * power)
            case ast.Call(func=ast.Name(id=name), args=terms) if name in _CALLS:
                return self.add(_CALLS[name], [self._expression(t) for t in terms])
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return self.add(_ARITHMETIC[type(op)], [self._expression(left), self._expression(right)])
        raise ValueError(f"ONNX export: cannot compute the size {ast.unparse(term)!r} from the input's sizes")

    def _input_size(self, name: str) -> str:
        """A size variable is an axis of the input divided by the factor that the axis is a multiple of."""
        source, axis, factor = self.sizes[name]
        size = self._axis_size(source, axis)
        return size if factor == 1 else self.add("Div", [size, self.initializer(np.array([factor], np.int64))])

    def _axis_size(self, source: str, axis: int) -> str:
        shape = self.add("Shape", [source])
        return self.add("Gather", [shape, self.initializer(np.array([axis], np.int64))], {"axis": 0})

    def _product(self, factors: list[str]) -> str:
        product = factors[0]
        for factor in factors[1:]:
            product = self.add("Mul", [product, factor])
        return product


def axis_in_storage(axis: int, rank: int) -> int:
    """Where an axis of a tensor of this rank is stored."""
    return STORED.index(axis) if rank == 4 else axis


def same(left: Sequence[Dim], right: Sequence[Dim]) -> bool:
    """Whether two shapes are known to be equal."""
    return len(left) == len(right) and all(map(operator.eq, left, right))
