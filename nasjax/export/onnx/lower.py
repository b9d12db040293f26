"""Walks a traced network and emits a graph: folds what parameters alone decide, inlines calls, dispatches the rest."""

from typing import Any

import numpy as np
from jax.extend.core import Literal

from nasjax.export.onnx.elementwise import ELEMENTWISE
from nasjax.export.onnx.graph import Dim, Graph, Value, same
from nasjax.export.onnx.indexing import INDEXING
from nasjax.export.onnx.linear import LINEAR
from nasjax.export.onnx.named import NAMED
from nasjax.export.onnx.pooling import POOLING
from nasjax.export.onnx.shaping import SHAPING

PRIMITIVES = {**ELEMENTWISE, **SHAPING, **INDEXING, **LINEAR, **POOLING}

# Calls that only group equations, and the parameter that holds them.
_CALLS = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "closed_call": "call_jaxpr",
    "core_call": "call_jaxpr",
    "remat": "jaxpr",
    "remat2": "jaxpr",
    "checkpoint": "jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "custom_vjp_call_jaxpr": "fun_jaxpr",
}


def lower(graph: Graph, traced: Any, inputs: list[Value]) -> list[Value]:
    """Emit the equations of a traced function (of `jax.make_jaxpr`) applied to `inputs`; returns its outputs.

    Raises ValueError naming a primitive that has no translation, and those that have.
    """
    return _walk(graph, traced.jaxpr, [*traced.consts], inputs)


def _walk(graph: Graph, jaxpr: Any, consts: list[Any], inputs: list[Value]) -> list[Value]:
    bound: dict[Any, Value] = {}
    bound.update(zip(jaxpr.constvars, map(np.asarray, consts), strict=True))
    bound.update(zip(jaxpr.invars, inputs, strict=True))

    def read(atom: Any) -> Value:
        return _array(atom) if isinstance(atom, Literal) else bound[atom]

    for eqn in jaxpr.eqns:
        bound.update(zip(eqn.outvars, _emit(graph, eqn, [read(a) for a in eqn.invars]), strict=True))
    return [read(a) for a in jaxpr.outvars]


def _array(literal: Any) -> np.ndarray:
    return np.asarray(literal.val, literal.aval.dtype)


def _emit(graph: Graph, eqn: Any, values: list[Value]) -> list[Value]:
    name = eqn.primitive.name
    if name in _CALLS:
        return _call(graph, eqn, values)
    if _foldable(eqn, values):
        found = eqn.primitive.bind(*values, **eqn.params)
        return [np.asarray(v) for v in (found if eqn.primitive.multiple_results else [found])]
    if any(d == 0 for var in eqn.outvars for d in var.aval.shape if isinstance(d, int)):
        return [_empty(var.aval) for var in eqn.outvars]
    if name not in PRIMITIVES:
        allowed = ", ".join(sorted(PRIMITIVES))
        raise ValueError(
            f"ONNX export: no translation of the primitive {name!r} ({_place(eqn)}); supported: {allowed}, "
            f"and the functions {', '.join(NAMED)}"
        )
    emitted = PRIMITIVES[name](graph, eqn, values)
    return emitted if isinstance(emitted, list) else [emitted]


def _call(graph: Graph, eqn: Any, values: list[Value]) -> list[Value]:
    if (called := eqn.params.get("name")) in NAMED:
        return [NAMED[called](graph, eqn, values)]
    inner = eqn.params[_CALLS[eqn.primitive.name]]
    if hasattr(inner, "consts"):  # closed; from jax 0.12 on, every one is
        return _walk(graph, inner.jaxpr, [*inner.consts], values)
    return _walk(graph, inner, [], values)


def _foldable(eqn: Any, values: list[Value]) -> bool:
    """Whether the equation can be computed now: its inputs are known in full and no size is symbolic.

    Elementwise ones may be computed on constants whose broadcast is still pending.
    """
    if not all(isinstance(v, np.ndarray) for v in values) or eqn.primitive.name == "dim_as_value":
        return False
    full = all(same(v.shape, a.aval.shape) for v, a in zip(values, eqn.invars, strict=True))
    sized = all(isinstance(d, int) for var in eqn.outvars for d in var.aval.shape)
    return (full and sized) or eqn.primitive.name in ELEMENTWISE


def _empty(aval: Any) -> np.ndarray:
    """Nothing, in the rank that is expected; symbolic sizes do not matter for it."""
    return np.zeros([d if isinstance(d, int) else 0 for d in aval.shape], aval.dtype)


def _place(eqn: Any) -> str:
    return f"inputs {[_text(v.aval.shape) for v in eqn.invars]}"


def _text(shape: tuple[Dim, ...]) -> str:
    return "x".join(map(str, shape)) or "scalar"
