"""A stylising network as a folder: weights, arch, card, and a manifest with checksums."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

import nasjax
from nasjax.export.filled import CARD, filled_in, refilled
from nasjax.export.manifest import staged, verified, write_manifest
from nasjax.export.weights import read_weights, write_weights
from nasjax.files import read_json, write_json
from nasjax.spaces.photonet import Photonet, photonet
from nasjax.supernet.base import Supernet
from nasjax.typing import Arch, Params

WEIGHTS, ARCH = "model.safetensors", "arch.json"


class StyleNetwork(NamedTuple):
    """A found network: what stylises is `forward` over the arch's params, with points of the caller's choice."""

    net: Supernet
    arch: tuple[int, ...]
    params: Params
    card: Mapping[str, Any]

    @property
    def forward(self) -> Photonet:
        """The forward function of the space."""
        forward = self.net.forward
        assert isinstance(forward, Photonet)
        return forward

    @property
    def levels(self) -> int:
        """Levels of the encoder: sizes must be multiples of 2^(levels - 1)."""
        return len(self.forward.encoder.widths)


def write_style_network(
    folder: str | os.PathLike[str],
    arguments: Mapping[str, Any],
    *,
    arch: Arch,
    params: Params,
    card: Mapping[str, Any],
) -> dict[str, Any]:
    """Write a network of `photonet(**arguments)` and return its manifest; weights are rounded to float16.

    `params` are those of `extract_params`. A network that was at `folder` is replaced as a whole; what was filled in on
    its card (`fill_in`) stays.
    """
    net = photonet(**arguments)
    with staged(Path(folder)) as stage:
        halved = jax.tree.map(lambda a: np.asarray(a, np.float16), params)
        write_weights(halved, stage / WEIGHTS, {"arch": net.space.text(arch)})
        write_json(
            stage / ARCH, {"builder": {"name": "photonet", "arguments": arguments}, "arch": net.space.text(arch)}
        )
        write_json(stage / CARD, refilled({"nasjax": nasjax.__version__, **card}, filled_in(Path(folder))))
        return write_manifest(stage, dict.fromkeys((WEIGHTS, ARCH, CARD)))


def load_style_network(folder: str | os.PathLike[str]) -> StyleNetwork:
    """Load a network after checking its files; raises ValueError for what is no stylising network, or is damaged."""
    folder = Path(folder)
    verified(folder)
    description = read_json(folder / ARCH)
    if description.get("builder", {}).get("name") != "photonet":
        raise ValueError(f"{folder} holds no stylising network: it was built by {description.get('builder')}")
    net = photonet(**description["builder"]["arguments"])
    arch = net.space.parse(description["arch"])
    # By numpy: JAX would compile a conversion for each shape.
    params = jax.device_put(jax.tree.map(lambda a: np.asarray(a).astype(np.float32), read_weights(folder / WEIGHTS)))
    return StyleNetwork(net, tuple(arch.tolist()), params, read_json(folder / CARD))
