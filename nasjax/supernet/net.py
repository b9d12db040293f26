"""The small interface that a generator's forward function is written against."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np

from nasjax.ops.base import Op, Width
from nasjax.space import SearchSpace
from nasjax.typing import Params


@runtime_checkable
class Net(Protocol):
    """What `forward(net, x)` may ask for; each mode (routed, switched, extracted) is one implementation.

    Names of layers and choices must be distinct: they name the parameters.
    """

    def width(self, choice: str) -> Width:
        """The number of channels that a choice whose options are integers has taken."""
        ...

    def layer(self, name: str, op: Op, x: Any, *, out: Width) -> Any:
        """A fixed layer that every sub-network has."""
        ...

    def choose(self, choice: str, ops: Mapping[str, Op], x: Any, *, out: Width, inner: str | None = None) -> Any:
        """Run the operation that `choice` has taken.

        All operations give outputs of one shape at equal `out`. `inner` names the choice of the block's own width.
        """
        ...


Forward: TypeAlias = Callable[[Net, Any], Any]


def widths(space: SearchSpace, choice: str) -> np.ndarray:
    """The options of a width choice as `int32[options]`; raises ValueError when they are not integers."""
    options = space.choices[space.index(choice)].options
    if not all(o.isdigit() for o in options):
        raise ValueError(f"{space.name}.{choice} is used as a width, but its options are not integers: {options}")
    return np.array([int(o) for o in options], np.int32)


def live_options(space: SearchSpace, choice: str) -> list[int]:
    """The options that a sub-network can run: the allowed ones, and 0 where the choice can be inactive."""
    conditional = space.choices[space.index(choice)].active is not None
    return sorted({*space.options(choice), *((0,) if conditional else ())})


def candidates(space: SearchSpace, choice: str, ops: Mapping[str, Op]) -> list[Op]:
    """The operations in the order of the options; raises ValueError when they do not match."""
    options = space.choices[space.index(choice)].options
    if set(options) - set(ops):
        raise ValueError(f"{space.name}.{choice} has options {options}, but operations only for {tuple(ops)}")
    return [ops[o] for o in options]


def of(params: Params, name: str, option: str | None = None) -> Params:
    """The params of a layer, or of one option of a choice; what has no parameters is absent and reads as empty."""
    found = params.get(name, {})
    return found if option is None else found.get(option, {})
