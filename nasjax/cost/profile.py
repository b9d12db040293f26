"""What a space costs: its size, the range of every cost, and how much of it is within a budget."""

from typing import NamedTuple

import numpy as np

from nasjax.cost.budget import LATENCY, Budgets, Limit
from nasjax.cost.feasible import check_feasible
from nasjax.cost.sample import sample_networks
from nasjax.cost.table import CostTable
from nasjax.space import SearchSpace


class CostRange(NamedTuple):
    """One cost over a space: exact least and greatest value, and the median of the sampled networks.

    `within` is the (least, greatest) value met among the samples (and the found arch) that keep the budgets.
    """

    cost: str
    minimum: int | float
    median: float
    maximum: int | float
    within: tuple[float, float]


class Profile(NamedTuple):
    """A space in numbers. `kept` of `samples` networks drawn uniformly keep all limits.

    `smallest` and `largest` are the texts of the archs with fewest and most parameters; `example` keeps the budgets.
    """

    space: str
    size: int
    at: tuple[int, int] | None
    ranges: tuple[CostRange, ...]
    limits: tuple[Limit, ...]
    samples: int
    kept: int
    smallest: str
    largest: str
    example: str
    notes: tuple[str, ...]

    @property
    def fraction(self) -> float:
        """Estimated fraction of the networks that keep all budgets."""
        return self.kept / self.samples

    @property
    def reachable(self) -> int:
        """Estimated number of networks that keep all budgets; at least the one that is known."""
        return max(1, self.size * self.kept // self.samples)


def profile(space: SearchSpace, table: CostTable, budgets: Budgets, *, samples: int = 20_000, seed: int = 0) -> Profile:
    """Size, cost ranges and reachable share of a space; raises ValueError when the budgets cannot be met."""
    table = table.restricted(space)
    feasible = check_feasible(space, table, budgets)
    archs = sample_networks(space, samples, seed=seed)
    costs, example = table(archs), table(feasible.arch)
    kept = budgets.kept(costs)
    ranges = []
    for name in table.names:
        within = np.append(costs[name][kept], example[name])
        low, high = table.minimum(name).value, table.maximum(name).value
        median = float(np.median(costs[name]))
        ranges.append(CostRange(name, low, median, high, (within.min().item(), within.max().item())))
    return Profile(
        space=space.name,
        size=space.size(),
        at=table.at,
        ranges=tuple(ranges),
        limits=budgets.limits,
        samples=samples,
        kept=int(kept.sum()),
        smallest=space.text(table.minimum("params").arch),
        largest=space.text(table.maximum("params").arch),
        example=space.text(feasible.arch),
        notes=feasible.notes,
    )


def render(result: Profile) -> str:
    """A profile as a text table for the terminal."""
    where = "" if result.at is None else f" at an output of {result.at[1]}x{result.at[0]}"
    header = ("cost" + where, "min", "median", "max", *(("within budget",) if result.limits else ()))
    rows = [header, *(_row(r, bool(result.limits)) for r in result.ranges)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
    lines = [f"space {result.space}: {readable(result.size)} networks"]
    lines += ["  ".join(_pad(i, cell, w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))) for row in rows]
    lines += [f"smallest  {result.smallest}", f"largest   {result.largest}"]
    return "\n".join(lines + _budget_lines(result) + list(result.notes))


def readable(value: int | float) -> str:
    """A number with four digits and a suffix: 61097 -> `61.1K`, 3.56e9 -> `3.56G`; beyond T as a power of ten."""
    if abs(value) >= 1e15:
        return f"{value:.2e}"
    for scale, suffix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "K")):
        if abs(value) >= scale:
            return f"{value / scale:.4g}{suffix}"
    return f"{value:.4g}"


def _row(r: CostRange, limited: bool) -> tuple[str, ...]:
    name = f"{r.cost} (ms)" if r.cost == LATENCY else r.cost
    cells = (name, readable(r.minimum), readable(r.median), readable(r.maximum))
    return (*cells, f"{readable(r.within[0])} .. {readable(r.within[1])}") if limited else cells


def _pad(column: int, cell: str, width: int) -> str:
    return cell.ljust(width) if column == 0 else cell.rjust(width)


def _budget_lines(result: Profile) -> list[str]:
    if not result.limits:
        return []
    asked = ", ".join(f"{limit.text} ({limit.cost} at most {readable(limit.limit)})" for limit in result.limits)
    share = f"about {result.fraction:.2%}, {readable(result.reachable)} networks"
    if not result.kept:
        share = f"rare, none of {result.samples:,} sampled networks, but"
    return [f"budget    {asked}", f"reachable {share}, for example {result.example}"]
