"""Functions of images that every law of windows is tested over: a new one is a new row."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from nasjax.ops.guided import keep_detail
from nasjax.ops.norm import normalise
from nasjax.ops.reflect import max_pool2, reflect_pad, upsample2
from nasjax.ops.resize import upscale
from nasjax.spaces.photonet import photonet
from tests.export.networks import NETWORKS, random_params

_NHWC = ("NHWC", "HWIO", "NHWC")


class Case(NamedTuple):
    """`fn(params, image)`, and what divides its sizes."""

    fn: Callable[[Any, Any], Any]
    params: Any
    multiple: int = 1


def kernel(side: int, channels: int, out: int, seed: int = 0) -> jax.Array:
    """A random kernel that keeps the size of what it is applied to."""
    return jax.random.normal(jax.random.key(seed), (side, side, channels, out)) / (side * channels**0.5)


def conv(x: Any, w: Any, padding: Any = "SAME", **more: Any) -> Any:
    """A convolution as a user of JAX writes it."""
    return lax.conv_general_dilated(x, w, more.pop("strides", (1, 1)), padding, dimension_numbers=_NHWC, **more)


def _resnet(p: dict[str, Any], x: Any) -> Any:
    """The shape of a CycleGAN generator: reflected borders, strides, norms in every block, a transposed convolution."""
    h = jax.nn.relu(normalise(conv(reflect_pad(x, 2), p["a"], "VALID")))
    h = jax.nn.relu(normalise(conv(h, p["down"], ((1, 1), (1, 1)), strides=(2, 2))))
    h = h + normalise(conv(reflect_pad(h, 1), p["block"], "VALID"))
    h = jax.nn.relu(normalise(conv(h, p["up"], ((2, 2), (2, 2)), lhs_dilation=(2, 2))))
    return jnp.tanh(conv(reflect_pad(h, 1), p["z"], "VALID"))


def _plain(p: dict[str, Any], x: Any) -> Any:
    """Statistics and positions without any function of ours."""
    mean, deviation = x.mean((1, 2), keepdims=True), x.std((1, 2), keepdims=True)
    rows = jnp.arange(x.shape[1], dtype=jnp.float32).reshape(1, -1, 1, 1)
    brightest = x.max((1, 2), keepdims=True)
    return conv((x - mean) / (deviation + 0.1), p["a"]) + jnp.sin(rows) * brightest


def _pooled(p: dict[str, Any], x: Any) -> Any:
    """Pools, halved and overlapping, and enlargements."""
    h = lax.reduce_window(conv(x, p["a"]), -jnp.inf, lax.max, (1, 3, 3, 1), (1, 2, 2, 1), "SAME")
    h = upsample2(max_pool2(h))
    return upscale(h[..., :3], 2, "bilinear") + x


def _resnet_params() -> dict[str, Any]:
    shapes = {"a": (5, 3, 4), "down": (3, 4, 6), "block": (3, 6, 6), "up": (4, 6, 4), "z": (3, 4, 3)}
    return {name: kernel(*shape, seed=i) for i, (name, shape) in enumerate(shapes.items())}


def _network(name: str) -> Callable[[], Case]:
    def made() -> Case:
        network = NETWORKS[name]()
        return Case(network.apply, network.params, network.size_multiple)

    return made


def _photonet() -> Case:
    """Everything on: every norm, every reduction and enlargement, convolutions made in each way."""
    ops = ("conv", "sep", "ir")
    net = photonet((4, 6, 8), (2, 1, 1), ops=ops)
    made = dict(zip(("d3.extra", "d3.up", "d2.op", "d2.up"), (*ops, "conv"), strict=True))
    arch = net.space.encode({c.name: c.options[-1] for c in net.space.choices} | made)
    module = net.extract(arch)
    x = jax.ShapeDtypeStruct((1, 16, 16, 3), jnp.float32)
    params = random_params(jax.eval_shape(module.init, jax.random.key(0), x)["params"])
    return Case(lambda p, x: module.apply({"params": p}, x), params, 4)


CASES: dict[str, Callable[[], Case]] = {
    "keep_detail": lambda: Case(lambda p, x: keep_detail(x, x[..., ::-1], radius=4, stride=2), {}, 2),
    "resnet": lambda: Case(_resnet, _resnet_params(), 2),
    "plain": lambda: Case(_plain, {"a": kernel(3, 3, 3)}),
    "pooled": lambda: Case(_pooled, {"a": kernel(3, 3, 4)}, 4),
    "photonet": _photonet,
    # A photo filter looks at a small copy of the whole picture, and is run in strips of its own (tests/apply).
    **{name: _network(name) for name in NETWORKS if not name.startswith("filter")},
}
