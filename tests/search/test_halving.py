"""Successive halving: who goes on, and what those are told who do not."""

import numpy as np
import pytest

from nasjax.search.halving import Rung, survivors, told_scores

NAN = float("nan")


def test_the_better_half_goes_on():
    """Places, not positions; of five finite scores the best three, of none nobody."""
    rung = Rung([7, 3, 5, 2, 9, 1], np.array([0.5, 0.1, NAN, 0.3, 0.2, 0.4]))
    assert survivors(rung, 0.5) == [3, 9, 2]
    assert survivors(Rung([1, 2], np.array([NAN, NAN])), 0.5) == []
    assert survivors(Rung([1], np.array([0.1])), 0.01) == [1]


@pytest.mark.parametrize("keep", [0.0, 1.5])
def test_a_share_is_a_share(keep):
    """The value is named."""
    with pytest.raises(ValueError, match=rf"in \(0, 1\], got {keep}"):
        survivors(Rung([0], np.array([0.1])), keep)


def test_who_stops_early_never_beats_who_went_on():
    """Scores that rise with training would otherwise reward being stopped; who fails later on is told its last score.

    0 and 1 reach the end; 2 stops at the second rung with a better score than theirs, 3 at the first with a worse one;
    4 fails at once.
    """
    rungs = [
        Rung([0, 1, 2, 3, 4], np.array([0.1, 0.2, 0.15, 0.9, NAN])),
        Rung([0, 1, 2], np.array([0.1, 0.2, 0.3])),
        Rung([0, 1], np.array([0.5, 0.4])),
    ]
    told = told_scores(rungs, 5)
    assert told[0] == 0.5 and told[1] == 0.4 and told[3] == 0.9 and np.isnan(told[4])
    assert 0.5 < told[2] < 0.51
    assert sorted(range(4), key=lambda i: told[i]) == [1, 0, 2, 3]
