"""What a card says of a network's reach: whether it may run in windows of a picture, and what it takes as a whole."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from nasjax.export.network import Network
from nasjax.windows.memory import peak_bytes
from nasjax.windows.values import NotWindowed
from nasjax.windows.windowed import Plan, fitted


def describe_tiling(network: Network) -> dict[str, Any]:
    """The card's entry `tiling`, studied on the traced network itself.

    `receptive_field`: the side of the square of input pixels that an output pixel depends on, without statistics;
    `margin`: pixels around a window's core that it must hold; `multiple`: of it windows must begin. `statistics`:
    operations that take in the whole picture. `whole`: why the graph cannot run in windows as it is, None where it can;
    windows must then lie inside the picture. `passes`: which statistics are gathered in passes over all windows, one
    after the other, with the margin of each, for who runs the graph in parts (`export.onnx.split`); None where that
    does not help. `mirrored`: pictures are filled up to multiples of `multiple` by mirroring them, inside the graph.
    `bytes_per_pixel`: memory of the network's values, an estimate.
    """
    step = network.size_multiple
    side = step * -(-max(256, network.min_size) // step)
    x = jax.ShapeDtypeStruct((1, side, side, network.channels), jnp.float32)
    each = peak_bytes(jax.make_jaxpr(network.apply)(network.params, x)) / side**2
    entry = {
        "receptive_field": None,
        "margin": None,
        "multiple": None,
        "mirrored": False,
        "statistics": [],
        "passes": None,
        "bytes_per_pixel": round(each),
    }
    try:
        _, plan = fitted(network.apply, network.params, multiple=step, channels=network.channels, side=side)
    except NotWindowed as error:
        return {**entry, "whole": str(error)}
    names = sorted({name for name, _ in plan.points})
    return {
        **entry,
        "receptive_field": 2 * plan.margins[-1] + 1,
        "margin": plan.margins[-1],
        "multiple": plan.multiple,
        "mirrored": plan.mirrored,
        "statistics": names,
        "passes": None if plan.placed else _passes(plan),
        "whole": _whole(plan, names),
    }


def _passes(plan: Plan) -> list[dict[str, Any]]:
    levels = range(plan.levels)
    return [{"margin": plan.margins[n], "statistics": [name for name, m in plan.points if m == n]} for n in levels]


def _whole(plan: Plan, names: Sequence[str]) -> str | None:
    if plan.placed:
        return "it counts the picture's rows or columns"
    return f"it takes statistics of the whole picture: {', '.join(names)}" if names else None
