"""Measured latency of a run: pieces and some whole networks are timed once, kept in `latency.json`, and reused."""

from pathlib import Path

import numpy as np

from nasjax.config import Experiment
from nasjax.cost.budget import LATENCY, parse_budgets
from nasjax.cost.latency import LatencyTable, load_latency, measure_units
from nasjax.cost.measure import measure, runner
from nasjax.cost.sample import sample_networks
from nasjax.say import Say
from nasjax.supernet.units import units
from nasjax.system import Networks
from nasjax.train.processes import gather, is_first

FILE = "latency.json"
CALIBRATED, CHECKED = 4, 8  # whole networks measured to fit the additive prediction, and others to judge it by


def latency_size(experiment: Experiment) -> tuple[int, int] | None:
    """Output size (width, height) that latency is measured at; None where neither a budget nor the cost is latency.

    A budget states it (`latency<=20ms@640x480`), else it is `experiment.latency_at`. Raises ValueError for two sizes.
    """
    budgets = [b for b in parse_budgets(experiment.budget) if b.cost == LATENCY]
    stated = dict.fromkeys(b.size for b in budgets if b.size is not None)
    if len(stated) > 1:
        sizes = " and ".join(f"{width}x{height}" for width, height in stated)
        raise ValueError(f"latency budgets at {sizes}: latency is measured at one output size")
    return next(iter(stated), experiment.latency_at) if budgets or experiment.cost == LATENCY else None


def run_latency(
    experiment: Experiment, networks: Networks, folder: str | Path | None, *, say: Say = print
) -> LatencyTable:
    """The latency table that `latency.json` in `folder` has for this space, size and device, or a newly measured one.

    A new one is saved there, unless `folder` is None. Raises ValueError when the file's was measured on another device
    or with another jax.
    """
    width, height = latency_size(experiment) or experiment.latency_at
    file = None if folder is None else Path(folder) / FILE
    found = None if file is None else load_latency(file, networks.supernet.space, at=(height, width))
    if found is None and (file is None or is_first()):
        say(f"latency: measuring pieces and {CALIBRATED + CHECKED} whole networks at {width}x{height}")
        found = measure_latency(networks, at=(height, width))
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            found.save(file)
    gather(None)  # of several processes the first one measures, and all go by its times
    if found is None and file is not None:
        found = load_latency(file, networks.supernet.space, at=(height, width))
    if found is None:
        raise ValueError(f"latency: {file} was not written by the first process; is the run folder shared?")
    say(found.describe())
    return found


def measure_latency(networks: Networks, *, at: tuple[int, int]) -> LatencyTable:
    """Measure the pieces of the networks at an output of `at` (height, width), calibrate their sum, and check it.

    The fastest, the slowest and two random networks, each compiled as a whole, fit the sum; eight others, drawn
    uniformly, tell its error.
    """
    net, shape = networks.counted or networks.supernet, networks.input_at(at[1], at[0])
    table = measure_units(net.space, units(net, shape, how="auto"), at=at)
    costs = table.table()
    ends = [costs.minimum(LATENCY).arch, costs.maximum(LATENCY).arch]
    archs = np.concatenate([ends, sample_networks(net.space, CALIBRATED + CHECKED - len(ends))])
    found = measure({i: runner(*net.deployed(arch, shape)) for i, arch in enumerate(archs)})  # interleaved
    times = np.array([found[i].median_ms for i in range(len(archs))])
    fitted = table.calibrated(archs[:CALIBRATED], times[:CALIBRATED])
    return fitted.checked(archs[CALIBRATED:], times[CALIBRATED:])
