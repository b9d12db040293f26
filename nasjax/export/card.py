"""The card of a bundle: what a user must know to feed it images and to quote its figures."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import jax
import jax.numpy as jnp

import nasjax
from nasjax.cost.count import count
from nasjax.export.network import Network, scale_of
from nasjax.export.tiling import describe_tiling
from nasjax.ops.base import formulation


@dataclass(frozen=True)
class Card:
    """What only the maker of a network knows; the rest of `card.json` is derived from the network.

    `licence` is that of the weights. `training_data` lists mappings with `name`, `licence` and `credits`; `metrics`
    lists mappings with `name`, `value`, `data` and `protocol`. With `experiment`, `nasjax evaluate` can score the
    bundle. Raises ValueError when one of these is missing: a figure without its protocol means nothing.
    """

    name: str
    task: str = "super-resolution"
    training_data: tuple[Mapping[str, Any], ...] = ()
    metrics: tuple[Mapping[str, Any], ...] = ()
    notes: str = ""
    licence: str = ""
    experiment: Mapping[str, Any] | None = None  # what it was found by, as a run's `config.json` has it

    def __post_init__(self):
        _require("training_data", self.training_data, ("name", "licence", "credits"))
        _require("metrics", self.metrics, ("name", "value", "data", "protocol"))


def training_data(source: str) -> dict[str, str]:
    """What a network was trained on, as an entry of its card; of pictures that are not ours the user knows more."""
    if source.rpartition(":")[2] == "embedded":  # or what is made of them
        return {
            "name": "nasjax embedded photographs",
            "licence": "CC0 and public domain",
            "credits": "nasjax/data/photos/credits.csv",
        }
    return {"name": source, "licence": "the user's own data: fill in", "credits": "fill in"}


def describe(card: Card, network: Network) -> dict[str, Any]:
    """The content of `card.json`; MACs are counted at the input whose output is about 1280x720."""
    scale = scale_of(network)
    step = network.size_multiple
    height, width = (max(n // scale // step * step, network.min_size) for n in (720, 1280))
    x = jax.ShapeDtypeStruct((1, height, width, network.channels), jnp.float32)
    with formulation("native"):
        costs = count(lambda params, x: network.apply(params, x), network.params, x)
    return {
        "format": 1,
        **asdict(card),
        "nasjax": nasjax.__version__,
        "layout": "NHWC",
        "dtype": "float32",
        "value_range": [-1.0, 1.0],
        "colour_order": "RGB" if network.channels == 3 else f"{network.channels} channels",
        "scale": scale,
        "size_multiple": step,
        "min_size": network.min_size,
        "input_name": "image",
        "output_name": "output",
        "params": costs.params,
        "tiling": describe_tiling(network),
        "macs": {"value": costs.macs, "input": [height, width], "output": [scale * height, scale * width]},
    }


def _require(field: str, entries: tuple[Mapping[str, Any], ...], keys: tuple[str, ...]) -> None:
    for entry in entries:
        if missing := [key for key in keys if key not in entry]:
            raise ValueError(f"card.{field}: {dict(entry)} lacks {missing[0]!r}; needed: {', '.join(keys)}")
