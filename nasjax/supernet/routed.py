"""Fair training of a whole round at once: streams are moved to static slots instead of branching.

In a fair round every option of a choice is visited by a fixed number of streams, so slot j always executes the same
option and the drawn permutation only decides which stream visits which slot (`docs/concepts/fair_routing.md`).
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from nasjax.ops.base import Op, Width
from nasjax.rounds import Round
from nasjax.space import SearchSpace
from nasjax.supernet.net import candidates, of, widths
from nasjax.typing import Archs, Params


class Routed:
    """The routed mode of `Net`: all arrays carry a leading stream axis, in stream order between the layers."""

    def __init__(self, space: SearchSpace, round_: Round, params: Params, plan: Archs):
        self.space, self.round, self.params, self.plan = space, round_, params, plan

    def width(self, choice: str) -> Width:
        """A static width where the stage fixes it, else one width a stream."""
        options, allowed = widths(self.space, choice), self.space.options(choice)
        if len(allowed) == 1:
            return int(options[allowed[0]])
        return jnp.asarray(options)[self.plan[:, self.space.index(choice)]]

    def layer(self, name: str, op: Op, x: Any, *, out: Width) -> Any:
        """All streams at once, as one larger batch."""
        return op.apply(of(self.params, name), x, out, out)

    def choose(self, choice: str, ops: Mapping[str, Op], x: Any, *, out: Width, inner: str | None = None) -> Any:
        """Move streams to slots, run each slot's operation, move them back."""
        runs, order = self._slots(choice, candidates(self.space, choice, ops), inner)
        names = self.space.choices[self.space.index(choice)].options
        if order is None:
            option, op, _, width = runs[0]
            return op.apply(of(self.params, choice, names[option]), x, out, out if width is None else width)
        inverse = jnp.argsort(order)
        moved = jax.tree.map(lambda a: permute(a, order, inverse), x)
        outputs, start = [], 0
        for (option, op, count, width), streams in zip(runs, _split(moved, [r[2] for r in runs]), strict=True):
            stop = start + count
            here = _take(out, order[start:stop])
            width = here if width is None else _take(width, order[start:stop])
            outputs.append(op.apply(of(self.params, choice, names[option]), streams, here, width))
            start = stop
        joined = jax.tree.map(lambda *parts: jnp.concatenate(parts), *outputs)
        return jax.tree.map(lambda a: permute(a, inverse, order), joined)

    def _slots(self, choice: str, ops: list[Op], inner: str | None) -> tuple[list, jax.Array | None]:
        """The static (option, operation, number of streams, inner width) of each slot, and the streams in slot order.

        The operation is routed where it is free; otherwise a free inner width is, so that its slices are static.
        """
        i, allowed = self.space.index(choice), self.space.options(choice)
        width = None if inner is None else self.width(inner)
        if len(allowed) > 1:
            runs = [(o, ops[o], n, width) for o, n in enumerate(self.round.counts[i]) if n]
            return runs, jnp.argsort(self.plan[:, i])
        only = min(allowed)
        if inner is None or isinstance(width, int):
            return [(only, ops[only], self.round.slots, width)], None
        j, sizes = self.space.index(inner), widths(self.space, inner)
        counts = self.round.counts[j]
        runs = [(only, ops[only], n, int(sizes[o])) for o, n in enumerate(counts) if n]
        return runs, jnp.argsort(self.plan[:, j])


@jax.custom_vjp
def permute(x: jax.Array, order: jax.Array, inverse: jax.Array) -> jax.Array:
    """`x[order]` on the leading axis; its gradient is the inverse gather, where autodiff would scatter."""
    return x[order]


def _permute_forward(x, order, inverse):
    return x[order], inverse


def _permute_backward(inverse, g):
    return g[inverse], None, None


permute.defvjp(_permute_forward, _permute_backward)


def _split(x: Any, counts: list[int]) -> list[Any]:
    """The leading axis cut into parts; the gradient is one concatenation, where that of slices is a sum of paddings."""
    leaves, tree = jax.tree.flatten(x)
    return [jax.tree.unflatten(tree, parts) for parts in zip(*(jax.lax.split(a, counts) for a in leaves), strict=True)]


def _take(width: Width, streams: jax.Array) -> Width:
    return width if isinstance(width, int) else width[streams]
