"""A generator and the discriminator that it plays against as one network, whose choices are the discriminator's.

So a search over discriminators is one over networks: a pair has an arch, params and exact costs like any other.
"""

import functools
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np

from nasjax.ops.base import Op, Width
from nasjax.ops.params import merge_params
from nasjax.space import SearchSpace
from nasjax.supernet.base import Supernet
from nasjax.supernet.extract import as_tuple
from nasjax.supernet.net import Forward, Net, candidates, widths
from nasjax.typing import Arch, Params

START, GAME = "start", "game"
Part = Literal["picture", "generator", "scores"]
_MARK = "g."  # before the names of the generator's layers


class Paired(NamedTuple):
    """The forward function of a pair, a tuple, so that equal networks compare equal."""

    generator: Supernet
    arch: tuple[int, ...]
    discriminator: Forward
    part: Part

    def __call__(self, net: Net, x: Any) -> Any:
        """The generator's picture of x, the discriminator's scores of x, or the picture after both were run."""
        if self.part == "scores":
            return self.discriminator(net, x)
        y = self.generator.forward(_Fixed(net, self.generator.space, self.arch), x)
        if self.part == "picture":
            self.discriminator(net, y)
        return y


def paired(generator: Supernet, arch: Arch, discriminator: Supernet, *, part: Part = "picture") -> Supernet:
    """The pairs of a generator of one arch with every discriminator of a space; x is what the generator takes.

    All choices are decided at once, in the stage "game"; before it, at "start", none is. `part` is what the network
    gives: "picture" has the params and costs of the pair (a compiler leaves out what is not asked for); "generator" and
    "scores" run one side of it with those params: the latter maps pictures to scores.
    """
    space = discriminator.space
    choices = tuple(c._replace(stage=GAME, coarse=None) for c in space.choices)
    forward = Paired(generator, as_tuple(generator.space.known(arch)), discriminator.forward, part)
    probe = discriminator.probe if part == "scores" else generator.probe
    return Supernet(SearchSpace(space.name, choices, (START, GAME), space.allowed), forward, probe)


def generator_params(pair: Supernet, params: Params) -> dict[str, Any]:
    """The generator's own params, as its supernet's `extract_params` nests them, out of those of a pair."""
    options = _options(pair)
    found = {name.removeprefix(_MARK): p for name, p in params.items() if name.startswith(_MARK)}
    return {name: {options[name]: p} if name in options else p for name, p in found.items()}


def with_generator(pair: Supernet, params: Params, generator: Params) -> dict[str, Any]:
    """The params of a pair with the generator's replaced by these, nested as its supernet's `extract_params` does."""
    options = _options(pair)
    own = {f"{_MARK}{n}": p[options[n]] if n in options else p for n, p in generator.items()}
    return merge_params(params, own)


def _options(pair: Supernet) -> Mapping[str, str]:
    forward: Any = pair.forward
    return forward.generator.space.decode(np.array(forward.arch, np.int32))


class _Fixed:
    """A net for the generator's forward function, whose choices are made: they become layers."""

    def __init__(self, net: Net, space: SearchSpace, arch: tuple[int, ...]):
        self._net, self._space, self._arch = net, space, arch

    def width(self, choice: str) -> Width:
        """The arch's number of channels."""
        return int(widths(self._space, choice)[self._arch[self._space.index(choice)]])

    def layer(self, name: str, op: Op, x: Any, *, out: Width) -> Any:
        """The layer itself."""
        return self._net.layer(f"{_MARK}{name}", op, x, out=out)

    def choose(self, choice: str, ops: Mapping[str, Op], x: Any, *, out: Width, inner: str | None = None) -> Any:
        """The arch's operation as a layer."""
        op = candidates(self._space, choice, ops)[self._arch[self._space.index(choice)]]
        op = op if inner is None else _narrowed(op, int(self.width(inner)))
        return self._net.layer(f"{_MARK}{choice}", op, x, out=out)


@functools.lru_cache(256)
def _narrowed(op: Op, inner: int) -> Op:
    """The operation with its own width; made once, so that equal networks compare equal."""
    return op._replace(
        params=lambda c, out, _: op.params(c, out, inner), apply=lambda p, x, out, _: op.apply(p, x, out, inner)
    )
