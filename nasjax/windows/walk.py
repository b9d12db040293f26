"""Runs a traced image function on a window of a picture, equation by equation.

Every equation runs at the window's size, as it was traced, but for operations that see beyond the picture's end or all
of it (`primitives`, `named`). What depends on the picture's size is its number of pixels (of a mean), which is put
right, or is refused.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.extend.core import Literal

from nasjax.windows.site import Run, Site, same
from nasjax.windows.traced import CALLS, opened
from nasjax.windows.values import NotWindowed, Value


def walk(run: Run, parameters: Any, images: Sequence[Any]) -> list[Value]:
    """The outputs on a window, flat; raises NotWindowed naming the operation that cannot be run so."""
    jaxprs = [closed.jaxpr for closed in run.traced.jaxprs]
    flat = [*jax.tree.leaves(parameters), *images]
    values = [Value(array, run.axes([j.invars[i].aval.shape for j in jaxprs])) for i, array in enumerate(flat)]
    return _walk(run, jaxprs, [closed.consts for closed in run.traced.jaxprs], values)


def _walk(run: Run, jaxprs: Sequence[Any], consts: Sequence[Any], values: Sequence[Value]) -> list[Value]:
    if len({tuple(e.primitive.name for e in j.eqns) for j in jaxprs}) > 1:
        raise NotWindowed("the function is made of other operations at another size")
    bound: dict[Any, Value] = dict(zip(jaxprs[0].invars, values, strict=True))
    bound |= {var: _constant(kept) for var, *kept in zip(jaxprs[0].constvars, *consts, strict=True)}
    for eqns in zip(*(j.eqns for j in jaxprs), strict=True):
        given = [_read(run, bound, atoms) for atoms in zip(*(e.invars for e in eqns), strict=True)]
        bound.update(zip(eqns[0].outvars, _apply(Site(eqns, run), given), strict=True))
    return [_read(run, bound, atoms) for atoms in zip(*(j.outvars for j in jaxprs), strict=True)]


def _apply(site: Site, given: list[Value]) -> list[Value]:
    eqns, run = site.eqns, site.run
    axes = [site.axes(i) for i in range(len(eqns[0].outvars))]
    if not any(value.spatial for value in given) and not any(any(found) for found in axes):
        out = site.bind(*(value.array for value in given))
        made = [Value(array) for array in (out if len(axes) > 1 else [out])]
    elif site.name in run.rules:
        made = run.rules[site.name](site, given)
    elif eqns[0].primitive.name in CALLS:
        inner = [opened(eqn) for eqn in eqns]
        return _walk(run, [j for j, _ in inner], [c for _, c in inner], given)
    else:
        raise site.refuse("what it sees of the picture is not known")
    level = max((value.level for value in given), default=0)
    return [v._replace(axes=found, level=max(v.level, level)) for v, found in zip(made, axes, strict=True)]


def _read(run: Run, bound: Mapping[Any, Value], atoms: Sequence[Any]) -> Value:
    if not isinstance(atoms[0], Literal):
        return bound[atoms[0]]
    numbers = [np.asarray(atom.val, atom.aval.dtype) for atom in atoms]
    if all(np.array_equal(numbers[0], number) for number in numbers[1:]):
        return Value(numbers[0], (None,) * numbers[0].ndim)
    shares = [number / (rows * columns) for number, (rows, columns) in zip(numbers, run.traced.sizes, strict=True)]
    if numbers[0].ndim or max(shares) - min(shares) > 1e-6 * abs(max(shares)):
        raise NotWindowed(f"the number {numbers[0]} depends on the picture's size, and is not its number of pixels")
    rows, columns = (run.frame.size[side].astype(numbers[0].dtype) for side in (0, 1))
    return Value(shares[0].astype(numbers[0].dtype) * rows * columns)


def _constant(kept: Sequence[Any]) -> Value:
    if any(not same(kept[0], other) for other in kept[1:]):
        raise NotWindowed(f"a constant of shape {np.shape(kept[0])} depends on the picture's size")
    return Value(kept[0], (None,) * np.ndim(kept[0]))
