"""The network that is shipped: a function, its parameters, and all that is needed to build it again."""

import contextlib
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import export

from nasjax.spaces.photo_filter import photo_filter
from nasjax.spaces.resnet_generator import resnet_generator
from nasjax.spaces.sr_cell import sr_cell
from nasjax.spaces.toy import toy
from nasjax.spaces.tpsr_cell import tpsr_cell
from nasjax.spaces.unet_generator import unet_generator
from nasjax.supernet.base import Supernet
from nasjax.typing import Arch, Params

_MOST = 64  # tried as a size multiple
# Spaces that a bundle rebuilds from code; a network of any other space is served from its StableHLO graph.
BUILDERS: Mapping[str, Callable[..., Supernet]] = {
    "photo_filter": photo_filter,
    "resnet_generator": resnet_generator,
    "sr_cell": sr_cell,
    "toy": toy,
    "tpsr_cell": tpsr_cell,
    "unet_generator": unet_generator,
}


class Network(NamedTuple):
    """What the exporters work on: `apply(params, x)` maps float32 `[b, h, w, channels]` to `[b, s*h, s*w, out]`.

    `description` is the content of `arch.json`. Heights and widths must be multiples of `size_multiple` and at least
    `min_size`, a multiple of it; within that, any size must work. `trainable` are the params before they were folded,
    for a bundle that is to be trained on.
    """

    apply: Callable[[Params, Any], Any]
    params: Params
    description: Mapping[str, Any]
    size_multiple: int = 1
    min_size: int = 1
    channels: int = 3
    trainable: Params | None = None

    def __repr__(self) -> str:
        params = sum(getattr(x, "size", 0) for x in jax.tree.leaves(self.params))
        return f"Network({self.description.get('arch', 'no arch')}, {params:,} params)"


class Function(NamedTuple):
    """What the writers of graphs take: `call(*arrays)` over float32 inputs, and their names and shapes, in order.

    Sizes may be symbolic (`jax.export.symbolic_shape`), all of one scope.
    """

    call: Callable[..., Any]
    inputs: Mapping[str, tuple[Any, ...]]


def deployed(
    net: Supernet,
    params: Params,
    arch: Arch,
    *,
    builder: tuple[str, Mapping[str, Any]] | None = None,
    size_multiple: int | None = None,
    min_size: int = 1,
    trainable: bool = False,
) -> Network:
    """The network of one arch in its deployed form, from params that `net.extract_params` made.

    `trainable` keeps the params themselves beside the folded ones. `builder` is the name of a shipped space in
    `BUILDERS` and its arguments, e.g. `("sr_cell", {"scale": 4})`; without it a loaded bundle runs the StableHLO
    graph. `size_multiple` is found where it is not given: the smallest whose multiples are scaled by one integer.
    Raises ValueError for an unknown builder or one of another space, for params of another arch (naming the leaf), or
    where no multiple is found.
    """
    if builder is not None:
        _check_builder(net, *builder)
    module = net.extract(arch, deployed=True)
    description = {
        "space": json.loads(net.space.to_json()),
        "arch": net.space.text(arch),
        "options": net.space.decode(arch),
        "builder": None if builder is None else {"name": builder[0], "arguments": dict(builder[1])},
    }
    with host():  # by way of numpy: arrays that are committed to an accelerator would keep the work there
        folded = net.deploy_params(jax.device_put(jax.tree.map(np.asarray, params)), arch)
    network = Network(_applied(module), folded, description, size_multiple or 1, min_size, net.probe[-1])
    network = network._replace(trainable=params) if trainable else network
    return network if size_multiple is not None else network._replace(size_multiple=_size_multiple(network))


def rebuild(description: Mapping[str, Any]) -> Callable[[Params, Any], Any]:
    """The `apply(params, x)` of a description that names a builder.

    Raises ValueError when this version of the library builds another space from it.
    """
    builder = description["builder"]
    if builder["name"] not in BUILDERS:
        raise ValueError(f"unknown builder {builder['name']!r}; known: {', '.join(BUILDERS)}")
    net = BUILDERS[builder["name"]](**builder["arguments"])
    if _choices(json.loads(net.space.to_json())) != _choices(description["space"]):
        raise ValueError(f"{builder['name']} with {builder['arguments']} is another search space in this version")
    return _applied(net.extract(net.space.parse(description["arch"]), deployed=True))


def symbolic_input(network: Network) -> tuple[Any, ...]:
    """The shape of any input the network accepts, in symbolic sizes `batch`, `height`, `width` of `jax.export`.

    `height` and `width` count multiples of the network's `size_multiple`.
    """
    step, least = network.size_multiple, max(1, -(-network.min_size // network.size_multiple))
    sizes = ("height", "width") if step == 1 else (f"{step}*height", f"{step}*width")
    constraints = () if least == 1 else (f"height >= {least}", f"width >= {least}")
    text = f"batch, {sizes[0]}, {sizes[1]}, {network.channels}"
    return tuple(export.symbolic_shape(text, constraints=constraints))


def scale_of(network: Network) -> int:
    """Output size over input size; raises ValueError unless it is one integer for both axes."""
    side = network.size_multiple * -(-max(16, network.min_size) // network.size_multiple)
    taller = side + network.size_multiple
    shape = jax.ShapeDtypeStruct((1, taller, side, network.channels), jnp.float32)
    out = jax.eval_shape(network.apply, network.params, shape).shape
    scale = out[2] // side
    if len(out) != 4 or scale < 1 or out[1:3] != (scale * taller, scale * side):
        raise ValueError(f"the network makes {out} of {shape.shape}; its scale must be an integer, equal for both axes")
    return scale


def _size_multiple(network: Network) -> int:
    """The smallest number whose multiples the network takes as height and width, scaled by one integer; nothing is run.

    Raises ValueError when it is none of 1 to 64: then it must be given, or the network makes no image of its input's
    proportions.
    """
    least = max(16, network.min_size)
    for step in range(1, _MOST + 1):
        first = -(-least // step)
        # Of three multiples in a row, one or two are odd and one or two even.
        sizes = [step * n for n in range(first, first + 3)]
        scales = {_scale(network, height, width) for height, width in zip(sizes, sizes[1:], strict=False)}
        if len(scales) == 1 and None not in scales:
            return step
    raise ValueError(
        f"{network.description['arch']}: no size_multiple up to {_MOST} makes images of their input's proportions; "
        "give size_multiple (and min_size) as the network needs them"
    )


def _scale(network: Network, height: int, width: int) -> int | None:
    """Output size over input size at one size; None where the network does not run, or it is no integer."""
    x = jax.ShapeDtypeStruct((1, height, width, network.channels), jnp.float32)
    try:
        out = jax.eval_shape(network.apply, network.params, x).shape
    except (TypeError, ValueError, ZeroDivisionError):  # what shapes that do not meet make JAX say
        return None
    scale = out[1] // height if len(out) == 4 else 0
    return scale if scale > 0 and out[1:3] == (scale * height, scale * width) else None


def host() -> contextlib.AbstractContextManager[Any]:
    """Computes on the CPU where there is one: accelerators round products to fewer bits than parity allows."""
    try:
        return jax.default_device(jax.devices("cpu")[0])
    except RuntimeError:  # JAX_PLATFORMS may leave the CPU out
        return contextlib.nullcontext()


def _applied(module) -> Callable[[Params, Any], Any]:
    return lambda params, x: module.apply({"params": params}, x)


def _check_builder(net: Supernet, name: str, arguments: Mapping[str, Any]) -> None:
    if name not in BUILDERS:
        raise ValueError(f"unknown builder {name!r}; known: {', '.join(BUILDERS)} (or None: the graph is served)")
    built = json.loads(BUILDERS[name](**arguments).space.to_json())
    if _choices(built) != _choices(json.loads(net.space.to_json())):
        raise ValueError(f"builder {name} with {dict(arguments)} makes another search space than {net.space.name!r}")


def _choices(space: Mapping[str, Any]) -> Any:
    """What defines the parameters: a stage's mask does not."""
    return space["name"], space["choices"]
