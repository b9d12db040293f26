"""Weights that training goes on from, in a bundle: as they were before they were folded for inference."""

import os
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np

from nasjax.export.manifest import verified
from nasjax.export.network import Network
from nasjax.export.weights import read_weights, write_weights
from nasjax.say import Say, silent
from nasjax.typing import Params

TRAINABLE = "trainable.safetensors"
_FOLDED = "model.safetensors"
_NEAR = 1e-4  # how far unfolded weights may be, once folded, from those that were given


def write_trainable(network: Network, folder: Path) -> dict[str, None]:
    """Write the network's trainable params, if it has them; returns the file's row of the manifest."""
    if network.trainable is None:
        return {}
    params = jax.tree.map(np.asarray, network.trainable)
    write_weights(params, folder / TRAINABLE, {"arch": str(network.description["arch"])})
    return {TRAINABLE: None}


def load_trainable(
    folder: str | os.PathLike[str],
    like: Params,
    *,
    deploy_fn: Callable[[Params], Params] | None = None,
    say: Say = silent,
) -> Params:
    """The params of a bundle, or of a stylising network, to train on from: nested as `like`, the params of its arch.

    Those written with `final.trainable`; where there are none, the bundle's own, which are the same for a network in
    which nothing was folded. With `deploy_fn`, which folds params such as `like` (`Supernet.deploy_params`), folded
    ones will do: they get the branches of `like` (`unfolded`), which `say` is told. Raises ValueError where the folder
    is no bundle, or its weights are not those of the arch (naming the leaf).
    """
    folder = Path(folder)
    kept = TRAINABLE if TRAINABLE in verified(folder)["files"] else _FOLDED
    params = jax.tree.map(lambda x: np.asarray(x, np.float32), read_weights(folder / kept))
    found, wanted = _shapes(params), _shapes(like)
    if found == wanted:
        return params
    if kept == _FOLDED and deploy_fn is not None and found == _shapes(deploy_fn(like)):
        say(f"{folder / kept} has its branches added up: they begin anew, in a network that is the same")
        return unfolded(params, like, deploy_fn)
    name = next(name for name in sorted({*found, *wanted}) if found.get(name) != wanted.get(name))
    hint = "" if kept == TRAINABLE else "; export the run with --trainable for weights to train on from"
    raise ValueError(
        f"{folder / kept} holds other weights than the arch has: {name} is {found.get(name, 'absent')} there, "
        f"{wanted.get(name, 'absent')} in the arch{hint}"
    )


def unfolded(given: Params, like: Params, deploy_fn: Callable[[Params], Params]) -> Params:
    """Params as they are trained, out of deployed ones, whose branches were added up; the network is the same.

    Branches are those of `like`, and the plain kernel beside them is what is left of the deployed one: it assumes that
    what folding adds up has one. Raises ValueError where that does not give the same network.
    """
    folded = deploy_fn(like)
    left = dict(jax.tree.leaves_with_path(jax.tree.map(lambda g, f: np.asarray(g) - np.asarray(f), given, folded)))
    params = jax.tree.map_with_path(lambda path, x: np.asarray(x) + left.get(path, np.float32(0)), like)
    off = jax.tree.map(lambda g, p: float(np.abs(np.asarray(g) - np.asarray(p)).max()), given, deploy_fn(params))
    name, worst = max(jax.tree.leaves_with_path(off), key=lambda leaf: leaf[1])
    if worst > _NEAR:
        raise ValueError(
            f"unfolded: {jax.tree_util.keystr(name)} would be off by {worst:.2g}: what was folded there has no plain "
            "kernel beside its branches; export the run with --trainable for weights to train on from"
        )
    return params


def _shapes(params: Params) -> dict[str, tuple[int, ...]]:
    return {jax.tree_util.keystr(path): np.shape(x) for path, x in jax.tree.leaves_with_path(params)}
