"""Budgets: `params<=60K`, `macs<=4G@1280x720`, `macs<=40%`, several at once, resolved to absolute limits."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Bool, Float

from nasjax.cost.table import CostTable, tabulate
from nasjax.typing import Unit

UnitsAt: TypeAlias = Callable[[int, int], Sequence[Unit]]
SIZED = ("macs", "macs_torchprofile", "activations")
LATENCY = "latency"
_SCALES = {"": 1, "K": 10**3, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "%": 0.01, "ms": 1}
_FORM = re.compile(r"([a-z_]+)<=(\d+(?:\.\d+)?)(K|k|M|G|T|%|ms|)(?:@(\d+)x(\d+))?")


class Budget(NamedTuple):
    """One budget as asked: `amount` is absolute, or a fraction of the dearest arch where `relative`.

    `size` is the (width, height) of the output image, as in "1280x720" of the super-resolution literature.
    """

    text: str
    cost: str
    amount: float
    relative: bool = False
    size: tuple[int, int] | None = None


class Limit(NamedTuple):
    """A resolved budget: the column `cost` of the table may be at most `limit`."""

    text: str
    cost: str
    limit: float


@dataclass(frozen=True)
class Budgets:
    """Limits that an arch must keep, all at once; none at all is allowed."""

    limits: tuple[Limit, ...] = ()

    def violation(self, costs: Mapping[str, np.ndarray]) -> Float[np.ndarray, "*n"]:
        """Sum over the limits of the excess relative to the limit; 0 where all are kept.

        `costs` are those of a cost table, `{name: [...]}`.
        """
        total = np.zeros(np.shape(next(iter(costs.values()))))
        for _, cost, limit in self.limits:
            total += np.maximum(costs[cost] / limit - 1, 0)
        return total

    def kept(self, costs: Mapping[str, np.ndarray]) -> Bool[np.ndarray, "*n"]:
        """Whether each arch keeps all limits."""
        return np.asarray(self.violation(costs) == 0)


def parse_budgets(text: str | Sequence[str]) -> tuple[Budget, ...]:
    """Budgets from `"params<=60K,macs<=4G@1280x720"` or a list of such texts; white space is ignored.

    Suffixes: K, M, G, T (powers of 1000), ms (latency only), % (of the dearest arch of the space); `@WIDTHxHEIGHT` is
    the size of the output image and goes with macs, macs_torchprofile, activations and latency. Raises ValueError
    naming the malformed part.
    """
    texts = [text] if isinstance(text, str) else text
    parts = ["".join(part.split()) for t in texts for part in t.split(",")]
    return tuple(_parse(part) for part in parts if part)


def resolve_budgets(
    budgets: Sequence[Budget], table: CostTable, *, units_at: UnitsAt | None = None
) -> tuple[Budgets, CostTable]:
    """Absolute limits, and the table with a column (such as `macs@1280x720`) for each further output size.

    `units_at(height, width)` lists the units of the network that makes an output image of that size. Percentages are
    of the dearest arch under the table's mask. Of several limits on one cost the tightest is kept. Raises ValueError
    for an unknown cost, or a size that `units_at` is needed for.
    """
    limits: dict[str, Limit] = {}
    for budget in budgets:
        cost, table = _column(budget, table, units_at)
        limit = budget.amount * table.maximum(cost).value if budget.relative else budget.amount
        if cost not in limits or limit < limits[cost].limit:
            limits[cost] = Limit(budget.text, cost, limit)
    return Budgets(tuple(limits.values())), table


def _parse(part: str) -> Budget:
    match = _FORM.fullmatch(part)
    if match is None or not float(match[2]):
        raise ValueError(
            f"budget {part!r} is malformed: expected COST<=NUMBER, NUMBER > 0, with an optional suffix K, M, G, T, % "
            "or ms and an optional output size @WIDTHxHEIGHT, e.g. 'params<=60K' or 'macs<=4G@1280x720'"
        )
    cost, number, suffix, width, height = match.groups()
    if width is not None and cost not in (*SIZED, LATENCY):
        raise ValueError(f"budget {part!r}: {cost} has no output size; those that have: {', '.join((*SIZED, LATENCY))}")
    if suffix != "%" and (suffix == "ms") != (cost == LATENCY):
        raise ValueError(f"budget {part!r}: latency, and only latency, is in ms (or in %)")
    size = None if width is None else (int(width), int(height))
    amount = float(number) * _SCALES[suffix]
    # 1.1 * 1000 is not 1100 in floating point; a limit on whole numbers should be the number that was written.
    return Budget(part, cost, amount if suffix == "%" else round(amount, 9), suffix == "%", size)


def _column(budget: Budget, table: CostTable, units_at: UnitsAt | None) -> tuple[str, CostTable]:
    """The name of the budget's column, and the table that has it."""
    if budget.cost not in table.names:
        hint = "; measure a latency table first" if budget.cost == LATENCY else ""
        raise ValueError(f"budget {budget.text!r}: unknown cost; known here: {', '.join(table.names)}{hint}")
    if budget.size is not None and budget.cost == LATENCY:
        raise ValueError(f"budget {budget.text!r}: latency is measured, at one size; measure it there, leave out '@'")
    if budget.size is None or budget.size[::-1] == table.at:
        return budget.cost, table
    width, height = budget.size
    column = f"{budget.cost}@{width}x{height}"
    if column in table.names:
        return column, table
    if units_at is None:
        raise ValueError(f"budget {budget.text!r}: this network's costs are known at its own size only; leave out '@'")
    sized = tabulate(table.space, units_at(height, width))
    terms = {f"{cost}@{width}x{height}": sized.terms[cost] for cost in SIZED}
    return column, table.join(replace(sized, terms=terms))
