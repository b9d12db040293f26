"""Which distinct pieces of network the units of a space consist of, so that repeated blocks are examined once."""

import functools
import math
import types
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from nasjax.space import SearchSpace
from nasjax.typing import Unit

_MAX_DEPTH = 8


class Build(NamedTuple):
    """A function with the shapes of its parameters and input."""

    fn: Callable[..., Any]
    params: Any
    x: Any


class UnitIndex(NamedTuple):
    """Which build a unit is, for every combination of its choices' options; -1 where it is absent.

    `choices` are positions in an arch; `index` is `int64[options of each choice ...]`.
    """

    name: str
    choices: tuple[int, ...]
    index: np.ndarray


def distinct_builds(space: SearchSpace, units: Sequence[Unit]) -> tuple[list[Build], list[UnitIndex]]:
    """All different builds of the units, and where each occurs.

    Two builds are the same when the shapes agree and the functions have the same code and the same (hashable)
    closed-over values; functions must therefore be pure. Combinations that are never canonical are not built.
    Raises ValueError for a unit that names an unknown choice.
    """
    builds: dict[Hashable, tuple[int, Build]] = {}
    found = []
    for unit in units:
        choices = tuple(space.index(name) for name in unit.choices)
        index = np.full([len(space.choices[c].options) for c in choices], -1, np.int64)
        for combination in _combinations(space, choices):
            built = unit.build(dict(zip(unit.choices, combination, strict=True)))
            if built is not None:
                entry = builds.setdefault(_key(*built), (len(builds), Build(*built)))
                index[combination] = entry[0]
        found.append(UnitIndex(unit.name, choices, index))
    return [build for _, build in builds.values()], found


def _combinations(space: SearchSpace, choices: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Option combinations that can occur in a canonical arch, judged by the parents among `choices` alone."""
    shape = [len(space.choices[c].options) for c in choices]
    options = np.stack(np.unravel_index(np.arange(math.prod(shape)), shape), -1) if choices else np.zeros((1, 0), int)
    active = np.ones(options.shape, bool)
    for column, c in enumerate(choices):
        parent = space.choices[c].active
        if parent is not None and (p := space.index(parent[0])) in choices:
            asked = [space.option(parent[0], o) for o in parent[1]]
            active[:, column] = active[:, choices.index(p)] & np.isin(options[:, choices.index(p)], asked)
    canonical = (active | (options == 0)).all(-1)
    return [tuple(row) for row in options[canonical].tolist()]


def _key(fn: Callable[..., Any], params: Any, x: Any) -> Hashable:
    leaves, tree = jax.tree.flatten((params, x))
    return _identity(fn), tree, tuple((leaf.shape, leaf.dtype) for leaf in leaves)


def _identity(value: Any, depth: int = 0) -> Hashable:
    """A value equal for functions that do the same; at worst needlessly different, which only costs time."""
    inside = functools.partial(_identity, depth=depth + 1)
    if depth > _MAX_DEPTH:  # a closure that contains itself
        return id(value)
    if isinstance(value, functools.partial):
        return "partial", inside(value.func), inside(value.args), inside(value.keywords)
    if isinstance(value, types.MethodType):
        return "method", inside(value.__func__), inside(value.__self__)
    if isinstance(value, types.FunctionType):
        defaults = inside(value.__defaults__), inside(value.__kwdefaults__)
        return value.__code__, id(value.__globals__), defaults, _cells(value, inside)
    if isinstance(value, tuple | list):
        return type(value), tuple(map(inside, value))
    if isinstance(value, Mapping):
        return type(value), tuple((key, inside(item)) for key, item in value.items())
    try:
        hash(value)
    except TypeError:
        return id(value)  # stays unique: the build keeps the function, and so the value, alive
    return type(value), value


def _cells(fn: types.FunctionType, inside: Callable[[Any], Hashable]) -> Hashable:
    try:
        return tuple(inside(cell.cell_contents) for cell in fn.__closure__ or ())
    except ValueError:  # a name that is not bound yet
        return id(fn)
