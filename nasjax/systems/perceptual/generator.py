"""The generator that a search of discriminators begins with, out of the bundle of another search or of the package."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from nasjax.export.bundle import ARCH
from nasjax.export.filled import CARD
from nasjax.export.manifest import bundle_folder
from nasjax.export.trainable import load_trainable
from nasjax.files import read_json
from nasjax.spaces.sr_cell import sr_cell
from nasjax.supernet.base import Supernet
from nasjax.typing import Params


class Generator(NamedTuple):
    """Its supernet, its arch, and how a bundle rebuilds it; `folder` is the bundle that it is from, where it is."""

    net: Supernet
    arch: np.ndarray
    builder: tuple[str, dict[str, Any]]
    folder: Path | None = None


def plain_generator(scale: int, *, blocks: int, width: int, op: str = "res", tail: str = "conv") -> Generator:
    """Blocks of one operation and width behind a bicubic enlargement, without weights; names are those of `sr_cell`."""
    arguments = {"scale": scale, "blocks": blocks, "trunk": [width], "inner": [width], "ops": [op]}
    net = sr_cell(**arguments)
    return Generator(net, net.space.encode({"tail": tail, "image": "bicubic", "att": "none"}), ("sr_cell", arguments))


def given_generator(given: str, scale: int) -> Generator:
    """The network of a bundle, or of a run folder that has one.

    Raises ValueError, naming the setting, where there is none or it is one of another space or scale.
    """
    folder = bundle_folder(given) if Path(given).is_dir() else Path(given)
    needed = f"needed is a network of sr_cell for x{scale}"
    if not (folder / ARCH).is_file():
        raise ValueError(f"system.generator: {given} is neither a bundle nor a run folder that has one; {needed}")
    said = read_json(folder / ARCH)
    builder = said.get("builder") or {}
    name, arguments = builder.get("name"), builder.get("arguments", {})
    if name != "sr_cell" or arguments.get("scale") != scale:
        found = f"a network of {name or 'a space of its own'} for x{arguments.get('scale', '?')}"
        raise ValueError(f"system.generator: {given} is {found}; {needed}")
    net = sr_cell(**arguments)
    return Generator(net, net.space.parse(said["arch"]), ("sr_cell", arguments), folder)


def begun(generator: Generator) -> Params | None:
    """The weights of its bundle to train on from, where it is from one."""
    if generator.folder is None:
        return None
    net, arch = generator.net, generator.arch
    like = net.extract_params(net.init(jax.random.key(0)), arch)
    return load_trainable(generator.folder, like, deploy_fn=lambda params: net.deploy_params(params, arch))


def card_of(generator: Generator) -> Mapping[str, Any]:
    """The card of its bundle; nothing where it is from none."""
    return {} if generator.folder is None else read_json(generator.folder / CARD)
