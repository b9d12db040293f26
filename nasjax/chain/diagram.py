"""The found architecture as nodes and edges, for `diagram.json`."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from nasjax.chain.problem import Problem
from nasjax.cost.count import count
from nasjax.ops.base import formulation
from nasjax.supernet.units import units

_WORDS = {
    "res": "residual 3x3 pair",
    "sep3": "separable 3x3",
    "sep5": "separable 5x5",
    "sep7": "separable 7x7",
    "ir2k3": "inverted x2, 3x3",
    "ir2k5": "inverted x2, 5x5",
    "ir4k3": "inverted x4, 3x3",
    "ir4k5": "inverted x4, 5x5",
    "rlfb": "RLFB",
    "spab": "SPAB",
    "group": "grouped 3x3",
    "rep": "re-parameterised 3x3",
    "ca": "channel attention",
    "sa": "spatial attention",
    "both": "channel and spatial attention",
    "conv": "3x3 convolution",
    "sep": "separable 3x3",
}


def diagram(problem: Problem, arch: np.ndarray) -> dict[str, Any]:
    """Nodes in the order of the data, with parameters and MACs, and the main, long and residual edges."""
    options, costs = problem.supernet.space.decode(arch), _piece_costs(problem, arch)
    nodes: list[dict[str, Any]] = [
        {"id": name, "label": label, "kind": kind, "detail": detail, **_cost(costs, name)}
        for name, label, kind, detail in _nodes(problem, options)
    ]
    return {"nodes": nodes, "edges": list(_edges([n["id"] for n in nodes], options))}


def _nodes(problem: Problem, options: dict[str, str]) -> Iterator[tuple[str, str, str, str]]:
    trunk, scale = options["trunk"], problem.config.space.scale
    yield "input", "image", "input", "RGB"
    yield "stem", "stem", "layer", f"3x3, {trunk} channels"
    for i in range(1, problem.config.space.blocks + 1):
        taken = options[f"b{i}"]
        detail = "absent" if taken == "off" else f"{_WORDS[taken]}, {options[f'b{i}.w']} inner channels"
        yield f"b{i}", f"block {i}", "off" if taken == "off" else "block", detail
    yield "fuse", "fusion", "merge", "1x1, plus stem and long edges"
    taken = options["att"]
    yield "att", "attention", "off" if taken == "none" else "block", "absent" if taken == "none" else _WORDS[taken]
    yield "tail", "tail", "layer", f"{_WORDS[options['tail']]}, pixel shuffle x{scale}"
    yield "sum", "sum", "merge", f"plus the {options['image']} image"
    yield "output", f"x{scale} image", "output", "RGB"


def _edges(ids: list[str], options: dict[str, str]) -> Iterator[list[str]]:
    for a, b in zip(ids, ids[1:], strict=False):
        yield [a, b, "main"]
    yield ["stem", "fuse", "residual"]
    yield ["input", "sum", "residual"]
    for name, option in options.items():
        if name.endswith(".edge") and option == "long":
            yield [name.removesuffix(".edge"), "fuse", "long"]


def _cost(costs: dict[str, tuple[int, int]], name: str) -> dict[str, int]:
    """A node's own costs and those of the long edge that leaves it."""
    (params, macs), (edge_params, edge_macs) = costs.get(name, (0, 0)), costs.get(f"{name}.edge", (0, 0))
    return {"params": params + edge_params, "macs": macs + edge_macs}


def _piece_costs(problem: Problem, arch: np.ndarray) -> dict[str, tuple[int, int]]:
    space, (width, height) = problem.supernet.space, problem.config.macs_at
    scale, found = problem.config.space.scale, {}
    with formulation("native"):
        for unit in units(problem.supernet, (1, height // scale, width // scale, 3)):
            built = unit.build({c: int(arch[space.index(c)]) for c in unit.choices})
            if built is not None:
                counts = count(*built)
                found[unit.name] = (counts.params, counts.macs)
    return found
