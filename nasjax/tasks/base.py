"""What tasks are built from: a network as two functions over streams, whichever way the network came about."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple, Protocol, runtime_checkable

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Float, UInt8

from nasjax.ops.base import Op, Width
from nasjax.sampling import Sampler
from nasjax.supernet.base import Supernet
from nasjax.supernet.net import Net
from nasjax.typing import Arch, Archs, Params, PRNGKey, Spec

ForwardFn = Callable[[Params, Archs, Array], Any]


class Model(NamedTuple):
    """A network that runs a plan: `init(key) -> params`, `forward(params, plan, x[s, b, h, w, c]) -> y[s, b, ...]`.

    x and y are float32 and params too; inside, the network computes in the dtype it was built with. Of a network with
    features (`spaces.features.tapped`), y is `(y, {point: feature})`; of one that could have them, `tapped` is the
    forward that gives these.
    """

    init: Callable[[PRNGKey], Params]
    forward: ForwardFn
    tapped: ForwardFn | None = None


def supernet_model(
    supernet: Supernet, sampler: Sampler, *, dtype: DTypeLike = jnp.float32, remat: bool = False
) -> Model:
    """The supernet under a sampler's plans: routed where they are fair, else one switched stream after the other.

    `remat` forgets what is inside each layer and block and computes it again for the gradient: less memory, a third
    more time. `dtype` is that of the activations.
    """

    def forward(supernet: Supernet) -> ForwardFn:
        net = _remat(supernet) if remat else supernet
        return _cast(net.routed if sampler.fair else net.each, dtype)

    features = _with_features(supernet)
    return Model(supernet.init, forward(supernet), None if features is None else forward(features))


def network_model(
    network: nn.Module, *, probe: tuple[int, ...] = (1, 16, 16, 3), dtype: DTypeLike = jnp.float32
) -> Model:
    """One network alone, for plans of `sampling.single`: x and y have one stream.

    `probe` is the shape of a valid input, for the initial params.
    """

    def init(key: PRNGKey) -> Params:
        # Lazily: only what the params need is computed, not the network's output, op by op.
        return network.lazy_init(key, jax.ShapeDtypeStruct(probe, jnp.float32))["params"]

    def forward(params: Params, plan: Archs, x: Float[Array, "1 b h w c"]) -> Any:
        return jax.tree.map(lambda y: y[None], network.apply({"params": params}, x[0]))

    return Model(init, _cast(forward, dtype))


def extracted_model(supernet: Supernet, arch: Arch, *, dtype: DTypeLike = jnp.float32, remat: bool = False) -> Model:
    """The plain network of one arch: to fine-tune params of `extract_params`, or to train from scratch."""

    def model(supernet: Supernet) -> Model:
        net = _remat(supernet) if remat else supernet
        return network_model(net.extract(arch), probe=supernet.probe, dtype=dtype)

    features = _with_features(supernet)
    return model(supernet)._replace(tapped=None if features is None else model(features).forward)


def to_float(image: UInt8[Array, "*d"]) -> Float[Array, "*d"]:
    """Pixels 0..255 as float32 in [-1, 1]."""
    return image.astype(jnp.float32) / 127.5 - 1


def in_streams(x: Float[Array, "n h w c"], slots: int, *, shared: bool = False) -> Float[Array, "s b h w c"]:
    """A device's batch by stream; `shared` shows the same images to every stream."""
    return jnp.broadcast_to(x, (slots, *x.shape)) if shared else x.reshape(slots, -1, *x.shape[1:])


def image_spec(num: int, size: int) -> Spec:
    """The spec of `num` square uint8 RGB images."""
    return jax.ShapeDtypeStruct((num, size, size, 3), np.uint8)


def _cast(forward: ForwardFn, dtype: DTypeLike) -> ForwardFn:
    """Operations follow the dtype of their input, so casting that is the whole precision policy."""

    def cast(params: Params, plan: Archs, x: Array) -> Any:
        return jax.tree.map(lambda y: y.astype(jnp.float32), forward(params, plan, x.astype(dtype)))

    return cast


@runtime_checkable
class _HasPoints(Protocol):
    """A generator whose settings say whether it gives its features beside its output."""

    tapped: bool

    def _replace(self, *, tapped: bool) -> Any: ...


def _with_features(supernet: Supernet) -> Supernet | None:
    """The same network with features beside its output; None where its space has no points of features."""
    points = isinstance(supernet.forward, _HasPoints)
    return replace(supernet, forward=supernet.forward._replace(tapped=True)) if points else None


def _remat(supernet: Supernet) -> Supernet:
    return replace(supernet, forward=_RematForward(supernet.forward))


class _RematForward(NamedTuple):
    """A forward function over a net whose operations are recomputed; compares equal by what it wraps."""

    forward: Callable[[Net, Any], Any]

    def __call__(self, net: Net, x: Any) -> Any:
        return self.forward(_RematNet(net), x)


class _RematNet:
    """A net, with `jax.checkpoint` around every operation."""

    def __init__(self, net: Net):
        self.net = net

    def width(self, choice: str) -> Width:
        return self.net.width(choice)

    def layer(self, name: str, op: Op, x: Any, *, out: Width) -> Any:
        return self.net.layer(name, _remat_op(op), x, out=out)

    def choose(self, choice: str, ops: Mapping[str, Op], x: Any, *, out: Width, inner: str | None = None) -> Any:
        return self.net.choose(choice, {name: _remat_op(op) for name, op in ops.items()}, x, out=out, inner=inner)


def _remat_op(op: Op) -> Op:
    def apply(params: Params, x: Any, out: Width, inner: Width) -> Any:
        return jax.checkpoint(lambda params, x: op.apply(params, x, out, inner))(params, x)

    return op._replace(apply=apply)
