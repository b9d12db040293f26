"""Cost tables: the cost of any arch as a sum of look-ups, and the cheapest and dearest archs, exactly."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Num

from nasjax.cost.builds import distinct_builds
from nasjax.cost.count import BYTES_PER_PARAM, Counts, count, num_params
from nasjax.cost.eliminate import Term, minimise
from nasjax.cost.sample import sample_networks
from nasjax.space import SearchSpace
from nasjax.typing import Arch, Archs, Unit

COUNTED = ("params", "macs", "macs_torchprofile", "activations", "bytes")


class Factor(NamedTuple):
    """One summand of a cost: `values[option of choices[0], option of choices[1], ...]`; `choices` are positions."""

    choices: tuple[int, ...]
    values: Num[np.ndarray, "..."]


class Extreme(NamedTuple):
    """The smallest or largest value of a cost, and a canonical arch that has it."""

    value: int | float
    arch: Arch


@dataclass(frozen=True, eq=False, repr=False)
class CostTable:
    """Named costs of every arch of a space, each a sum of factors that look at few choices.

    `table(archs)` is the vectorised cost. `at` is the size (height, width) of the output image it holds for, if any.
    """

    space: SearchSpace
    terms: Mapping[str, tuple[Factor, ...]]
    at: tuple[int, int] | None = None

    def __repr__(self) -> str:
        where = "" if self.at is None else f" at {self.at[1]}x{self.at[0]}"
        return f"CostTable({self.space.name}: {', '.join(self.names)}{where})"

    def __call__(self, archs: Archs) -> dict[str, Num[np.ndarray, "*n"]]:
        """Costs of each arch, `[..., k]` -> `{name: [...]}`; counted costs are int64.

        An arch costs what its canonical form costs. Raises ValueError for an option out of range.
        """
        archs = self._canonical(np.asarray(archs))
        places: dict[tuple[int, ...], np.ndarray] = {}
        costs = {}
        for name, factors in self.terms.items():
            total = np.zeros(archs.shape[:-1], np.result_type(np.int64, *(f.values for f in factors)))
            for choices, values in factors:
                if choices not in places:
                    places[choices] = np.zeros(archs.shape[:-1], np.int64)
                    if choices:
                        places[choices] += np.ravel_multi_index(tuple(archs[..., c] for c in choices), values.shape)
                total += values.reshape(-1)[places[choices]]
            costs[name] = total
        return costs

    @property
    def names(self) -> tuple[str, ...]:
        """The costs that the table knows."""
        return tuple(self.terms)

    def minimum(self, cost: str) -> Extreme:
        """The least value of a cost over the allowed networks, exact; raises ValueError for an unknown cost."""
        return self._extreme(cost, 1)

    def maximum(self, cost: str) -> Extreme:
        """The greatest value of a cost over the allowed networks, exact; raises ValueError for an unknown cost."""
        return self._extreme(cost, -1)

    def minimise(self, weights: Mapping[str, int | float]) -> Arch:
        """An allowed canonical arch with the least weighted sum of costs (weights may be negative), exact.

        Sums are in float64, so integer costs are exact below 2**53.
        """
        for cost in weights:
            self._check(cost)
        states = _states(self.space)
        terms = [
            Term(choices, weight * values[np.ix_(*(states[c] for c in choices))])
            for cost, weight in weights.items()
            for choices, values in self.terms[cost]
        ]
        found = minimise([len(s) for s in states], terms + _conditions(self.space, states))
        return np.array([s[value] for s, value in zip(states, found, strict=True)], np.int32)

    def quantiles(self, cost: str, at: Sequence[int | float], *, samples: int = 4096, seed: int = 0) -> list[float]:
        """Quantiles (0..1) of a cost over networks drawn uniformly with a fixed seed."""
        return np.quantile(self.only(cost)(sample_networks(self.space, samples, seed=seed))[cost], at).tolist()

    def restricted(self, space: SearchSpace) -> "CostTable":
        """The same costs under another mask; raises ValueError when `space` has other choices."""
        if space.choices != self.space.choices:
            raise ValueError(f"the cost table is of space {self.space.name!r}, whose choices {space.name!r} has not")
        return replace(self, space=space)

    def join(self, other: "CostTable") -> "CostTable":
        """Both tables' costs in one; raises ValueError for different spaces or a cost that both have."""
        if twice := set(self.terms) & set(other.terms):
            raise ValueError(f"both cost tables have {', '.join(sorted(twice))}")
        terms = (self.terms, other.restricted(self.space).terms)
        return replace(self, terms=_Terms({n: functools.partial(t.__getitem__, n) for t in terms for n in t}))

    def only(self, *costs: str) -> "CostTable":
        """The table with these costs alone, so that no other is worked out; raises ValueError for an unknown one."""
        for cost in costs:
            self._check(cost)
        return replace(self, terms={cost: self.terms[cost] for cost in costs})

    def _canonical(self, archs: np.ndarray) -> np.ndarray:
        sizes = np.array([len(c.options) for c in self.space.choices])
        bad = (archs < 0) | (archs >= sizes) if archs.shape[-1:] == sizes.shape else np.ones(archs.shape or 1, bool)
        if bad.any():
            first = tuple(np.argwhere(bad)[0][:-1])
            raise ValueError(f"not an arch of {self.space.name} ({len(sizes)} choices): {archs[first].tolist()}")
        return np.asarray(self.space.canonical(archs))

    def _extreme(self, cost: str, sign: int) -> Extreme:
        arch = self.minimise({cost: sign})
        return Extreme(self.only(cost)(arch)[cost].item(), arch)

    def _check(self, cost: str) -> None:
        if cost not in self.terms:
            raise ValueError(f"unknown cost {cost!r}; known: {', '.join(self.terms)}")


def tabulate(space: SearchSpace, units: Sequence[Unit], *, at: tuple[int, int] | None = None) -> CostTable:
    """Count every distinct build of the units once and tabulate params, MACs (both), activations and bytes.

    The units of a network must cover it without overlap; their costs add up. The table covers all options of the
    space, allowed or not, so that one table serves every stage. `at`: the (height, width) of the output image. Builds
    are traced when a cost other than params and bytes is first asked for.
    """
    builds, indices = distinct_builds(space, units)

    @functools.cache
    def counts() -> list[Counts]:
        return [count(*build) for build in builds]

    def factors(values: Callable[[], list[int]]) -> tuple[Factor, ...]:
        column = np.array([*values(), 0], np.int64)  # index -1, an absent unit, costs nothing
        return merge_factors([Factor(unit.choices, column[unit.index]) for unit in indices])

    sizes = [num_params(build.params) for build in builds]
    columns: dict[str, Callable[[], list[int]]] = {
        name: lambda name=name: [getattr(c, name) for c in counts()] for name in COUNTED
    } | {"params": lambda: sizes, "bytes": lambda: [BYTES_PER_PARAM * n for n in sizes]}
    return CostTable(space, _Terms({n: functools.partial(factors, values) for n, values in columns.items()}), at)


class _Terms(Mapping[str, tuple[Factor, ...]]):
    """The terms of a table, each worked out when first asked for: a refusal by params need not trace anything."""

    def __init__(self, make: Mapping[str, Callable[[], tuple[Factor, ...]]]):
        self._make, self._made = make, {}

    def __getitem__(self, name: str) -> tuple[Factor, ...]:
        if name not in self._made:
            self._made[name] = self._make[name]()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._make)

    def __len__(self) -> int:
        return len(self._make)


def merge_factors(factors: Sequence[Factor]) -> tuple[Factor, ...]:
    """The same sum with one factor for each set of choices."""
    merged: dict[tuple[int, ...], np.ndarray] = {}
    for choices, values in factors:
        merged[choices] = merged[choices] + values if choices in merged else values
    return tuple(Factor(choices, values) for choices, values in merged.items())


def _states(space: SearchSpace) -> list[list[int]]:
    """The option behind each state of each choice; the last state of a conditional choice is "inactive" (option 0)."""
    return [[*space.options(c.name), *([0] if c.active else [])] for c in space.choices]


def _conditions(space: SearchSpace, states: list[list[int]]) -> list[Term]:
    """Terms that forbid all but canonical archs: a choice is inactive exactly when its parent does not ask for it."""
    terms = []
    for i, choice in enumerate(space.choices):
        if choice.active is None:
            continue
        parent = space.index(choice.active[0])
        asked = np.isin(states[parent], [space.option(choice.active[0], o) for o in choice.active[1]])
        if space.choices[parent].active is not None:
            asked[-1] = False  # an inactive parent stands at option 0, but asks for nothing
        active = np.arange(len(states[i])) < len(states[i]) - 1
        terms.append(Term((parent, i), np.where(asked[:, None] == active, 0.0, np.inf)))
    return terms
