"""The pieces of a supernet whose cost depends on few choices, for exact cost tables over whole populations.

A piece is one layer or one choice. Its static function is known from its own option, its inner width, and the widths
that reach it; the latter are found by walking the generator once per width choice and comparing shapes.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from nasjax.ops.base import Op, Width, formulation
from nasjax.space import SearchSpace
from nasjax.supernet.base import Supernet
from nasjax.supernet.extract import prune
from nasjax.supernet.net import candidates, widths
from nasjax.typing import Unit


class Piece(NamedTuple):
    """One layer or choice as seen on a walk: its input shapes and widths."""

    ops: tuple[Op, ...]
    choice: bool
    x: Any
    out: int
    inner: int


@dataclass(frozen=True)
class Bound:
    """An operation at static widths, `fn(params, x)`; equal for equal operation, widths and formulation."""

    op: Op
    out: int
    inner: int
    how: str = "native"

    def __call__(self, params, x):
        """Run the operation as `how` says: native primitives are what counting looks at."""
        with formulation(self.how):
            return self.op.apply(params, x, self.out, self.inner)


class Walk:
    """A `Net` that records every piece for given positions of the width choices; operations keep shapes alike.

    `outputs` keeps the shapes of what operations give, so that the walks of one network trace each of them once.
    """

    def __init__(self, space: SearchSpace, options: Mapping[str, int], outputs: dict):
        self.space, self.options, self.outputs = space, options, outputs
        self.pieces: dict[str, Piece] = {}
        self.used: list[str] = []
        self._stand_ins: dict[Any, Any] = {}  # an array a shape: nothing is computed, so equal ones may be the same

    def width(self, choice: str) -> int:
        """The width option assigned to this walk, or the widest."""
        self.used.append(choice)
        sizes = widths(self.space, choice)
        return int(sizes[self.options[choice]]) if choice in self.options else int(sizes.max())

    def layer(self, name: str, op: Op, x: Any, *, out: Width) -> Any:
        """Record a fixed layer."""
        return self._visit(name, Piece((op,), False, x, int(out), int(out)))

    def choose(self, choice: str, ops: Mapping[str, Op], x: Any, *, out: Width, inner: str | None = None) -> Any:
        """Record a choice."""
        width = int(out) if inner is None else self.width(inner)
        return self._visit(choice, Piece(tuple(candidates(self.space, choice, ops)), True, x, int(out), width))

    def _visit(self, name: str, piece: Piece) -> Any:
        leaves, tree = jax.tree.flatten(piece.x)
        shapes = tuple(jax.ShapeDtypeStruct(a.shape, a.dtype) for a in leaves)
        piece = self.pieces[name] = piece._replace(x=jax.tree.unflatten(tree, shapes))
        key = (piece.ops[0], piece.out, piece.inner, tree, shapes)
        if key not in self.outputs:
            self.outputs[key] = _output(piece)
        return jax.tree.map(self._stand_in, self.outputs[key])

    def _stand_in(self, a: Any) -> Any:
        key = (a.shape, a.dtype)
        if key not in self._stand_ins:
            self._stand_ins[key] = jnp.zeros(*key)
        return self._stand_ins[key]


def _output(piece: Piece) -> Any:
    op = piece.ops[0]
    params = _shapes(op.params(_channels(piece.x), piece.out, piece.inner))
    return jax.eval_shape(Bound(op, piece.out, piece.inner), params, piece.x)


def units(net: Supernet, x_shape: tuple[int, ...], *, how: str = "native") -> tuple[Unit, ...]:
    """All pieces of `net` for an input of shape `[b, h, w, c]`, deployed form; see `nasjax.typing.Unit`.

    `how` is the formulation of convolutions (`ops.base.formulation`): "native" to count, "auto" to measure what this
    backend would run. Raises ValueError when widths interact, so that a piece cannot be told from few choices.
    """
    walks = _Walks(net, jax.ShapeDtypeStruct(x_shape, jnp.float32), how)
    return tuple(_unit(net.space, name, piece, walks) for name, piece in walks.widest.items())


class _Walks:
    """Walks at joint positions of width choices; choices of one colour never meet, so they move together.

    `deps` are the width choices that a piece sees: those that change it when each alone is narrowed.
    """

    def __init__(self, net: Supernet, x: Any, how: str):
        self.net, self.x, self.how = net, x, how
        self.outputs: dict = {}
        self.cache: dict[tuple, dict[str, Piece]] = {}
        self.declared: dict[tuple, Any] = {}
        walk = self._walk({})
        self.widest = walk.pieces
        narrowest = {c: int(widths(net.space, c).argmin()) for c in dict.fromkeys(walk.used)}
        narrow = {c: self._walk({c: o}).pieces for c, o in narrowest.items()}
        self.deps = {
            name: tuple(c for c, pieces in narrow.items() if _differ(pieces[name], piece))
            for name, piece in self.widest.items()
        }
        self.colours = _colour(self.deps)
        self.sizes = {c: len(net.space.choices[net.space.index(c)].options) for c in self.colours}
        self._check(self._walk(narrowest).pieces, narrowest)

    def params(self, bound: Bound, x: Any) -> Any:
        """Shapes of the deployed params of an operation; equal blocks share the answer."""
        channels = _channels(x)
        key = (bound, str(channels))
        if key not in self.declared:
            shapes = _shapes(prune(bound.op.params(channels, bound.out, bound.inner)))
            self.declared[key] = shapes if bound.op.fold is None else jax.eval_shape(bound.op.fold, shapes)
        return self.declared[key]

    def piece(self, name: str, options: Mapping[str, int]) -> Piece:
        """The piece at these positions of the width choices it depends on."""
        # The colours it does not see stand at their last option, so that they share the walks of those that do.
        places = dict.fromkeys(self.colours.values(), max(self.sizes.values(), default=1) - 1)
        places |= {self.colours[c]: o for c, o in options.items()}
        key = tuple(places.items())
        if key not in self.cache:
            self.cache[key] = self._walk({c: min(places[k], self.sizes[c] - 1) for c, k in self.colours.items()}).pieces
        return self.cache[key][name]

    def _walk(self, options: Mapping[str, int]) -> Walk:
        walk = Walk(self.net.space, options, self.outputs)
        jax.eval_shape(lambda x: self.net.forward(walk, x), self.x)
        return walk

    def _check(self, pieces: Mapping[str, Piece], narrowest: Mapping[str, int]) -> None:
        """What one narrowed width at a time has shown must also explain all of them narrowed together."""
        for name, piece in pieces.items():
            if _differ(self.piece(name, {c: narrowest[c] for c in self.deps[name]}), piece):
                raise ValueError(
                    f"{self.net.space.name}: the widths that reach {name!r} interact (as in max(a, b) of two width "
                    "choices), so its cost cannot be tabulated; use one width choice there"
                )


def _differ(a: Piece, b: Piece) -> bool:
    # Not by their operations: a forward function may make them anew on each walk.
    return (a.out, a.inner, a.x) != (b.out, b.inner, b.x)


def _channels(x: Any) -> Any:
    return jax.tree.map(lambda a: a.shape[-1], x)


def _shapes(specs: Mapping[str, Any]) -> Any:
    return jax.tree.map(lambda p: jax.ShapeDtypeStruct(p.shape, jnp.float32), specs)


def _colour(seen: Mapping[str, tuple[str, ...]]) -> dict[str, int]:
    """Greedy colours such that two width choices that reach one piece differ."""
    colours: dict[str, int] = {}
    for choice in dict.fromkeys(itertools.chain(*seen.values())):
        met = {colours[c] for deps in seen.values() if choice in deps for c in deps if c in colours}
        colours[choice] = next(k for k in itertools.count() if k not in met)
    return colours


def _unit(space: SearchSpace, name: str, piece: Piece, walks: _Walks) -> Unit:
    deps = walks.deps[name]
    choices = (*((name,) if piece.choice else ()), *deps)

    def build(options: Mapping[str, int]):
        here = walks.piece(name, {c: options[c] for c in deps})
        op = here.ops[options[name] if piece.choice else 0]
        bound = Bound(op, here.out, here.inner, walks.how)
        return bound, walks.params(bound, here.x), here.x

    return Unit(name, choices, build)
