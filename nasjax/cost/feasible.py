"""Whether a space has an arch within its budgets: decided on the cost table alone, before anything is trained."""

from typing import NamedTuple

import numpy as np

from nasjax.cost.budget import Budgets, Limit
from nasjax.cost.sample import sample_networks
from nasjax.cost.table import CostTable
from nasjax.space import SearchSpace
from nasjax.typing import Arch

_ROUNDS = 60
_RATE = 4.0
_STARTS = 16


class Feasible(NamedTuple):
    """A canonical arch that keeps all budgets, and one remark for each budget that every arch keeps anyway."""

    arch: Arch
    notes: tuple[str, ...]


class _Search(NamedTuple):
    """Archs visited so far, and whether it is proven that no arch keeps all budgets."""

    archs: list[np.ndarray]
    impossible: bool


def check_feasible(space: SearchSpace, table: CostTable, budgets: Budgets) -> Feasible:
    """An allowed arch within all budgets, or ValueError naming the asked values and the reachable ranges.

    Each budget by itself is decided exactly. Several together are decided by Lagrangian bounds (a weighted sum of
    relative costs whose exact minimum exceeds 1 proves that nothing fits) and a local search from the archs on the
    way; if neither proof nor arch turns up, the error says so and names the closest arch. Nothing is traced or built.
    """
    names = [limit.cost for limit in budgets.limits] or table.names[:1]
    table = table.restricted(space).only(*names)
    _check_each(space, table, budgets)
    notes = tuple(_note(table, limit) for limit in budgets.limits if table.maximum(limit.cost).value <= limit.limit)
    search = _lagrangian(table, budgets)
    best = _best(table, budgets, np.stack(search.archs))
    if not search.impossible and not budgets.kept(table(best)):
        best = _best(table, budgets, _descend_all(space, table, budgets, search.archs))
    if not budgets.kept(table(best)):
        raise ValueError(_refusal(space, table, budgets, best, search.impossible))
    return Feasible(best, notes)


def _check_each(space: SearchSpace, table: CostTable, budgets: Budgets) -> None:
    problems = []
    for text, cost, limit in budgets.limits:
        low, high = table.minimum(cost), table.maximum(cost)
        if low.value > limit:
            reach = f"{cost} of {space.name} reaches {_number(low.value)} .. {_number(high.value)}"
            problems.append(f"budget {text!r} (at most {_number(limit)}) cannot be met: {reach}")
    if problems:
        raise ValueError("; ".join(problems))


def _lagrangian(table: CostTable, budgets: Budgets) -> _Search:
    """Multiplicative weights on the limits: each exact minimum is a candidate, and a bound for all archs."""
    archs = [table.space.default_arch(), *(table.minimum(limit.cost).arch for limit in budgets.limits)]
    weights = np.ones(len(budgets.limits)) / max(len(budgets.limits), 1)
    for turn in range(_ROUNDS if len(budgets.limits) > 1 else 0):
        arch = table.minimise({limit.cost: w / limit.limit for w, limit in zip(weights, budgets.limits, strict=True)})
        archs.append(arch)
        costs = table(arch)
        excess = np.array([costs[limit.cost] / limit.limit - 1 for limit in budgets.limits])
        if (excess <= 0).all() or weights @ excess > 1e-9:
            return _Search(archs, bool((excess > 0).any()))
        weights = weights * np.exp(_RATE / np.sqrt(turn + 1) * excess / np.abs(excess).max())
        weights /= weights.sum()
    return _Search(archs, False)


def _best(table: CostTable, budgets: Budgets, archs: np.ndarray) -> np.ndarray:
    return archs[np.argmin(budgets.violation(table(archs)))]


def _descend_all(space: SearchSpace, table: CostTable, budgets: Budgets, archs: list[np.ndarray]) -> np.ndarray:
    starts = np.unique(np.concatenate([np.stack(archs), sample_networks(space, 2048)]), axis=0)
    order = np.argsort(budgets.violation(table(starts)), kind="stable")[:_STARTS]
    return np.stack([_descend(space, table, budgets, starts[i]) for i in order])


def _descend(space: SearchSpace, table: CostTable, budgets: Budgets, arch: np.ndarray) -> np.ndarray:
    """The arch reached by always changing the one choice that lowers the violation most."""
    while True:
        near = _neighbours(space, arch)
        violation = budgets.violation(table(near))
        if violation.min() >= budgets.violation(table(arch)):
            return arch
        arch = near[np.argmin(violation)]


def _neighbours(space: SearchSpace, arch: np.ndarray) -> np.ndarray:
    """The arch itself and all canonical archs with one choice changed; choices that wake up take an allowed option."""
    first = np.array([options.index(True) for options in space.allowed], np.int32)
    awake = np.where(space.active(arch), arch, first).astype(np.int32)
    rows = [awake]
    for i, choice in enumerate(space.choices):
        for option in space.options(choice.name):
            rows.append(np.where(np.arange(len(awake)) == i, option, awake).astype(np.int32))
    return np.asarray(space.canonical(np.stack(rows)))


def _refusal(space: SearchSpace, table: CostTable, budgets: Budgets, arch: np.ndarray, proven: bool) -> str:
    asked = " and ".join(repr(limit.text) for limit in budgets.limits)
    verdict = "cannot be met together" if proven else "are met together by no arch that was found"
    ranges = [
        (limit.cost, table.minimum(limit.cost).value, table.maximum(limit.cost).value) for limit in budgets.limits
    ]
    reach = ", ".join(f"{cost} {_number(low)} .. {_number(high)}" for cost, low, high in ranges)
    costs = table(arch)
    has = ", ".join(f"{limit.cost} {_number(costs[limit.cost].item())}" for limit in budgets.limits)
    return f"budgets {asked} {verdict}; reachable one by one: {reach}; closest arch: {space.text(arch)} with {has}"


def _note(table: CostTable, limit: Limit) -> str:
    dearest = _number(table.maximum(limit.cost).value)
    return f"budget {limit.text!r} does not bind: the dearest arch has {limit.cost} {dearest}"


def _number(value: int | float) -> str:
    """Exact for whole numbers, so that a range can be compared with what was asked."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.4f}".rstrip("0")
