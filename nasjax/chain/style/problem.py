"""From a style config to what a search works on: the supernet with its encoder, exact costs, budgets, pairs."""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from nasjax.chain.style.config import StyleConfig, StyleSpaceConfig
from nasjax.cost.budget import Budgets, parse_budgets, resolve_budgets
from nasjax.cost.feasible import check_feasible
from nasjax.cost.profile import profile, render
from nasjax.cost.table import CostTable, tabulate
from nasjax.data.spec import open_source
from nasjax.data.style_pairs import square_pairs
from nasjax.nets.narrow import NARROW, load_narrow
from nasjax.nets.vgg import load_vgg16
from nasjax.ops.params import merge_params
from nasjax.spaces.photonet import VGG_CONVS, VGG_WIDTHS, photonet
from nasjax.spaces.transfer import counted, paired
from nasjax.supernet.base import Supernet
from nasjax.supernet.units import units
from nasjax.tasks.style_transfer import ENCODER
from nasjax.typing import Params


@dataclass(frozen=True)
class StyleProblem:
    """Everything fixed before the first step; `arguments` rebuild the supernet (`photonet(**arguments)`).

    `supernet` auto-encodes; `stylising` has the same space and params, and transfers within batches of contents
    followed by their styles. `pairs` are uint8 squares.
    """

    config: StyleConfig
    supernet: Supernet
    stylising: Supernet
    arguments: dict[str, Any]
    encoder: Params
    table: CostTable
    budgets: Budgets
    pairs: tuple[np.ndarray, np.ndarray]

    @property
    def key(self) -> jax.Array:
        """The key of the whole run."""
        return jax.random.key(self.config.seed)

    def init(self) -> Params:
        """Initial shared weights, with the frozen encoder in its place."""
        return self.frozen(self.supernet.init(jax.random.fold_in(self.key, 0)))

    def frozen(self, params: Params) -> Params:
        """The params with the encoder as it was given: averaging may have moved its last bits."""
        return merge_params(params, {ENCODER: self.encoder})


def make_style_problem(config: StyleConfig) -> StyleProblem:
    """Build the space, load the encoder, tabulate costs, read the pairs; refuse what cannot work before any training.

    Raises ValueError for an impossible budget (naming the reachable range), space, stages, or pictures; ImportError
    naming the command where the encoder's weights need an extra.
    """
    arguments = space_arguments(config.space)
    net = photonet(**arguments)
    if (found := tuple(s.stage for s in config.stages)) != net.space.stages:
        raise ValueError(f"config.stages must be those of the space, in order: {net.space.stages}, got {found}")
    step = 2 ** (config.space.levels - 1)
    for name, size in (("data.patch", config.data.patch), ("pairs.size", config.pairs.size)):
        if size % step or size < 2 * step:
            raise ValueError(f"config.{name} must be a multiple of {step}, {2 * step} or more, got {size}")
    table, budgets = _costs(config, arguments)
    check_feasible(net.space, table, budgets)
    wanted = config.pairs
    pairs = square_pairs(wanted.search, number=wanted.number, size=wanted.size, take=wanted.take)
    open_source(config.data.source, "train", on_error=config.data.on_bad)
    stylising = photonet(**arguments, points=paired(wanted.method))
    return StyleProblem(config, net, stylising, arguments, load_encoder(config.space), table, budgets, pairs)


def style_profile(config: StyleConfig) -> str:
    """What `nasjax profile` prints: size of the space, range of every cost, reachable share; refuses as a search."""
    arguments = space_arguments(config.space)
    table, budgets = _costs(config, arguments)
    net = photonet(**arguments)
    check_feasible(net.space, table, budgets)
    return render(profile(net.space, table, budgets))


def space_arguments(space: StyleSpaceConfig) -> dict[str, Any]:
    """The arguments of `photonet`, as JSON values, so that a bundle can keep them."""
    divisor = NARROW if space.encoder == "narrow" else 1
    decoder = {"decoder": [list(w) for w in space.decoder]} if space.decoder else {}
    return {
        "widths": [w // divisor for w in VGG_WIDTHS[: space.levels]],
        "convs": [*VGG_CONVS[: space.levels - 1], 1],
        "ops": list(space.ops),
        **decoder,
    }


def load_encoder(space: StyleSpaceConfig) -> Params:
    """The weights of the encoder that a config names."""
    return load_narrow(space.levels) if space.encoder == "narrow" else load_vgg16(space.levels)


def _costs(config: StyleConfig, arguments: dict[str, Any]) -> tuple[CostTable, Budgets]:
    """Costs of stylising one content, given the style's statistics: encoder, decoder and transfers."""
    net = photonet(**arguments, points=counted())
    width, height = config.macs_at
    step = 2 ** (config.space.levels - 1)

    def units_at(height: int, width: int):
        return units(net, (1, -(-height // step) * step, -(-width // step) * step, 3))

    table = tabulate(net.space, units_at(height, width), at=(height, width))
    budgets, table = resolve_budgets(parse_budgets(config.budget), table, units_at=units_at)
    return table, budgets
