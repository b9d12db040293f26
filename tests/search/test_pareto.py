"""Pareto arithmetic against values worked out by hand, brute force, and pymoo."""

import jax
import numpy as np
import pytest

from nasjax.search.pareto import best, crowding, dominance, hypervolume, knee, non_dominated, ranks

# Three on the first front, then one behind each other; the last two equal the first.
POINTS = np.array([[1.0, 3.0], [2.0, 2.0], [3.0, 1.0], [2.0, 3.0], [3.0, 3.0], [1.0, 3.0]])


def test_dominance():
    """Feasible rows by Pareto, feasible before infeasible, infeasible ones by violation; equal rows beat nobody."""
    objectives = np.array([[0.0, 1.0], [0.0, 2.0], [1.0, 0.0], [-9.0, -9.0], [-9.0, -9.0], [0.0, 1.0]])
    violation = np.array([0.0, 0.0, 0.0, 0.1, 0.2, 0.0])
    beats = np.array(
        [
            [0, 1, 0, 1, 1, 0],
            [0, 0, 0, 1, 1, 0],
            [0, 0, 0, 1, 1, 0],
            [0, 0, 0, 0, 1, 0],
            [0, 0, 0, 0, 0, 0],
            [0, 1, 0, 1, 1, 0],
        ],
        bool,
    )
    assert np.array_equal(dominance(objectives, violation), beats)


def test_ranks():
    """The fronts are numbered from the best; equal rows share theirs."""
    assert ranks(POINTS, np.zeros(6)).tolist() == [0, 0, 0, 1, 2, 0]
    assert ranks(POINTS, np.array([0.5, 0, 0, 0, 0, 0.1])).tolist() == [4, 0, 0, 1, 2, 3]


def test_non_dominated_is_the_first_front():
    """On random rows with ties the host's front is the traced first front, whatever the number of objectives."""
    rng = np.random.default_rng(0)
    for m in (1, 2, 3):
        objectives = rng.integers(0, 6, (60, m)).astype(np.float64)
        violation = rng.choice([0.0, 0.0, 0.3], 60)
        first = np.asarray(jax.jit(ranks)(objectives, violation)) == 0
        assert np.array_equal(non_dominated(objectives, violation), first)


def test_non_dominated_leaves_out_what_is_not_finite_or_not_feasible():
    """A diverged candidate is on no front, even as the only one with the best finite number."""
    objectives = np.array([[np.nan, 0.0], [-np.inf, 0.0], [5.0, 5.0], [0.0, 0.0]])
    assert non_dominated(objectives, np.array([0, 0, 0, 1e-6])).tolist() == [False, False, True, False]


def test_crowding():
    """Half the perimeter of the box between neighbours, in units of the front's range; ends are infinitely far."""
    objectives = np.array([[0.0, 10.0], [4.0, 5.0], [6.0, 4.0], [10.0, 0.0], [1.0, 11.0], [7.0, 7.0], [11.0, 6.0]])
    distance = jax.jit(crowding)(objectives, np.array([0, 0, 0, 0, 1, 1, 1]))
    first = [np.inf, 6 / 10 + 6 / 10, 6 / 10 + 5 / 10, np.inf]
    assert np.allclose(distance, [*first, np.inf, 2.0, np.inf])


def test_crowding_of_equal_objectives_is_finite_inside():
    """A front on which one objective never varies divides by no range of zero."""
    distance = np.asarray(jax.jit(crowding)(np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 3.0]]), np.zeros(3, np.int32)))
    assert not np.isnan(distance).any() and np.isfinite(distance).sum() <= 1


@pytest.mark.parametrize(
    ("points", "reference", "volume"),
    [
        ([[3.0], [1.0]], (4.0,), 3.0),
        (POINTS, (4.0, 4.0), 3 * 1 + 2 * 1 + 1 * 1),
        ([[0.0, 0.0]], (2.0, 5.0), 10.0),
        ([[1.0, 1.0, 1.0]], (2.0, 3.0, 4.0), 1 * 2 * 3),
        # Boxes of 2*2*1 and 1*1*2 that share 1*1*1.
        ([[0.0, 0.0, 1.0], [1.0, 1.0, 0.0]], (2.0, 2.0, 2.0), 4 + 2 - 1),
        # Three boxes of 3*1*1 along the axes, any two sharing the unit cube at the corner: 9 - 3 + 1.
        ([[0.0, 2.0, 2.0], [2.0, 0.0, 2.0], [2.0, 2.0, 0.0]], (3.0, 3.0, 3.0), 7.0),
        ([[5.0, 0.0], [0.0, 4.0]], (4.0, 4.0), 0.0),
        (np.zeros((0, 2)), (1.0, 1.0), 0.0),
    ],
)
def test_hypervolume_by_hand(points, reference, volume):
    """The volume of a few boxes; rows beyond the reference, dominated and repeated rows add nothing."""
    assert hypervolume(np.array(points), reference) == pytest.approx(volume, rel=1e-12)


def test_hypervolume_against_pymoo():
    """Random fronts in two and three dimensions, with ties, agree with an independent implementation."""
    HV = pytest.importorskip("pymoo.indicators.hv").HV
    rng = np.random.default_rng(1)
    for m in (2, 3):
        for points in (rng.random((40, m)), rng.integers(0, 9, (40, m)) / 8):
            assert hypervolume(points, [1.1] * m) == pytest.approx(HV(ref_point=np.full(m, 1.1))(points), rel=1e-9)


def test_hypervolume_refuses_four_objectives():
    """What is not exact here is refused."""
    with pytest.raises(ValueError, match="1, 2 or 3 objectives, got 4"):
        hypervolume(np.zeros((1, 4)), [1.0] * 4)


def test_best():
    """The smallest first objective among the feasible, within the limits; else the least excess; never a NaN."""
    objectives = np.array([[np.nan, 0.0], [1.0, 30.0], [2.0, 20.0], [3.0, 10.0], [0.0, 40.0]])
    violation = np.array([0.0, 0.0, 0.0, 0.0, 0.5])
    assert best(objectives, violation) == 1
    assert best(objectives, violation, limits=(np.inf, 20.0)) == 2
    assert best(objectives, violation, limits=(np.inf, 5.0)) == 3, "10 exceeds 5 least"
    assert best(objectives, np.array([9.0, 0.4, 0.3, 0.2, 0.1])) == 4
    with pytest.raises(ValueError, match="none of the 1 candidates"):
        best(objectives[:1], violation[:1])


def test_knee():
    """The bend of the front, not its ends; infeasible rows are no part of it; without a front the best is taken."""
    objectives = np.array([[0.0, 100.0], [1.0, 20.0], [5.0, 10.0], [10.0, 0.0], [0.5, 1.0]])
    assert knee(objectives, np.array([0, 0, 0, 0, 1.0])) == 1
    assert knee(objectives[:2], np.array([2.0, 1.0])) == 1
