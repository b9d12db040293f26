"""Elementwise primitives: one table, and a few that need more than one node."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nasjax.export.onnx.graph import Dim, Graph, Tensor, Value

_DIRECT = {
    "add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "max": "Max", "min": "Min", "pow": "Pow", "neg": "Neg",
    "abs": "Abs", "sign": "Sign", "floor": "Floor", "ceil": "Ceil", "exp": "Exp", "log": "Log", "sqrt": "Sqrt",
    "tanh": "Tanh", "atanh": "Atanh", "logistic": "Sigmoid", "erf": "Erf", "sin": "Sin", "cos": "Cos",
    "gt": "Greater", "lt": "Less", "ge": "GreaterOrEqual", "le": "LessOrEqual", "eq": "Equal",
    "and": "And", "or": "Or", "not": "Not",
}  # fmt: skip


def broadcast(shapes: Sequence[Sequence[Dim]]) -> tuple[Dim, ...]:
    """The common shape of shapes of one rank (scalars aside) whose axes are equal or 1."""
    rank = max(map(len, shapes))
    axes = zip(*(s for s in shapes if len(s) == rank), strict=True)
    return tuple(next((d for d in sizes if not (isinstance(d, int) and d == 1)), 1) for sizes in axes)


def _apply(graph: Graph, op: str, *values: Value) -> Tensor:
    tensors = [graph.tensor(v) for v in values]
    return graph.node(op, tensors, broadcast([t.shape for t in tensors]))


def _like(number: int, eqn: Any) -> np.ndarray:
    return np.asarray(number, eqn.outvars[0].aval.dtype)


def _direct(op: str) -> Callable[[Graph, Any, list[Value]], Value]:
    return lambda graph, eqn, values: _apply(graph, op, *values)


def _add(graph: Graph, eqn: Any, values: list[Value]) -> Value:
    """Absent edges of a network are zeros that were added: they leave no node."""
    for zero, other in (values, values[::-1]):
        if isinstance(zero, np.ndarray) and not zero.any() and zero.size == 1 and isinstance(other, Tensor):
            return other
    return _apply(graph, "Add", *values)


def _integer_pow(graph: Graph, eqn: Any, values: list[Value]) -> Value:
    if eqn.params["y"] == 2:
        return _square(graph, eqn, values)
    return _apply(graph, "Pow", values[0], _like(eqn.params["y"], eqn))


def _square(graph: Graph, eqn: Any, values: list[Value]) -> Value:
    return _apply(graph, "Mul", values[0], values[0])


def _rsqrt(graph: Graph, eqn: Any, values: list[Value]) -> Value:
    return _apply(graph, "Reciprocal", _apply(graph, "Sqrt", values[0]))


def _log1p(graph: Graph, eqn: Any, values: list[Value]) -> Value:
    return _apply(graph, "Log", _apply(graph, "Add", values[0], _like(1, eqn)))


def _expm1(graph: Graph, eqn: Any, values: list[Value]) -> Value:
    return _apply(graph, "Sub", _apply(graph, "Exp", values[0]), _like(1, eqn))


def _erfc(graph: Graph, eqn: Any, values: list[Value]) -> Value:
    return _apply(graph, "Sub", _like(1, eqn), _apply(graph, "Erf", values[0]))


def _not_equal(graph: Graph, eqn: Any, values: list[Value]) -> Value:
    return _apply(graph, "Not", _apply(graph, "Equal", *values))


def _clamp(graph: Graph, eqn: Any, values: list[Value]) -> Value:
    low, x, high = values
    return _apply(graph, "Min", _apply(graph, "Max", x, low), high)


def _select(graph: Graph, eqn: Any, values: list[Value]) -> Value:
    which, *cases = values
    if len(cases) != 2 or eqn.invars[0].aval.dtype != bool:
        raise ValueError("ONNX export: 'select_n' is supported for two cases chosen by booleans")
    return _apply(graph, "Where", which, cases[1], cases[0])


def _cast(graph: Graph, eqn: Any, values: list[Value]) -> Value:
    new = eqn.params["new_dtype"]
    if new == eqn.invars[0].aval.dtype:
        return values[0]
    tensor = graph.tensor(values[0])
    return graph.node("Cast", [tensor], tensor.shape, attributes={"to": np.dtype(new)})


def _same(graph: Graph, eqn: Any, values: list[Value]) -> Value:
    return values[0]


ELEMENTWISE = {name: _direct(op) for name, op in _DIRECT.items()} | {
    "add": _add,
    "add_any": _add,
    "integer_pow": _integer_pow,
    "square": _square,
    "rsqrt": _rsqrt,
    "log1p": _log1p,
    "expm1": _expm1,
    "erfc": _erfc,
    "ne": _not_equal,
    "clamp": _clamp,
    "select_n": _select,
    "convert_element_type": _cast,
    "copy": _same,
    "copy_p": _same,
    "name": _same,
    "stop_gradient": _same,
}
