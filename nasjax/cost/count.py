"""Counting parameters, multiply-accumulates and activations of a function by abstract tracing; nothing is executed."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax

BYTES_PER_PARAM = 4  # bundles are stored as float32
FIXED_PREFIX = "resize_"
_FREE = (FIXED_PREFIX, "materialised")


class Counts(NamedTuple):
    """Costs of one function at one input; all exact integers, for the whole batch that was traced.

    `params`: elements of the parameter tree. `macs`: multiply-accumulates of all convolutions and matrix products,
    where a transposed convolution (one with input dilation) is charged `output work // product of the dilations`,
    that is, only for multiplications with real pixels. `macs_torchprofile`: the same with transposed convolutions
    charged at output size, the convention of the torchprofile tool and of the papers that used it. `activations`:
    elements of the outputs of all convolutions and matrix products (the definition of the NTIRE challenges on
    efficient super-resolution). Additions, norms, activations and other element-wise work cost nothing.
    """

    params: int = 0
    macs: int = 0
    macs_torchprofile: int = 0
    activations: int = 0

    @property
    def bytes(self) -> int:
        """Payload of the float32 parameters, without file headers."""
        return BYTES_PER_PARAM * self.params


class _Work(NamedTuple):
    macs: int = 0
    macs_at_output: int = 0
    activations: int = 0


def count(fn: Callable[..., Any], params: Any, x: Any) -> Counts:
    """Costs of `fn(params, x)`, whose arguments are pytrees of arrays or `jax.ShapeDtypeStruct`.

    Loops of known length count their body once a turn. A conditional counts its dearest branch, but one on the
    platform (`jax.lax.platform_dependent`) counts its default branch, so that the figure does not depend on the
    machine. A jitted inner function whose name starts with `resize_` is a fixed resampling kernel and counts nothing,
    as in the literature; `ops.materialised` does nothing that could count. Raises ValueError for work in a loop of
    unknown length or inside an opaque kernel.
    """
    return Counts(num_params(params), *_of_jaxpr(jax.make_jaxpr(fn)(params, x).jaxpr))


def num_params(params: Any) -> int:
    """Elements of a tree of arrays or shapes; nothing is traced."""
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))


def _of_jaxpr(jaxpr) -> _Work:
    return _total([_of_equation(eqn) for eqn in jaxpr.eqns])


def _of_equation(eqn) -> _Work:
    name = eqn.primitive.name
    if name == "conv_general_dilated":
        return _of_convolution(eqn)
    if name == "dot_general":
        return _of_product(eqn)
    if name == "cond":
        return _of_conditional(eqn.params)
    if str(eqn.params.get("name", "")).startswith(_FREE):
        return _Work()
    inner = _total([_of_jaxpr(jaxpr) for jaxpr in _jaxprs(eqn.params)])
    _refuse_uncountable(name, inner)
    turns = eqn.params["length"] if name == "scan" else 1
    return _Work(*(turns * value for value in inner))


def _of_convolution(eqn) -> _Work:
    kernel, out = eqn.invars[1].aval.shape, eqn.outvars[0].aval.shape
    # The kernel's input dimension is already per group, so its size over the output features is the work per output.
    work = math.prod(out) * math.prod(kernel) // kernel[eqn.params["dimension_numbers"].rhs_spec[0]]
    return _Work(work // math.prod(eqn.params["lhs_dilation"]), work, math.prod(out))


def _of_product(eqn) -> _Work:
    (contracted, _), _ = eqn.params["dimension_numbers"]
    left, out = eqn.invars[0].aval.shape, math.prod(eqn.outvars[0].aval.shape)
    work = out * math.prod(left[axis] for axis in contracted)
    return _Work(work, work, out)


def _of_conditional(params: Mapping[str, Any]) -> _Work:
    works = [_of_jaxpr(branch.jaxpr) for branch in params["branches"]]
    platforms = params.get("branches_platforms")
    if platforms is not None and None in platforms:
        return works[platforms.index(None)]
    return max(works)


def _jaxprs(params: Mapping[str, Any]) -> Iterator[Any]:
    """The programs that an equation contains (the body of a jit, scan, remat, custom derivative rule ...)."""
    for value in params.values():
        for item in value if isinstance(value, tuple | list) else (value,):
            inner = getattr(item, "jaxpr", item)
            if hasattr(inner, "eqns"):
                yield inner


def _refuse_uncountable(name: str, inner: _Work) -> None:
    # A guess here would be a wrong number in somebody's table; an error is not.
    if name == "while" and any(inner):
        raise ValueError("work inside a while loop cannot be counted: its length is unknown; use scan or fori_loop")
    if name in ("pallas_call", "ffi_call", "ragged_dot_general"):
        raise ValueError(f"work inside {name!r} cannot be counted; give it a default form by platform_dependent")


def _total(works: list[_Work]) -> _Work:
    return _Work(*(sum(column) for column in zip(*works, strict=True))) if works else _Work()
