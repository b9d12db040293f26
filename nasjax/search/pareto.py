"""Pareto comparisons, all objectives minimised: dominance, fronts, crowding, hypervolume, and picking one point.

`violation` follows `search/base.py`: 0 is feasible. `ranks` and `crowding` are traced; the others run on the host.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from nasjax.search.base import Objectives, Violation


def dominance(objectives: Objectives, violation: Violation) -> Bool[Array, "n n"]:
    """Whether row i beats row j under constraint domination (Deb et al. 2002, definition 1).

    A feasible row beats an infeasible one, of two infeasible ones the smaller violation wins, and among feasible ones
    Pareto dominance decides.
    """
    objectives, violation = jnp.asarray(objectives), jnp.asarray(violation)
    no_worse = jnp.all(objectives[:, None] <= objectives[None], -1)
    better = jnp.any(objectives[:, None] < objectives[None], -1)
    feasible = (violation[:, None] <= 0) & (violation[None] <= 0)
    return jnp.where(feasible, no_worse & better, violation[:, None] < violation[None])


def ranks(objectives: Objectives, violation: Violation) -> Int[Array, " n"]:
    """The non-dominated front of each row, 0 for the best (Deb et al. 2002, section III.A)."""
    beats = dominance(objectives, violation)

    def peel(carry):
        rank, left, level = carry
        front = left & ~jnp.any(beats & left[:, None], 0)
        return jnp.where(front, level, rank), left & ~front, level + 1

    start = (jnp.zeros(len(objectives), jnp.int32), jnp.ones(len(objectives), bool), jnp.int32(0))
    return jax.lax.while_loop(lambda carry: jnp.any(carry[1]), peel, start)[0]


def crowding(objectives: Objectives, rank: Int[Array, " n"] | Int[np.ndarray, " n"]) -> Float[Array, " n"]:
    """The crowding distance of each row within its front; infinite at the ends (Deb et al. 2002, section III.B)."""
    objectives, rank = jnp.asarray(objectives), jnp.asarray(rank)
    return sum((_gaps(objectives[:, i], rank) for i in range(objectives.shape[-1])), jnp.zeros(len(rank)))


def non_dominated(objectives: np.ndarray, violation: np.ndarray | None = None) -> np.ndarray:
    """Which feasible rows no other feasible row dominates, `[n, m]` -> `bool[n]`; equal rows are all kept."""
    objectives = np.asarray(objectives, np.float64)
    usable = np.asarray(np.isfinite(objectives).all(-1))
    if violation is not None:
        usable &= np.asarray(violation) <= 0
    keep = np.zeros(len(objectives), bool)
    # In lexicographic order a row can only be dominated by an earlier one, so what survives to its turn is optimal.
    left = np.array([i for i in np.lexsort(objectives.T[::-1]) if usable[i]], int)
    while len(left):
        rest = objectives[left] - objectives[left[:1]]
        keep[left[(rest == 0).all(-1)]] = True
        left = left[(rest < 0).any(-1)]
    return keep


def hypervolume(objectives: np.ndarray, reference: Sequence[float]) -> float:
    """The exact volume between the rows and `reference`, which bounds it from above, for 1 to 3 objectives.

    Rows beyond the reference count nothing; float64. Raises ValueError for another number of objectives.
    """
    corner = np.asarray(reference, np.float64)
    points = np.asarray(objectives, np.float64).reshape(-1, len(corner))
    if len(corner) not in (1, 2, 3):
        raise ValueError(f"hypervolume: 1, 2 or 3 objectives, got {len(corner)}")
    points = points[np.all(points < corner, -1)]
    points = points[non_dominated(points)]
    if len(points) == 0:
        return 0.0
    return float((_area if len(corner) == 2 else _length if len(corner) == 1 else _volume)(points, corner))


def best(objectives: np.ndarray, violation: np.ndarray, *, limits: Sequence[float] | None = None) -> int:
    """The row with the smallest first objective among the feasible ones within `limits` (one upper bound an objective).

    When there is none, the row that exceeds its constraints and limits least, so that a search can go on towards
    feasibility; compare its violation with 0 to notice. Raises ValueError when no row is finite.
    """
    objectives, excess = np.asarray(objectives, np.float64), np.maximum(np.asarray(violation, np.float64), 0)
    if limits is not None:
        bound = np.asarray(limits, np.float64)
        scale = np.where(np.isfinite(bound) & (bound != 0), np.abs(bound), 1)
        excess = excess + np.sum(np.maximum(objectives - bound[None], 0) / scale[None], -1)
    finite = np.isfinite(objectives).all(-1) & np.isfinite(excess)
    if not finite.any():
        raise ValueError(f"best: none of the {len(objectives)} candidates has finite objectives and violation")
    return int(np.lexsort((objectives[:, 0], excess, ~finite))[0])


def knee(objectives: np.ndarray, violation: np.ndarray) -> int:
    """The balanced row of the feasible front: the smallest sum of objectives, each scaled to [0, 1] over the front.

    For two objectives that is the point furthest below the line through the two ends. Falls back to `best` when nothing
    is feasible.
    """
    front = np.flatnonzero(non_dominated(objectives, violation))
    if len(front) == 0:
        return best(objectives, violation)
    points = np.asarray(objectives, np.float64)[front]
    low, span = points.min(0), np.ptp(points, axis=0)
    return int(front[np.argmin(np.sum((points - low[None]) / np.where(span > 0, span, 1)[None], -1))])


def _gaps(values: jax.Array, rank: jax.Array) -> jax.Array:
    """Distance between the two neighbours along one objective, in units of the front's range."""
    n = len(values)
    order = jnp.lexsort((values, rank))
    value, level = values[order], rank[order]
    span = jax.ops.segment_max(values, rank, n) - jax.ops.segment_min(values, rank, n)
    same = level[1:] == level[:-1]
    edge = ~jnp.concatenate([jnp.array([False]), same]) | ~jnp.concatenate([same, jnp.array([False])])
    width = jnp.concatenate([value[1:], value[-1:]]) - jnp.concatenate([value[:1], value[:-1]])
    gap = width / jnp.where(span > 0, span, 1)[level]
    return jnp.zeros(n).at[order].set(jnp.where(edge, jnp.inf, gap))


def _length(points: np.ndarray, corner: np.ndarray) -> float:
    return corner[0] - points[:, 0].min()


def _area(points: np.ndarray, corner: np.ndarray) -> float:
    """Sum of the staircase's slabs, first objective ascending."""
    points = points[np.lexsort((points[:, 1], points[:, 0]))]
    ceilings = np.minimum.accumulate(np.concatenate([corner[1:2], points[:, 1]]))
    return np.sum((corner[0] - points[:, 0]) * (ceilings[:-1] - ceilings[1:]))


def _volume(points: np.ndarray, corner: np.ndarray) -> float:
    """Sum of slices along the third objective: between two heights the points below span one area."""
    points = points[np.argsort(points[:, 2])]
    tops = np.append(points[1:, 2], corner[2])
    return sum(_area(points[: i + 1, :2], corner[:2]) * (top - points[i, 2]) for i, top in enumerate(tops))
