"""The found architecture as nodes and edges, for `diagram.json`."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np

from nasjax.cost.count import count
from nasjax.ops.base import formulation
from nasjax.supernet.units import units
from nasjax.system import Networks

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
    "vap": "large-kernel attention",
    "smfa": "self-modulation",
    "pconv": "partial 3x3",
    "rfdb": "residual distillation",
    "esdb": "blueprint distillation",
    "ecb": "edge-oriented 3x3",
    "ca": "channel attention",
    "sa": "spatial attention",
    "both": "channel and spatial attention",
    "conv": "3x3 convolution",
    "sep": "separable 3x3",
}


def diagram(networks: Networks, arch: np.ndarray, *, scale: int, size: tuple[int, int]) -> dict[str, Any]:
    """Nodes in the order of the data, with parameters and MACs, and the main, long and residual edges."""
    options, costs = networks.supernet.space.decode(arch), _costs(networks, arch, size)
    nodes: list[dict[str, Any]] = [
        {"id": name, "label": label, "kind": kind, "detail": detail}
        | {cost: costs[name][cost] for cost in ("params", "macs")}
        for name, label, kind, detail in _nodes(options, scale)
    ]
    return {"nodes": nodes, "edges": list(_edges([n["id"] for n in nodes], options))}


def _nodes(options: dict[str, str], scale: int) -> Iterator[tuple[str, str, str, str]]:
    trunk, blocks = options["trunk"], [n for n in options if n[0] == "b" and n[1:].isdigit()]
    yield "input", "image", "input", "RGB"
    yield "stem", "stem", "layer", f"3x3, {trunk} channels"
    for name in blocks:
        taken = options[name]
        detail = "absent" if taken == "off" else f"{_WORDS[taken]}, {options[f'{name}.w']} inner channels"
        yield name, f"block {name[1:]}", "off" if taken == "off" else "block", detail
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


def _costs(networks: Networks, arch: np.ndarray, size: tuple[int, int]) -> defaultdict[str, Counter[str]]:
    """What each node costs, together with the long edge that leaves it."""
    space, found = networks.supernet.space, defaultdict(Counter)
    with formulation("native"):
        for unit in units(networks.supernet, networks.input_at(*size)):
            built = unit.build({c: int(arch[space.index(c)]) for c in unit.choices})
            if built is not None:
                counts = count(*built)
                found[unit.name.removesuffix(".edge")].update(params=counts.params, macs=counts.macs)
    return found
