"""One traced sub-network: a branch a choice, for evaluating populations without recompiling."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nasjax.ops.base import Op, Width
from nasjax.space import SearchSpace
from nasjax.supernet.net import candidates, live_options, of, widths
from nasjax.typing import Params


class Switched:
    """The switched mode of `Net`: `arch` is a traced `int32[num_choices]`, widths are masks."""

    def __init__(self, space: SearchSpace, params: Params, arch: jax.Array):
        self.space, self.params, self.arch = space, params, arch

    def width(self, choice: str) -> Width:
        """A static width where the stage fixes it, else traced."""
        options, allowed = widths(self.space, choice), self.space.options(choice)
        if len(allowed) == 1:
            return int(options[allowed[0]])
        return jnp.asarray(options)[self.arch[self.space.index(choice)]]

    def layer(self, name: str, op: Op, x: Any, *, out: Width) -> Any:
        """The layer itself."""
        return op.apply(of(self.params, name), x, out, out)

    def choose(self, choice: str, ops: Mapping[str, Op], x: Any, *, out: Width, inner: str | None = None) -> Any:
        """`lax.switch` over the allowed operations (and over the operation of an absent parent: option 0)."""
        i, found = self.space.index(choice), candidates(self.space, choice, ops)
        names = self.space.choices[i].options
        width = out if inner is None else self.width(inner)
        live = live_options(self.space, choice)
        params = [of(self.params, choice, names[o]) for o in live]
        if len(live) == 1:
            return found[live[0]].apply(params[0], x, out, width)
        branches = [lambda p, x, o=o, j=j: found[o].apply(p[j], x, out, width) for j, o in enumerate(live)]
        place = np.zeros(len(names), np.int32)
        place[live] = np.arange(len(live))
        return jax.lax.switch(jnp.asarray(place)[self.arch[i]], branches, params, x)
