"""Channels in the order of their importance: what leading slices keep is then what matters most.

Weights are shared by their leading channels, so a narrow network of a supernet has the first channels of the wide one.
Sorting them beforehand (once-for-all, arXiv 1908.09791, section 3.3) changes no network of full width, and makes the
narrow ones far better starting points.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nasjax.ops.params import Param
from nasjax.supernet.base import Supernet
from nasjax.supernet.extract import declare
from nasjax.typing import Params

Path = tuple[str, ...]
_FIRST, _STEP = 4000, 8  # labels: sizes that no constant, half or double of another label has, and group sizes divide


class _Leaf(NamedTuple):
    """A parameter, the width choice that each of its axes has, and whether its last axis must keep its order."""

    path: Path
    axes: tuple[str | None, ...]
    tied: bool


def sort_channels(net: Supernet, params: Params) -> dict[str, Any]:
    """The params with the channels of every width choice in the order of falling importance.

    `params` are those of `net`, all or a part (`select`, `extract_params`), at full width: every network of full width
    computes what it did. A channel's importance is the sum of the absolute weights that read it, times the mean scale
    of the norms that make it, where they have one. Channels inside an operation are sorted by themselves; those of a
    grouped convolution keep their places. Not for trunks with partial convolutions (`pconv`): which channels these take
    depends on the order. Raises ValueError where a width is not the widest option.
    """
    leaves = [leaf for leaf in _leaves(net) if _get(params, leaf.path) is not None]
    orders: dict[tuple[str, Path], np.ndarray] = {}
    for group, members in _groups(leaves).items():
        order = _order(group[0], members, params)
        if order is not None:
            orders |= {(group[0], leaf.path): order for leaf in members}
    return _permuted(params, leaves, orders)


def _leaves(net: Supernet) -> Iterator[_Leaf]:
    """All parameters; the axes that belong to a width choice are found by declaring the network at made-up widths."""
    names = [c.name for c in net.space.choices if all(o.isdigit() for o in c.options)]
    labels = {name: _FIRST + _STEP * i for i, name in enumerate(names)}
    choices = tuple(
        c._replace(options=(str(labels[c.name]),), default=0) if c.name in labels else c for c in net.space.choices
    )
    space = replace(net.space, choices=choices, allowed=())
    named = {size: name for name, size in labels.items()}
    specs = declare(space, net.forward, jax.ShapeDtypeStruct(net.probe, jnp.float32), arch=None).specs
    for path, spec in _walk(specs):
        yield _Leaf(path, tuple(named.get(n) for n in spec.shape), spec.tied)


def _walk(specs: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[Path, Param]]:
    for name, value in specs.items():
        if isinstance(value, Mapping):
            yield from _walk(value, (*path, name))
        else:
            yield (*path, name), value


def _groups(leaves: list[_Leaf]) -> dict[tuple[str, Path], list[_Leaf]]:
    """The parameters that share the channels of a width choice: of several layers, or of one operation alone."""
    layers: dict[str, set[str]] = {}
    for leaf in leaves:
        for choice in set(leaf.axes) - {None}:
            layers.setdefault(str(choice), set()).add(leaf.path[0])
    groups: dict[tuple[str, Path], list[_Leaf]] = {}
    for leaf in leaves:
        for choice in dict.fromkeys(a for a in leaf.axes if a):
            where = () if len(layers[choice]) > 1 else leaf.path[:2]
            groups.setdefault((choice, where), []).append(leaf)
    return groups


def _order(choice: str, members: list[_Leaf], params: Params) -> np.ndarray | None:
    """The channels from the most important on; None where they must stay."""
    if any(leaf.tied and leaf.axes[-1] == choice for leaf in members):
        return None
    arrays = [(leaf, np.abs(np.asarray(_get(params, leaf.path), np.float64))) for leaf in members]
    read = [
        a.sum(tuple(i for i in range(a.ndim) if i != a.ndim - 2))
        for leaf, a in arrays
        if a.ndim > 1 and leaf.axes[-2] == choice
    ]
    if not read:
        return None
    scales = [a for leaf, a in arrays if leaf.path[-1] == "scale"]
    importance = np.sum(read, 0) * (np.mean(scales, 0) if scales else 1)
    return np.argsort(-importance, kind="stable")


def _permuted(params: Params, leaves: list[_Leaf], orders: Mapping[tuple[str, Path], np.ndarray]) -> dict[str, Any]:
    axes = {leaf.path: leaf.axes for leaf in leaves}

    def visit(value: Any, path: Path) -> Any:
        if isinstance(value, Mapping):
            return {name: visit(inner, (*path, name)) for name, inner in value.items()}
        for axis, choice in enumerate(axes.get(path, ())):
            order = orders.get((str(choice), path))
            if order is not None:
                if value.shape[axis] != len(order):
                    raise ValueError(f"sort_channels: {'/'.join(path)} has not the full width of {choice}")
                value = np.take(np.asarray(value), order, axis)  # eager jax would compile a program for every shape
        return jax.device_put(value)

    return visit(params, ())


def _get(params: Params, path: Path) -> Any:
    found: Any = params
    for name in path:
        if not isinstance(found, Mapping) or name not in found:
            return None
        found = found[name]
    return found
