"""Weights that training goes on from, in a bundle: as they were before they were folded for inference."""

import os
from pathlib import Path

import jax
import numpy as np

from nasjax.export.manifest import verified
from nasjax.export.network import Network
from nasjax.export.weights import read_weights, write_weights
from nasjax.typing import Params

TRAINABLE = "trainable.safetensors"
_FOLDED = "model.safetensors"


def write_trainable(network: Network, folder: Path) -> dict[str, None]:
    """Write the network's trainable params, if it has them; returns the file's row of the manifest."""
    if network.trainable is None:
        return {}
    params = jax.tree.map(np.asarray, network.trainable)
    write_weights(params, folder / TRAINABLE, {"arch": str(network.description["arch"])})
    return {TRAINABLE: None}


def load_trainable(folder: str | os.PathLike[str], like: Params) -> Params:
    """The params of a bundle, or of a stylising network, to train on from: nested as `like`, the params of its arch.

    Those written with `final.trainable`; where there are none, the bundle's own, which are the same for a network in
    which nothing was folded. Raises ValueError where the folder is no bundle, or its weights are not those of the arch
    (naming the leaf).
    """
    folder = Path(folder)
    kept = TRAINABLE if TRAINABLE in verified(folder)["files"] else _FOLDED
    params = jax.tree.map(lambda x: np.asarray(x, np.float32), read_weights(folder / kept))
    found, wanted = _shapes(params), _shapes(like)
    if found == wanted:
        return params
    name = next(name for name in sorted({*found, *wanted}) if found.get(name) != wanted.get(name))
    hint = "" if kept == TRAINABLE else "; export it with --final.trainable for weights to train on from"
    raise ValueError(
        f"{folder / kept} holds other weights than the arch has: {name} is {found.get(name, 'absent')} there, "
        f"{wanted.get(name, 'absent')} in the arch{hint}"
    )


def _shapes(params: Params) -> dict[str, tuple[int, ...]]:
    return {jax.tree_util.keystr(path): np.shape(x) for path, x in jax.tree.leaves_with_path(params)}
