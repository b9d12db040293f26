"""The numbers of a network by name: costs, scores, their weighted sum, and objectives to minimise."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nasjax.chain.problem import Problem
from nasjax.search.archive import Evaluation
from nasjax.shown import Measure
from nasjax.system import Ground

TOTAL, SEARCH = "total", "search_score"
COSTS = (
    Measure("params", "params", "Numbers that the network has learnt.", digits=0),
    Measure("macs", "MACs", "Multiplications with addition, at the stated size.", digits=0),
    Measure("activations", "activations", "Numbers between layers, at the stated size.", digits=0),
    Measure("latency_ms", "latency", "Median time of one input on this machine.", unit="ms", digits=1),
    Measure("latency", "latency", "Sum of the measured times of its pieces.", unit="ms", digits=1),
    Measure("cost", "cost", "Share of the dearest network's cost."),
    Measure(TOTAL, "total", "The weighted sum that decides, of scores and costs.", digits=4),
    Measure(SEARCH, "search score", "What decides, as candidates are compared while they are searched.", ""),
)
_DIGITS = 6  # of scores in the archive


def decides(ground: Ground) -> str:
    """The measure that decides: the one with a weight, or the weighted sum of several."""
    weighted = [name for name, weight in ground.weights.items() if weight]
    return weighted[0] if len(weighted) == 1 else TOTAL


def signed(ground: Ground, name: str, value: Any) -> Any:
    """A measure's value, to be minimised."""
    return next((m.sign for m in ground.measures if m.name == name), 1) * np.asarray(value)


def total(ground: Ground, known: Mapping[str, Any]) -> Any:
    """The weighted sum that decides, smaller is better; `known` are costs and scores by name."""
    return np.sum([weight * signed(ground, name, known[name]) for name, weight in ground.weights.items()], axis=0)


def relative_cost(problem: Problem, costs: Mapping[str, Any]) -> Any:
    """The experiment's cost as a share of that of the dearest network of the whole space."""
    cost = problem.experiment.cost
    return costs[cost] / problem.table.maximum(cost).value


def evaluation(problem: Problem, archs: np.ndarray, scores: Mapping[str, np.ndarray]) -> Evaluation:
    """Scores of archs with their exact costs, as objectives and as columns of the archive."""
    ground, costs = problem.ground, problem.table(archs)
    measured = {**scores, "cost": relative_cost(problem, costs)}
    known = {**costs, **measured}
    objectives = np.stack([signed(ground, name, known[name]).astype(np.float64) for name in ground.objectives], -1)
    measured |= {TOTAL: total(ground, known)}
    columns = dict(costs) | {name: np.round(value, _DIGITS) for name, value in measured.items()}
    return Evaluation(objectives, problem.budgets.violation(costs), columns)
