"""What a style search leaves behind: the network that `nasjax stylize` runs, with what is known of it."""

from pathlib import Path
from typing import Any

import numpy as np

from nasjax.chain.style.problem import StyleProblem
from nasjax.export.stylist import write_style_network
from nasjax.typing import Params


def write_network(path: Path, problem: StyleProblem, arch: np.ndarray, *, params: Params) -> dict[str, Any]:
    """Write the network folder and return its manifest."""
    costs = {name: int(v[0]) for name, v in problem.table(arch[None]).items()}
    width, height = problem.config.macs_at
    card = {
        "name": problem.config.name,
        "task": "photorealistic style transfer",
        "encoder": problem.config.space.encoder,
        "costs": costs,
        "macs_at": f"{width}x{height}",
        "trained_on": problem.config.data.source,
    }
    return write_style_network(path, problem.arguments, arch=arch, params=params, card=card)
