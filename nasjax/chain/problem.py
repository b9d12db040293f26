"""From a config to what a search works on: the supernet, its exact costs, the budgets, the pictures."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from nasjax.chain.latency import latency_size, run_latency, with_latency
from nasjax.config import Config, SpaceConfig
from nasjax.cost.budget import LATENCY, Budgets, parse_budgets, resolve_budgets
from nasjax.cost.feasible import check_feasible
from nasjax.cost.latency import LatencyTable
from nasjax.cost.profile import profile, render
from nasjax.cost.sample import sample_networks
from nasjax.cost.table import CostTable, tabulate
from nasjax.data.evaluation import EvalImage, eval_images, validation_patches
from nasjax.data.spec import open_source
from nasjax.spaces.sr_cell import sr_cell
from nasjax.supernet.base import Supernet
from nasjax.supernet.units import units


@dataclass(frozen=True)
class Problem:
    """Everything fixed before the first step; `arguments` rebuild the supernet (`sr_cell(**arguments)`).

    `latency` is the measured table behind the cost `latency`; None where the config does not ask for it.
    """

    config: Config
    supernet: Supernet
    arguments: dict[str, Any]
    table: CostTable
    budgets: Budgets
    latency: LatencyTable | None = None

    @property
    def key(self) -> jax.Array:
        """The key of the whole run."""
        return jax.random.key(self.config.seed)


def make_problem(config: Config, folder: str | Path | None = None, *, say: Callable[[str], None] = print) -> Problem:
    """Build the space, tabulate its costs, and refuse budgets that no arch keeps.

    Where the config asks for latency, it is read from the run's `folder`, or measured and kept there. Raises ValueError
    for an impossible budget (naming the reachable range), space, or stage.
    """
    config_space = config.space
    net = sr_cell(**_arguments(config_space))
    _check_stages(config, net)
    table, budgets, latency = _costs(net, config, folder, say=say)
    if config_space.nominal is None:
        net = sr_cell(**_arguments(config_space, _nominal(config, table, budgets)))
        table = replace(table, space=net.space)  # the same choices and costs; only the stand-in widths differ
    default = net.space.choices[net.space.index("trunk")].default
    return Problem(config, net, _arguments(config_space, default), table, budgets, latency)


def profile_text(
    config: Config, folder: str | Path, *, latency: bool = False, say: Callable[[str], None] = print
) -> str:
    """What `nasjax profile` prints: size of the space, range of every cost, reachable share; refuses as a search would.

    `latency` measures latency even where the config does not ask for it; it is kept in `folder` for the search.
    """
    net = sr_cell(**_arguments(config.space))
    table, budgets, _ = _costs(net, config, folder, say=say, latency=latency)
    return render(profile(net.space, table, budgets))


def cost_table(net: Supernet, config: Config) -> tuple[CostTable, Budgets]:
    """Exact costs of every arch at `config.macs_at`, and the budgets on them as absolute limits: all but latency's."""
    scale, (width, height) = config.space.scale, config.macs_at

    def units_at(height: int, width: int):
        return units(net, (1, height // scale, width // scale, 3))

    counted = [b for b in parse_budgets(config.budget) if b.cost != LATENCY]
    table = tabulate(net.space, units_at(height, width), at=(height, width))
    budgets, table = resolve_budgets(counted, table, units_at=units_at)
    return table, budgets


def _costs(
    net: Supernet, config: Config, folder: str | Path | None, *, say: Callable[[str], None], latency: bool = False
) -> tuple[CostTable, Budgets, LatencyTable | None]:
    """Costs and feasible budgets; what can be refused by counting is, before minutes are spent on measuring."""
    wanted = latency_size(config) is not None or latency
    table, budgets = cost_table(net, config)
    check_feasible(net.space, table, budgets)
    if not wanted:
        return table, budgets, None
    measured = run_latency(net, config, folder, say=say)
    table, budgets = with_latency(config, table, budgets, latency=measured)
    check_feasible(net.space, table, budgets)
    return table, budgets, measured


def validation_pairs(config: Config) -> np.ndarray:
    """Fixed textured patches of the val split, uint8 with the margin that degrading cuts off."""
    from nasjax.tasks.super_resolution import MARGIN

    side = (config.data.val_patch + 2 * MARGIN) * config.space.scale
    source = open_source(config.data.source, "val", on_error=config.data.on_bad)
    return validation_patches(source, side, config.data.val_patches, on_small=config.data.on_bad)


def test_images(config: Config) -> list[EvalImage]:
    """Pictures of the test split with their low resolution, cut to `test_crop` where that is set."""
    source = open_source(config.data.source, "test", on_error=config.data.on_bad)
    return [_cut(image, config) for image in eval_images(source, config.space.scale)]


def check_pictures(config: Config) -> None:
    """Raises, before anything is trained, the ValueError that the val and test pictures would raise behind it."""
    validation_pairs(config)
    test_images(config)


def _cut(image: EvalImage, config: Config) -> EvalImage:
    if config.data.test_crop is None:
        return image
    scale, (height, width) = config.space.scale, config.data.test_crop
    if height > image.lr.shape[0] or width > image.lr.shape[1]:
        raise ValueError(
            f"data.test_crop {height}x{width} is larger than {image.name} ({image.lr.shape[0]}x{image.lr.shape[1]} "
            "low-resolution pixels); choose a smaller one, or None for whole pictures"
        )
    top, left = (image.lr.shape[0] - height) // 2, (image.lr.shape[1] - width) // 2
    low = image.lr[top : top + height, left : left + width]
    high = image.hr[top * scale : (top + height) * scale, left * scale : (left + width) * scale]
    return EvalImage(image.name, high, low)


def _arguments(space: SpaceConfig, nominal: int | None = None) -> dict[str, Any]:
    """The arguments of `sr_cell`, as JSON values, so that a bundle can keep them."""
    fields = asdict(space) | {"nominal": space.nominal if nominal is None else nominal}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in fields.items()}


def _nominal(config: Config, table: CostTable, budgets: Budgets) -> int:
    """The widest widths at which at least half of the first stage's networks keep the budgets.

    Path and operators are compared at widths like those the result will have; with the widest, a small budget would
    leave the path stage nothing but nearly empty networks to choose from. It assumes that the default operator is
    about as dear as what the operator stage picks, and is wrong where that stage ends far below the budget.
    """
    for place in reversed(range(1, max(len(config.space.trunk), len(config.space.inner)))):
        space = sr_cell(**_arguments(config.space, place)).space.at_stage(config.stages[0].stage)
        if np.median(budgets.violation(table(sample_networks(space, 512)))) == 0:
            return place
    return 0


def _check_stages(config: Config, net: Supernet) -> None:
    found = tuple(s.stage for s in config.stages)
    if found != net.space.stages:
        raise ValueError(f"config.stages must be those of the space, in order: {net.space.stages}, got {found}")
