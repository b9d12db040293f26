"""The networks that every exporter is tested over: a new one is a new row."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from nasjax.export.network import BUILDERS, Network, deployed
from nasjax.ops.candidates import CANDIDATES
from nasjax.spaces.resnet_generator import UPS
from nasjax.spaces.tpsr_cell import TPSR
from tests.contracts.members import FILTER
from tests.contracts.own_generator import own

# Three blocks with a long edge on the second; operations three by three, so that six networks hold all eighteen.
_TRIPLES = [tuple(CANDIDATES)[i : i + 3] for i in range(0, len(CANDIDATES), 3)]
_PATHS = [
    {"att": att, "tail": tail, "image": image}
    for att, tail, image in (
        ("none", "conv", "bicubic"),
        ("ca", "sep", "nearest"),
        ("sa", "conv", "nearest"),
        ("both", "sep", "bicubic"),
        ("ca", "conv", "bicubic"),
        ("none", "sep", "nearest"),
    )
]
_SMALL = {"trunk": (8, 16), "inner": (8, 16), "ops": tuple(CANDIDATES)}


def random_params(shapes: Any, seed: int = 0) -> Any:
    """Parameters of the size that training leaves, biases included: a zero would hide a bias that got lost."""
    rng = np.random.default_rng(seed)

    def draw(spec):
        fan_in = max(int(np.prod(spec.shape[:-1])), 16)
        return (rng.normal(size=spec.shape) / np.sqrt(fan_in)).astype(np.float32)

    return jax.device_put(jax.tree.map(draw, shapes))


def make(net, options: Mapping[str, str], *, builder=None, size_multiple: int | None = None, seed: int = 0) -> Network:
    """The deployed network of some options, with random parameters."""
    arch = net.space.encode(options)
    x = jax.ShapeDtypeStruct((1, 16, 16, 3), np.float32)
    shapes = jax.eval_shape(net.extract(arch).init, jax.random.key(0), x)["params"]
    return deployed(net, random_params(shapes, seed), arch, builder=builder, size_multiple=size_multiple)


def toy(options: Mapping[str, str]) -> Network:
    """A network of the toy space."""
    return make(BUILDERS["toy"](), options, builder=("toy", {}))


def sr_cell(scale: int, options: Mapping[str, str], *, blocks: int = 2) -> Network:
    """A network of a small super-resolution space."""
    arguments = {"scale": scale, **_SMALL, "blocks": blocks}
    return make(BUILDERS["sr_cell"](**arguments), options, builder=("sr_cell", arguments))


def _member(i: int) -> Network:
    ops = {f"b{n}": op for n, op in enumerate(_TRIPLES[i], 1)}
    widths = {"trunk": ("16", "8")[i % 2], "b1.w": ("8", "16")[i % 2], "b2.w": "16", "b3.w": ("16", "8")[i % 2]}
    return sr_cell((4, 3, 2)[i % 3], {**ops, "b2.edge": "long", **widths, **_PATHS[i]}, blocks=3)


def tpsr_cell() -> Network:
    """TPSR's network, narrower."""
    arguments = {"scale": 4, "widths": [6]}
    return make(BUILDERS["tpsr_cell"](**arguments), {**TPSR, "trunk": "6"}, builder=("tpsr_cell", arguments))


# Three networks have all operations, up-samplings and edges of the ResNet generators, three all of the U-Nets.
_RESNET = {"widths": ((4,), (6,), (8,), (6,), (4,)), "inner": (8,), "blocks": 2, "up": UPS}
_UNET = {"widths": ((4,), (6,), (8,))}


def resnet(norm: str, options: Mapping[str, str]) -> Network:
    """A network of a small space of ResNet generators."""
    return _generator("resnet_generator", {**_RESNET, "norm": norm}, options)


def unet(norm: str, options: Mapping[str, str]) -> Network:
    """A network of a small space of U-Nets."""
    return _generator("unet_generator", {**_UNET, "norm": norm}, options)


def photo_filter(options: Mapping[str, str]) -> Network:
    """A network of a small space of photo filters."""
    colours = ["none", "curves", "lut2", "mix3x2", "low3"]
    heads = {
        **FILTER["heads"],
        "colour": colours,
        "grid": ["none", "a2x2", "a8x2", "m4x3"],
        "restore": ["none", "half1conv", "quarter1sep", "full1conv"],
    }
    arguments = {**FILTER, "heads": heads}
    return make(BUILDERS["photo_filter"](**arguments), options, builder=("photo_filter", arguments))


def _generator(name: str, arguments: dict[str, Any], options: Mapping[str, str]) -> Network:
    net = BUILDERS[name](**arguments)
    return make(net, options, builder=(name, arguments))._replace(min_size=net.forward.min_size)


_NETWORKS: dict[str, Callable[[], Network]] = {
    "toy default": lambda: toy({}),
    "toy smallest": lambda: toy({"trunk": "8", "skip": "short", "b1": "off", "b2": "off"}),
    "toy largest": lambda: toy({"trunk": "16", "skip": "long", "b1": "rep", "b2": "sep3"}),
    "sr_cell empty": lambda: sr_cell(4, {"b1": "off", "b2": "off"}),
    **{f"sr_cell {'+'.join(ops)}": lambda i=i: _member(i) for i, ops in enumerate(_TRIPLES)},
    "tpsr_cell": tpsr_cell,
    "resnet res+sep": lambda: resnet("affine", {"b1": "res", "b2": "sep", "skip.full": "on", "global": "image"}),
    "resnet ir+dil": lambda: resnet("instance", {"b1": "ir", "b2": "dil", "up1": "nearest", "skip.half": "on"}),
    "resnet group+incep": lambda: resnet(
        "fixed", {"b1": "group", "b2": "incep", "up2": "bilinear", "skip.trunk": "on"}
    ),
    "unet default": lambda: unet("affine", {}),
    "unet narrow": lambda: unet("instance", {**{f"{k}{i}": "double2" for k in "us" for i in (1, 2)}, "d2": "conv2"}),
    "unet nearest": lambda: unet("fixed", {"s1": "off", "s2": "off", **{f"u{i}": "nearest" for i in (1, 2, 3)}}),
    "filter curves": lambda: photo_filter({"colour": "curves", "bands": "2", "restore": "half1conv"}),
    "filter planes": lambda: photo_filter(
        {"colour": "lut2", "grid": "a8x2", "grid.guide": "mlp", "restore": "quarter1sep"}
    ),
    "filter cube": lambda: photo_filter({"colour": "mix3x2", "grid": "m4x3", "restore": "full1conv", "side": "16"}),
    "filter low rank": lambda: photo_filter({"colour": "low3", "grid": "a2x2", "b1": "off"}),
    "own": lambda: make(own, {"m1": "dilated", "m2": "sep3", "skip": "add"}, size_multiple=2),
}
# Made once: many files use them.
NETWORKS = {name: functools.cache(made) for name, made in _NETWORKS.items()}
