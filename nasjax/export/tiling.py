"""What a card says of a network's reach: whether it may run in windows of a picture, and what it takes as a whole."""

from typing import Any

import jax
import jax.numpy as jnp

from nasjax.export.network import Network
from nasjax.windows.memory import peak_bytes
from nasjax.windows.values import NotWindowed
from nasjax.windows.windowed import fitted


def describe_tiling(network: Network) -> dict[str, Any]:
    """The card's entry `tiling`, studied on the traced network itself.

    `receptive_field`: the side of the square of input pixels that an output pixel depends on, without statistics;
    `margin`: pixels around a window's core that it must hold; `multiple`: of it windows must begin. `statistics`:
    operations that take in the whole picture. `whole`: why a graph cannot run in windows, None where it can; windows
    must then lie inside the picture. `bytes_per_pixel`: memory of the network's values, an estimate.
    """
    step = network.size_multiple
    side = step * -(-max(256, network.min_size) // step)
    x = jax.ShapeDtypeStruct((1, side, side, network.channels), jnp.float32)
    each = peak_bytes(jax.make_jaxpr(network.apply)(network.params, x)) / side**2
    entry = {
        "receptive_field": None,
        "margin": None,
        "multiple": None,
        "statistics": [],
        "bytes_per_pixel": round(each),
    }
    try:
        _, plan = fitted(network.apply, network.params, multiple=step, channels=network.channels, side=side)
    except NotWindowed as error:
        return {**entry, "whole": str(error)}
    names = sorted({name for name, _ in plan.points})
    whole = f"it takes statistics of the whole picture: {', '.join(names)}" if names else None
    return {
        **entry,
        "receptive_field": 2 * plan.margins[-1] + 1,
        "margin": plan.margins[-1],
        "multiple": plan.multiple,
        "statistics": names,
        "whole": whole,
    }
