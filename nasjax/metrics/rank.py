"""Rank correlation: does the cheap score order the candidates as the expensive one does?"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped


class RankCorrelation(NamedTuple):
    """Kendall's tau with the percentile interval of its bootstrap; all three NaN where it is undefined."""

    tau: float
    low: float
    high: float


def kendall_tau(
    a: Sequence[float | int] | Shaped[np.ndarray, " n"],
    b: Sequence[float | int] | Shaped[np.ndarray, " n"],
    *,
    seed: int,
    num_resamples: int = 2000,
    confidence: float = 0.95,
) -> RankCorrelation:
    """Kendall's tau-b of two scores of the same n candidates (ties allowed), in [-1, 1], with a bootstrap interval.

    Kendall 1945, "The treatment of ties in ranking problems". The interval resamples candidates with replacement;
    those resamples where one score is constant are left out. NaN if a score is constant. ValueError unless both are
    finite vectors of one length >= 2.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.ndim != 1 or a.shape != b.shape or a.size < 2:
        raise ValueError(f"kendall_tau: expected two vectors of one length >= 2, got shapes {a.shape} and {b.shape}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("kendall_tau: scores must be finite; drop failed candidates first")
    pairs = _pair_products(a, b)
    counts = np.random.default_rng(seed).multinomial(a.size, np.full(a.size, 1 / a.size), size=num_resamples)
    tau = _tau(np.ones((1, a.size)), pairs)[0]
    resampled = _tau(counts.astype(np.float64), pairs)
    resampled = resampled[np.isfinite(resampled)]
    if np.isnan(tau) or resampled.size == 0:
        return RankCorrelation(float("nan"), float("nan"), float("nan"))
    low, high = np.quantile(resampled, [(1 - confidence) / 2, (1 + confidence) / 2])
    return RankCorrelation(float(tau), float(low), float(high))


def _pair_products(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Signs of all pairs as [n, n]: agreement (+1, 0, -1), untied in a, untied in b."""
    sign_a, sign_b = (np.sign(s[:, None] - s[None, :]) for s in (a, b))
    return sign_a * sign_b, sign_a**2, sign_b**2


def _tau(counts: np.ndarray, pairs: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    """Tau-b of each resample, given how often it holds each candidate [resamples, n].

    A candidate drawn twice is tied with itself in both scores, so each sum over a resample's pairs is a quadratic form.
    """
    agreement, untied_a, untied_b = (((counts @ p) * counts).sum(axis=1) for p in pairs)
    with np.errstate(invalid="ignore", divide="ignore"):
        return agreement / np.sqrt(untied_a * untied_b)
