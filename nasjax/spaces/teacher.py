"""A trained generator as one architecture of a search space, and a supernet that starts from its weights."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from nasjax.nets.teachers import Recognised, recognise
from nasjax.nets.torch_file import PACKAGED, packaged_generator, read_tensors
from nasjax.nets.torch_layers import Statistics
from nasjax.ops.params import merge_params
from nasjax.spaces.features import tapped
from nasjax.spaces.resnet_generator import PLACES, ResnetGenerator, resnet_generator
from nasjax.spaces.unet_generator import UnetGenerator, unet_generator
from nasjax.supernet.base import Supernet
from nasjax.supernet.channels import sort_channels
from nasjax.typing import Arch, Params

_SPACES = {"resnet_generator": resnet_generator, "unet_generator": unet_generator}


class Teacher(NamedTuple):
    """A generator of images in [-1, 1], of any size: an arch of the smallest space that holds it, and its params.

    `builder` is the name of that space and its arguments, as `export.network.deployed` takes them.
    """

    net: Supernet
    arch: Arch
    params: Params
    builder: tuple[str, Mapping[str, Any]]

    def apply(self, x: Any) -> Any:
        """`[b, h, w, 3]` (or with more leading axes) -> the same."""
        return self.net.extract(self.arch).apply({"params": self.params}, jnp.asarray(x))

    def features(self, x: Any) -> Any:
        """`(y, {point: feature})`: what `apply` gives, and the features that a student learns from."""
        return tapped(self.net).extract(self.arch).apply({"params": self.params}, jnp.asarray(x))


def read_generator(
    path: str | os.PathLike[str],
    *,
    part: str | None = None,
    statistics: Statistics = "image",
    resize: str = "nearest",
) -> Recognised:
    """Recognise the generator in a `.pth`, `.pt` or `.safetensors` file; nothing in it is executed.

    The path "vintagify" is that of the installed package's (`nets.torch_file.packaged_generator`). `part` says which of
    several state dicts ("netG_A"); `statistics` and `resize` as in `nets.teachers.recognise`.
    Raises ValueError naming what is refused, which parts there are, or which tensor differs from which architecture.
    """
    path = packaged_generator() if str(path) == PACKAGED and not Path(path).exists() else path
    parts, found, problems = read_tensors(path), {}, {}
    if part is not None and part not in parts:
        raise ValueError(f"{path} has no state dict {part!r}; it has: {_names(parts)}")
    for name in parts if part is None else (part,):
        try:
            found[name] = recognise(parts[name], statistics=statistics, resize=resize)
        except ValueError as error:
            problems[name] = error
    if len(found) > 1:
        raise ValueError(f"{path} has several generators, {_names(found)}: say which with 'part'")
    if not found:
        raise ValueError(f"{path}: " + "; ".join(f"{name or 'state dict'}: {e}" for name, e in problems.items()))
    return next(iter(found.values()))


def teacher_of(found: Recognised) -> Teacher:
    """The recognised generator as a teacher."""
    net = _SPACES[found.space](**found.arguments)
    params = jax.device_put(dict(found.params))
    return Teacher(net, net.space.encode(found.options), params, (found.space, found.arguments))


def smallest(name: str, arguments: Mapping[str, Any], *, arch: str, params: Params) -> Teacher:
    """An arch of a space, `resnet_generator` or `unet_generator`, with its params as a teacher.

    What else the space has, wider layers and other operations, a student of it must not be measured by.
    """
    net = _SPACES[name](**arguments)
    options = net.space.decode(net.space.parse(arch))
    assert isinstance(net.forward, ResnetGenerator | UnetGenerator)
    narrow = _resnet(net.forward, options) if isinstance(net.forward, ResnetGenerator) else _unet(net.forward, options)
    own = _SPACES[name](**narrow)
    # A block that is left out has no width.
    known = {c.name: options[c.name] for c in own.space.choices if options.get(c.name) in c.options}
    return Teacher(own, own.space.encode(known), params, (name, narrow))


def _resnet(forward: ResnetGenerator, options: Mapping[str, str]) -> dict[str, Any]:
    kept = [b for b in (f"b{i}" for i in range(1, forward.blocks + 1)) if options[b] != "off"]
    widths = [[int(options[f"w.{place}"])] for place in PLACES]
    return {
        "widths": widths,
        "inner": sorted({int(options[f"{b}.w"]) for b in kept}) or widths[2],
        "blocks": forward.blocks,
        "ops": list(dict.fromkeys(options[b] for b in kept)) or list(forward.ops)[:1],
        "up": list(dict.fromkeys(options[name] for name in ("up1", "up2"))),
        "norm": forward.norm,
    }


def _unet(forward: UnetGenerator, options: Mapping[str, str]) -> dict[str, Any]:
    sides = [(f"w.d{level}", f"w.u{level + 1}") for level in range(1, forward.levels + 1)]
    widths = [sorted({int(options[name]) for name in names if name in options}) for names in sides]
    return {"widths": widths, "norm": forward.norm}


def inherit(net: Supernet, params: Params, teacher: Teacher) -> dict[str, Any]:
    """The params of a supernet that start from a teacher's, whatever the teacher has: its blocks, up-samplings, edges.

    The teacher's channels are sorted by importance, and what the supernet's widest network is narrower by is cut off at
    the end; in a supernet as wide as the teacher, the teacher's arch then is the teacher. Other operations keep their
    `params`. Raises ValueError for a supernet of another kind, depth or norm, one that is wider than the teacher, or
    one that lacks an operation of it.
    """
    forward, own = net.forward, teacher.net.forward
    if isinstance(forward, ResnetGenerator) and isinstance(own, ResnetGenerator):
        same = (forward.blocks, forward.norm) == (own.blocks, own.norm)
    elif isinstance(forward, UnetGenerator) and isinstance(own, UnetGenerator):
        same = (forward.levels, forward.norm) == (own.levels, own.norm)
    else:
        same = False
    if not same:
        raise ValueError(f"a network of {net.space.name}, {forward} cannot start from a teacher of {own}")
    sorted_ = sort_channels(teacher.net, teacher.params)
    return merge_params(params, _cut(sorted_, params, net.space.name))


def _cut(taught: Params, params: Params, where: str) -> dict[str, Any]:
    """The leading slices of what the teacher has."""
    cut: dict[str, Any] = {}
    for name, value in taught.items():
        if name not in params:
            raise ValueError(f"{where} has no {name!r} to start from the teacher's; it has: {', '.join(params)}")
        if isinstance(value, Mapping):
            cut[name] = _cut(value, params[name], f"{where}.{name}")
        elif any(n > m for n, m in zip(params[name].shape, value.shape, strict=True)):
            raise ValueError(f"{where}.{name} of shape {params[name].shape} is wider than the teacher's {value.shape}")
        else:
            cut[name] = value[tuple(slice(n) for n in params[name].shape)]
    return cut


def _names(parts: Mapping[str, Any]) -> str:
    return ", ".join(name or "(the file itself)" for name in parts)
