"""The plain network of one arch: static operations, sliced parameters, nothing left of the search."""

import functools
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import numpy as np

from nasjax.ops.base import Op, Width, formulation
from nasjax.ops.params import check_params, draw, zeros
from nasjax.space import SearchSpace
from nasjax.supernet.net import Forward, candidates, live_options, of, widths
from nasjax.typing import Params


class Static:
    """The extracted mode of `Net`: `arch` is known, widths are ints."""

    def __init__(self, space: SearchSpace, params: Params, arch: tuple[int, ...]):
        self.space, self.params, self.arch = space, params, arch

    def width(self, choice: str) -> Width:
        """The arch's number of channels."""
        return int(widths(self.space, choice)[self.arch[self.space.index(choice)]])

    def layer(self, name: str, op: Op, x: Any, *, out: Width) -> Any:
        """The layer itself."""
        return op.apply(of(self.params, name), x, out, out)

    def choose(self, choice: str, ops: Mapping[str, Op], x: Any, *, out: Width, inner: str | None = None) -> Any:
        """The arch's operation."""
        i = self.space.index(choice)
        op = candidates(self.space, choice, ops)[self.arch[i]]
        return op.apply(
            of(self.params, choice, self.space.choices[i].options[self.arch[i]]),
            x,
            out,
            out if inner is None else self.width(inner),
        )


class Given(Static):
    """Extracted mode for params from outside, each checked when it is read: no other walk has to declare them first.

    `deployed`: they are in the folded form. Raises ValueError naming the first leaf that is missing, differs in shape,
    or is one too many in a layer or an operation.
    """

    def __init__(self, space: SearchSpace, params: Params, arch: tuple[int, ...], *, deployed: bool):
        super().__init__(space, params, arch)
        self.deployed = deployed

    def layer(self, name: str, op: Op, x: Any, *, out: Width) -> Any:
        """The layer itself, of the params that it needs."""
        self._check({name: self._needed(op, x, int(out), int(out))})
        return super().layer(name, op, x, out=out)

    def choose(self, choice: str, ops: Mapping[str, Op], x: Any, *, out: Width, inner: str | None = None) -> Any:
        """The arch's operation, of the params that it needs."""
        taken = self.arch[self.space.index(choice)]
        width = int(out) if inner is None else int(self.width(inner))
        needed = self._needed(candidates(self.space, choice, ops)[taken], x, int(out), width)
        self._check({choice: {self.space.choices[self.space.index(choice)].options[taken]: needed}})
        return super().choose(choice, ops, x, out=out, inner=inner)

    def _needed(self, op: Op, x: Any, out: int, inner: int) -> Mapping[str, Any]:
        specs = prune(op.params(_channels(x), out, inner))
        folded = self.deployed and op.fold is not None
        return jax.eval_shape(lambda: fold_params(zeros(specs), op)) if folded else specs

    def _check(self, declared: Mapping[str, Any]) -> None:
        specs, place = prune(declared), f"a network of {self.space.name}"
        mine = {name: self.params[name] for name in specs if name in self.params}
        check_params(mine or self.params, specs, place, exact=bool(mine))


class Declare:
    """Collects what a forward function declares: of one arch, or (`arch` None) of every allowed option at its widest.

    `specs` holds the nested `Param` declarations, `folds` the operation behind each, by the same names.
    """

    def __init__(self, space: SearchSpace, arch: tuple[int, ...] | None):
        self.space, self.arch = space, arch
        self.specs: dict[str, Any] = {}
        self.ops: dict[str, Any] = {}

    def width(self, choice: str) -> Width:
        """The arch's width, or the widest option."""
        options = widths(self.space, choice)
        return int(options.max() if self.arch is None else options[self.arch[self.space.index(choice)]])

    def layer(self, name: str, op: Op, x: Any, *, out: Width) -> Any:
        """Declare the layer; raises ValueError when the name is taken."""
        return self._declare(name, {"": op}, x, int(out), int(out))

    def choose(self, choice: str, ops: Mapping[str, Op], x: Any, *, out: Width, inner: str | None = None) -> Any:
        """Declare the arch's operation, or all of them."""
        names, found = self.space.choices[self.space.index(choice)].options, candidates(self.space, choice, ops)
        taken = live_options(self.space, choice) if self.arch is None else [self.arch[self.space.index(choice)]]
        width = int(out) if inner is None else int(self.width(inner))
        return self._declare(choice, {names[o]: found[o] for o in taken}, x, int(out), width)

    def _declare(self, name: str, ops: dict[str, Op], x: Any, out: int, inner: int) -> Any:
        if name in self.specs:
            raise ValueError(f"{self.space.name}: two layers or choices are named {name!r}")
        specs = {option: op.params(_channels(x), out, inner) for option, op in ops.items()}
        self.specs[name] = specs.get("", specs)
        self.ops[name] = ops.get("", ops)
        option = next(reversed(ops))
        return ops[option].apply(zeros(specs[option]), x, out, inner)


def declare(space: SearchSpace, forward: Forward, x: Any, *, arch: tuple[int, ...] | None) -> Declare:
    """Walk `forward` abstractly on an input of the shape of `x`; equal walks share one answer, which is only read."""
    leaves, tree = jax.tree.flatten(x)
    return _declared(space, forward, arch, tree, tuple(jax.ShapeDtypeStruct(a.shape, a.dtype) for a in leaves))


@functools.lru_cache(256)
def _declared(space: SearchSpace, forward: Forward, arch: tuple[int, ...] | None, tree: Any, shapes: tuple) -> Declare:
    net = Declare(space, arch)
    with formulation("native"):  # the shapes are those of every formulation, and this is the quickest to trace
        jax.eval_shape(lambda x: forward(net, x), jax.tree.unflatten(tree, shapes))
    return net


def _channels(x: Any) -> Any:
    return jax.tree.map(lambda a: a.shape[-1], x)


class ExtractedNet(nn.Module):
    """The plain Flax network of one arch; `apply({"params": params}, x)` with x, y: `[b, h, w, c]`.

    `deployed`: its params are in the folded form (`fold_params`), in which re-parameterised operations are merged.
    """

    space: SearchSpace
    forward: Forward
    arch: tuple[int, ...]
    deployed: bool = False

    @nn.compact
    def __call__(self, x):
        # `self.param` would trace how params are drawn, for nothing but their shapes, at every call.
        params = self._drawn(x) if self.is_initializing() else self.variables.get("params", {})
        return self.forward(Given(self.space, params, self.arch, deployed=self.deployed), x)

    def _drawn(self, x):
        net = declare(self.space, self.forward, x, arch=self.arch)
        return {name: self.param(name, self._init, spec, net.ops[name]) for name, spec in prune(net.specs).items()}

    def _init(self, key, spec, op):
        params = draw(key, spec)
        return fold_params(params, op) if self.deployed else params


def fold_params(params: Params, ops: Op | Mapping[str, Any]) -> Params:
    """The deployed form of params: those of operations with a `fold` are merged, the others kept."""
    if isinstance(ops, Op):
        return params if ops.fold is None else ops.fold(params)
    return {name: fold_params(p, ops[name]) for name, p in params.items()}


def prune(specs: Mapping[str, Any]) -> dict[str, Any]:
    """The declarations without empty branches: parameter-free operations leave no trace in a params tree."""
    kept = {name: prune(s) if isinstance(s, Mapping) else s for name, s in specs.items()}
    return {name: s for name, s in kept.items() if not isinstance(s, dict) or s}


def as_tuple(arch) -> tuple[int, ...]:
    """A concrete arch as a hashable static value."""
    return tuple(int(v) for v in np.asarray(arch))
