"""What a run leaves to be used: the network as a bundle, with its card."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nasjax.chain.configs import as_dict
from nasjax.chain.problem import Problem
from nasjax.export.bundle import write_bundle
from nasjax.export.card import Card, training_data
from nasjax.export.network import deployed
from nasjax.system import Shipped
from nasjax.typing import Params


def export_network(
    problem: Problem, folder: Path, arch: np.ndarray, *, params: Params, values: Mapping[str, float]
) -> Mapping[str, Any]:
    """Write a network as the bundle `folder`; returns its manifest. `values` are its measures, for the card."""
    experiment, final, networks = problem.experiment, problem.experiment.final, problem.networks
    metrics, origin = _metrics(problem, values), as_dict(experiment)
    if problem.ground.export is not None:
        return problem.ground.export(folder, Shipped(arch, params, metrics, final.formats, origin, final.trainable))
    data = (training_data(experiment.data.source),)
    card = Card(experiment.name, experiment.system.title, data, tuple(metrics), experiment=origin)
    builder, min_size = networks.builder, networks.min_size
    network = deployed(networks.supernet, params, arch, builder=builder, min_size=min_size, trainable=final.trainable)
    return write_bundle(folder, network, card=card, formats=final.formats)


def _metrics(problem: Problem, values: Mapping[str, float]) -> list[dict[str, Any]]:
    data = f"{problem.experiment.data.source}, test split"
    return [
        {"name": m.name, "value": round(values[m.name], 4), "data": data, "protocol": problem.ground.protocol}
        for m in problem.ground.measures
        if m.name in values
    ]
