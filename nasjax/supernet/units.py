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
from nasjax.ops.params import zeros
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
    """An operation at static widths, `fn(params, x)`; equal for equal operation and widths."""

    op: Op
    out: int
    inner: int

    def __call__(self, params, x):
        """Run the operation, convolutions as native primitives: what counting and latency tables look at."""
        with formulation("native"):
            return self.op.apply(params, x, self.out, self.inner)


class Walk:
    """A `Net` that records every piece for given positions of the width choices; operations keep shapes alike."""

    def __init__(self, space: SearchSpace, options: Mapping[str, int]):
        self.space, self.options = space, options
        self.pieces: dict[str, Piece] = {}
        self.used: list[str] = []

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
        shapes = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), piece.x)
        self.pieces[name] = piece._replace(x=shapes)
        op = piece.ops[0]
        specs = op.params(jax.tree.map(lambda a: a.shape[-1], piece.x), piece.out, piece.inner)
        return op.apply(zeros(specs), piece.x, piece.out, piece.inner)


def units(net: Supernet, x_shape: tuple[int, ...]) -> tuple[Unit, ...]:
    """All pieces of `net` for an input of shape `[b, h, w, c]`, deployed form; see `nasjax.typing.Unit`."""
    x = jax.ShapeDtypeStruct(x_shape, jnp.float32)
    widest = _walk(net, x, {})
    narrow = {c: _walk(net, x, {c: int(widths(net.space, c).argmin())}) for c in dict.fromkeys(widest.used)}
    pieces = widest.pieces
    seen = {name: tuple(c for c, walk in narrow.items() if _differ(walk.pieces[name], pieces[name])) for name in pieces}
    walks = _Walks(net, x, _colour(seen))
    return tuple(_unit(net.space, name, pieces[name], deps, walks) for name, deps in seen.items())


class _Walks:
    """Walks at joint positions of width choices; choices of one colour never meet, so they move together."""

    def __init__(self, net: Supernet, x: Any, colours: dict[str, int]):
        self.net, self.x, self.colours = net, x, colours
        self.cache: dict[tuple, dict[str, Piece]] = {}
        self.declared: dict[tuple, Any] = {}

    def params(self, bound: Bound, x: Any) -> Any:
        """Shapes of the deployed params of an operation; equal blocks share the answer."""
        channels = jax.tree.map(lambda a: a.shape[-1], x)
        key = (bound, str(channels))
        if key not in self.declared:
            specs = prune(bound.op.params(channels, bound.out, bound.inner))
            shapes = jax.tree.map(lambda p: jax.ShapeDtypeStruct(p.shape, jnp.float32), specs)
            self.declared[key] = shapes if bound.op.fold is None else jax.eval_shape(bound.op.fold, shapes)
        return self.declared[key]

    def piece(self, name: str, options: Mapping[str, int]) -> Piece:
        """The piece at these positions of the width choices it depends on."""
        by_colour = {self.colours[c]: o for c, o in options.items()}
        sizes = {c: len(self.net.space.choices[self.net.space.index(c)].options) for c in self.colours}
        moved = {c: min(by_colour[k], sizes[c] - 1) for c, k in self.colours.items() if k in by_colour}
        key = tuple(sorted(moved.items()))
        if key not in self.cache:
            self.cache[key] = _walk(self.net, self.x, moved).pieces
        return self.cache[key][name]


def _walk(net: Supernet, x: Any, options: Mapping[str, int]) -> Walk:
    walk = Walk(net.space, options)
    jax.eval_shape(lambda x: net.forward(walk, x), x)
    return walk


def _differ(a: Piece, b: Piece) -> bool:
    return (a.out, a.inner, a.x) != (b.out, b.inner, b.x)


def _colour(seen: Mapping[str, tuple[str, ...]]) -> dict[str, int]:
    """Greedy colours such that two width choices that reach one piece differ."""
    colours: dict[str, int] = {}
    for choice in dict.fromkeys(itertools.chain(*seen.values())):
        met = {colours[c] for deps in seen.values() if choice in deps for c in deps if c in colours}
        colours[choice] = next(k for k in itertools.count() if k not in met)
    return colours


def _unit(space: SearchSpace, name: str, piece: Piece, deps: tuple[str, ...], walks: _Walks) -> Unit:
    choices = (*((name,) if piece.choice else ()), *deps)

    def build(options: Mapping[str, int]):
        here = walks.piece(name, {c: options[c] for c in deps})
        op = here.ops[options[name] if piece.choice else 0]
        bound = Bound(op, here.out, here.inner)
        return bound, walks.params(bound, here.x), here.x

    return Unit(name, choices, build)
