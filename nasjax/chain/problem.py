"""From an experiment to what a search works on: its networks, their exact costs, the budgets, and the ground."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from nasjax.chain.kept import Kept
from nasjax.chain.latency import latency_size, run_latency
from nasjax.chain.phases import Known, pictures_of
from nasjax.config import Experiment
from nasjax.cost.budget import LATENCY, Budgets, parse_budgets, resolve_budgets
from nasjax.cost.feasible import check_feasible
from nasjax.cost.latency import LatencyTable
from nasjax.cost.profile import Profile, profile
from nasjax.cost.sample import sample_networks
from nasjax.cost.table import CostTable, tabulate
from nasjax.data.spec import open_source
from nasjax.ops.params import merge_params
from nasjax.say import Say
from nasjax.space import SearchSpace
from nasjax.supernet.base import Supernet
from nasjax.supernet.units import units
from nasjax.system import Ground, Networks
from nasjax.typing import Params


@dataclass(frozen=True)
class Problem:
    """Everything fixed before the first step. `latency` is the measured table behind that cost, None where unasked."""

    experiment: Experiment
    networks: Networks
    table: CostTable
    budgets: Budgets
    latency: LatencyTable | None
    ground: Ground

    @functools.cached_property
    def known(self) -> Known:
        """What phases depend on beside the config: a large folder is listed once, not in every phase."""
        return Known(pictures_of(self.experiment), _stand_ins(self.networks))

    @functools.cached_property
    def kept(self) -> Kept:
        """What phases of the run share: tasks with their compiled steps, and programs that score."""
        return Kept()

    @property
    def space(self) -> SearchSpace:
        """The whole search space."""
        return self.networks.supernet.space

    @property
    def scored(self) -> Supernet:
        """The supernet as scores run it."""
        return self.networks.scored or self.networks.supernet

    @property
    def key(self) -> jax.Array:
        """The key of the whole run."""
        return jax.random.key(self.experiment.seed)

    def init(self) -> Params:
        """Initial shared weights, with frozen layers in their place."""
        return self.frozen(self.ground.start(self.networks.supernet.init(jax.random.fold_in(self.key, 0))))

    def frozen(self, params: Params) -> Params:
        """The params with frozen layers as they were given: averaging may have moved their last bits."""
        return merge_params(params, self.ground.frozen) if self.ground.frozen else params


def make_problem(
    experiment: Experiment, folder: str | Path | None = None, *, decides: bool = True, say: Say = print
) -> Problem:
    """Build the space, tabulate its costs, refuse budgets that no arch keeps, then read and check what is needed.

    Where latency is asked for, it is read from the run's `folder`, or measured and kept there; not where nothing is to
    be decided (`decides=False`), which another machine can do as well. Raises ValueError for an impossible budget
    (naming the reachable range), space, stages or pictures; ImportError naming the extra where weights need one.
    """
    networks = experiment.system.networks()
    stages, measured = networks.supernet.space.stages, decides and latency_size(experiment) is not None
    if (given := tuple(stage.stage for stage in experiment.stages)) != stages:
        raise ValueError(f"config.stages must be those of the space, in order: {stages}, got {given}")
    table, budgets, latency = _costs(experiment, networks, folder, say=say, measured=measured)
    networks = _fitted(experiment, networks, table, budgets)
    table = replace(table, space=networks.supernet.space)  # the same choices and costs; only stand-ins may differ
    open_source(experiment.data.source, "train", on_error=experiment.data.on_bad)
    ground = experiment.system.prepare(experiment, networks)
    if decides:
        _check_names(ground, table)
    return Problem(experiment, networks, table, budgets, latency, ground)


def known_of(experiment: Experiment) -> Known:
    """What the phases of an experiment depend on beside its config; nothing is measured, budgets on latency aside."""
    networks = experiment.system.networks()
    if networks.narrower:
        networks = _fitted(experiment, networks, *cost_table(experiment, networks))
    return Known(pictures_of(experiment), _stand_ins(networks))


def profile_of(
    experiment: Experiment, folder: str | Path, *, measured: bool, say: Callable[[str], None] = print
) -> Profile:
    """Size of the space, range of every cost, reachable share; refuses as a search would.

    `measured`: latency, too, which is kept in `folder` for the search.
    """
    networks = experiment.system.networks()
    table, budgets, _ = _costs(experiment, networks, folder, say=say, measured=measured)
    return profile(networks.supernet.space, table, budgets)


def cost_table(experiment: Experiment, networks: Networks) -> tuple[CostTable, Budgets]:
    """Exact costs of every arch at `macs_at`, and the budgets on them as absolute limits: all but latency's."""
    net, (width, height) = networks.counted or networks.supernet, experiment.macs_at

    def units_at(height: int, width: int) -> Any:
        return units(net, networks.input_at(width, height))

    counted = [b for b in parse_budgets(experiment.budget) if b.cost != LATENCY]
    table = tabulate(net.space, units_at(height, width), at=(height, width))
    budgets, table = resolve_budgets(counted, table, units_at=units_at)
    return table, budgets


def _costs(
    experiment: Experiment, networks: Networks, folder: str | Path | None, *, say: Say, measured: bool
) -> tuple[CostTable, Budgets, LatencyTable | None]:
    """Costs and feasible budgets; what can be refused by counting is, before minutes are spent on measuring."""
    space = networks.supernet.space
    table, budgets = cost_table(experiment, networks)
    check_feasible(space, table, budgets)
    if not measured:
        return table, budgets, None
    latency = run_latency(experiment, networks, folder, say=say)
    on_latency = [b._replace(size=None) for b in parse_budgets(experiment.budget) if b.cost == LATENCY]
    more, table = resolve_budgets(on_latency, table.join(latency.table()))
    budgets = Budgets((*budgets.limits, *more.limits))
    check_feasible(space, table, budgets)
    return table, budgets, latency


def _fitted(experiment: Experiment, networks: Networks, table: CostTable, budgets: Budgets) -> Networks:
    """The networks with the widest stand-ins with which half of the first stage's keep the budgets.

    Early stages are compared at widths like those the result will have; with the widest, a small budget would leave
    them nothing but nearly empty networks. It assumes that stand-in operators are about as dear as what is picked, and
    is wrong where the later stages end far below the budget.
    """
    for narrower in networks.narrower:
        networks = narrower()
        space = networks.supernet.space.at_stage(experiment.stages[0].stage)
        if np.median(budgets.violation(table(sample_networks(space, 512)))) == 0:
            break
    return networks


def _stand_ins(networks: Networks) -> str:
    """What stands for the choices of later stages, as an arch."""
    space = networks.supernet.space
    return space.text(space.default_arch())


def _check_names(ground: Ground, table: CostTable) -> None:
    """What decides must be known: of the system's author, not of its user."""
    known = {m.name for m in ground.measures} | {*table.names, "cost"}
    for name in (*ground.objectives, *ground.weights):
        if name not in known:
            raise ValueError(f"objectives and weights: {name!r} is neither a measure nor a cost: {', '.join(known)}")
    if not ground.objectives or min(ground.weights.values(), default=-1) < 0 or not any(ground.weights.values()):
        raise ValueError("a system needs an objective, and weights >= 0 of which one is positive")
