"""Successive halving: all candidates a little, the better ones further (arXiv 1502.07943, section 3)."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

_APART = 1e-4  # of what stops early from the worst that went on


class Rung(NamedTuple):
    """What was measured after one more length of training: the candidates that got there, and a score each."""

    places: Sequence[int]
    scores: Float[np.ndarray, " n"]


def survivors(rung: Rung, keep: float) -> list[int]:
    """The candidates that go on: the share `keep` of those with finite scores, the smallest first, at least one.

    Nobody goes on where no score is finite. Raises ValueError for a share outside 0..1.
    """
    if not 0 < keep <= 1:
        raise ValueError(f"survivors: keep must be in (0, 1], got {keep}")
    finite = [i for i, score in enumerate(rung.scores) if math.isfinite(score)]
    order = sorted(finite, key=lambda i: (float(rung.scores[i]), i))
    return [rung.places[i] for i in order[: math.ceil(keep * len(order))]]


def told_scores(rungs: Sequence[Rung], num: int) -> Float[np.ndarray, " num"]:
    """One score for each of `num` candidates, smaller is better: that of its last rung.

    Scores fall with training, or may rise: so that they compare, what stopped early is told no better than the worst of
    those that went on. Who has no finite score is NaN.
    """
    told = np.full(num, np.nan)
    worst = -math.inf
    for rung in reversed(rungs):
        for place, score in zip(rung.places, rung.scores, strict=True):
            if np.isnan(told[place]) and math.isfinite(score):
                told[place] = max(float(score), worst + _APART)
        worst = max([worst, *(float(v) for v in told if math.isfinite(v))])
    return told
