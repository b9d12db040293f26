"""Kendall's tau against SciPy's, and its interval against what a bootstrap must do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nasjax.metrics import kendall_tau


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 30), st.integers(2, 8), st.integers(0, 1000))
def test_tau_equals_scipy(count, levels, seed):
    """With few levels most pairs are tied, which is where variants differ."""
    a, b = np.random.default_rng(seed).integers(0, levels, (2, count))
    np.testing.assert_allclose(kendall_tau(a, b, seed=0, num_resamples=10).tau, stats.kendalltau(a, b).statistic)


def test_hand_computed():
    """Four candidates, five pairs in order and one swapped: (5 - 1) / 6."""
    assert kendall_tau([1, 2, 3, 4], [1, 2, 4, 3], seed=0).tau == pytest.approx(4 / 6)


def test_interval_is_the_bootstrap_of_resampled_candidates():
    """The quadratic form equals drawing candidates and computing tau from them, draw by draw."""
    a = np.random.default_rng(0).normal(size=12)
    b = a + np.random.default_rng(1).normal(size=12)
    found = kendall_tau(a, b, seed=5, num_resamples=200, confidence=0.9)
    counts = np.random.default_rng(5).multinomial(12, np.full(12, 1 / 12), size=200)
    draws = [np.repeat(np.arange(12), c) for c in counts]
    taus = [stats.kendalltau(a[d], b[d]).statistic for d in draws]
    np.testing.assert_allclose(found[1:], np.quantile(taus, [0.05, 0.95]))


def test_interval_covers_and_shrinks():
    """It holds the estimate, is inside [-1, 1], and more candidates narrow it."""
    rng = np.random.default_rng(0)
    widths = []
    for count in (10, 100):
        a = rng.normal(size=count)
        found = kendall_tau(a, a + rng.normal(size=count), seed=0)
        assert -1 <= found.low <= found.tau <= found.high <= 1
        widths.append(found.high - found.low)
    assert widths[1] < widths[0] / 2


def test_constant_score_is_undefined():
    """No order, no correlation: NaN, not zero."""
    assert np.isnan(kendall_tau([1, 2, 3], [5, 5, 5], seed=0)).all()


@pytest.mark.parametrize("bad", [[1.0, 2.0], [1.0, np.nan, 2.0], [[1.0, 2.0, 3.0]]])
def test_bad_scores_are_refused(bad):
    """Other lengths, ranks and failed candidates."""
    with pytest.raises((ValueError, TypeError)):
        kendall_tau([1.0, 2.0, 3.0], bad, seed=0)
