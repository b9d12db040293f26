"""Trained generators of other people as bundles: imported once, then used like any network of nasjax."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nasjax.cost.count import Counts, count
from nasjax.export.bundle import ARCH, EXPORTERS, write_bundle
from nasjax.export.card import Card
from nasjax.export.manifest import read_json, verified
from nasjax.export.network import deployed
from nasjax.export.weights import read_weights
from nasjax.nets.teachers import Recognised
from nasjax.nets.torch_layers import Statistics
from nasjax.ops.base import formulation
from nasjax.spaces.resnet_generator import ResnetGenerator
from nasjax.spaces.teacher import Teacher, read_generator, smallest, teacher_of
from nasjax.spaces.unet_generator import UnetGenerator

COUNTED_AT = 256  # pixels a side: where papers count the operations of these networks


class Imported(NamedTuple):
    """What an import found, its costs at 256x256 pixels, and the manifest of the bundle that it wrote."""

    found: Recognised
    costs: Counts
    manifest: dict[str, Any]


def import_teacher(
    path: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    part: str | None = None,
    statistics: Statistics = "image",
    resize: str = "nearest",
    formats: Sequence[str] = (),
) -> Imported:
    """Write the generator of a PyTorch file as a bundle; arguments as `spaces.teacher.read_generator` has them.

    `formats`: graphs beside the weights ("stablehlo", "onnx"). Raises ValueError as `read_generator`, and as
    `write_bundle` where a graph differs from the network.
    """
    path = Path(path)
    found = read_generator(path, part=part, statistics=statistics, resize=resize)
    teacher = teacher_of(found)
    network = deployed(
        teacher.net, teacher.params, teacher.arch, builder=teacher.builder, min_size=_generator(teacher).min_size
    )
    notes = f"imported from {path.name}: {found.architecture}, {found.norm}, {found.up}"
    card = Card(path.stem, task="image translation", notes=notes)
    return Imported(found, teacher_costs(teacher), write_bundle(folder, network, card=card, formats=formats))


def load_teacher(
    path: str | os.PathLike[str],
    *,
    part: str | None = None,
    statistics: Statistics = "image",
    resize: str = "nearest",
) -> Teacher:
    """A teacher from the bundle that an import wrote, or straight from a PyTorch file (then as `read_generator`).

    Raises ValueError for a bundle of another kind of network, a damaged one, or params that are not finite.
    """
    path = Path(path)
    if not path.is_dir():
        return teacher_of(read_generator(path, part=part, statistics=statistics, resize=resize))
    verified(path)
    description = read_json(path / ARCH)
    builder = description["builder"]
    if not builder or builder["name"] not in ("resnet_generator", "unet_generator"):
        raise ValueError(f"{path} holds no generator of resnet_generator or unet_generator: it was built by {builder}")
    params = read_weights(path / EXPORTERS["safetensors"].file)
    for place, leaf in jax.tree.leaves_with_path(params):
        if not np.isfinite(leaf).all():
            name = jax.tree_util.keystr(place, simple=True, separator="/")
            raise ValueError(f"{path}: {name} has values that are not finite: the network is broken")
    return smallest(builder["name"], builder["arguments"], arch=description["arch"], params=params)


def teacher_costs(teacher: Teacher, *, size: int = COUNTED_AT) -> Counts:
    """The costs of a teacher for one image of `size` x `size` pixels; nothing is executed."""
    module = teacher.net.extract(teacher.arch)
    x = jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32)
    with formulation("native"):
        return count(lambda params, x: module.apply({"params": params}, x), teacher.params, x)


def _generator(teacher: Teacher) -> ResnetGenerator | UnetGenerator:
    forward = teacher.net.forward
    assert isinstance(forward, ResnetGenerator | UnetGenerator)
    return forward
