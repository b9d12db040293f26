"""How far one set of pictures is from another, through features of a fixed network; all in float64 on the host.

A figure is named by its network: only InceptionV3's Frechet distance is an FID, others are `vgg16_frechet` and so on.
"""

import warnings
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from nasjax.metrics.features import Moments, Rows, moments


class PrecisionRecall(NamedTuple):
    """Shares in [0, 1]: generated pictures that look real, and real pictures that the generator covers."""

    precision: float
    recall: float


def frechet_distance(a: Moments, b: Moments) -> float:
    """The squared Frechet distance of two normal distributions with these moments; 0 where equal, lower is better.

    |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)) (arXiv 1706.08500, equation 6), covariances divided by n - 1. It is
    biased: small sets look far apart. Warns where a set has fewer pictures than features + 1, with which its covariance
    cannot have full rank; figures are then comparable at that number of pictures only. ValueError for fewer than two.
    """
    _check_counts(a, b)
    (mean_a, cov_a), (mean_b, cov_b) = _gaussian(a), _gaussian(b)
    # The roots of the eigenvalues of S1 S2, which are those of the symmetric S1^(1/2) S2 S1^(1/2): no complex numbers.
    values, vectors = np.linalg.eigh(cov_a)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ cov_b @ root).clip(0)).sum()
    return float(np.square(mean_a - mean_b).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * cross)


def kernel_distance(x: Rows, y: Rows) -> float:
    """KID: the squared maximum mean discrepancy under the kernel (x.y / d + 1)^3, unbiased, so it may be negative.

    arXiv 1801.01401, section 3.1, over all pairs instead of random subsets, hence without their noise. Unbiased at any
    number of pictures from two on.
    """
    x, y = _rows(x, y)
    kernel = lambda a, b: (a @ b.T / a.shape[1] + 1) ** 3  # noqa: E731
    return _discrepancy(kernel(x, x), kernel(y, y), kernel(x, y))


def gaussian_distance(x: Rows, y: Rows, *, bandwidth: float) -> float:
    """The squared maximum mean discrepancy under exp(-|x - y|^2 / (2 bandwidth^2)), unbiased.

    Over Gram vectors it is the Gram-MMD of arXiv 2604.03064, with the `median_distance` of the real pictures as
    bandwidth, so that it does not depend on the scale of features. The Gaussian kernel saturates: two very distant sets
    are no further apart than two distant ones.
    """
    x, y = _rows(x, y)
    kernel = lambda a, b: np.exp(_square_distances(a, b) / (-2 * bandwidth**2))  # noqa: E731
    return _discrepancy(kernel(x, x), kernel(y, y), kernel(x, y))


def median_distance(x: Rows) -> float:
    """The median distance of two different pictures of a set. ValueError where it is 0: more than half are equal."""
    x = np.asarray(x, np.float64)
    distance = float(np.median(np.sqrt(_square_distances(x, x)[np.triu_indices(len(x), 1)])))
    if not distance > 0:
        raise ValueError(f"median_distance: {len(x)} pictures, most of which are equal")
    return distance


def precision_recall(real: Rows, fake: Rows, *, k: int = 3) -> PrecisionRecall:
    """Precision: generated pictures within the reach of a real one; recall: real ones within that of a generated one.

    The reach of a picture is the distance to its k-th neighbour in its own set (arXiv 1904.06991, equations 1 and 2).
    Depends on the number of pictures: compare at equal numbers. ValueError for a set of k or fewer.
    """
    real, fake = _rows(real, fake)
    if min(len(real), len(fake)) <= k:
        raise ValueError(f"precision_recall: needs more than k = {k} pictures a set, got {len(real)} and {len(fake)}")
    across = _square_distances(real, fake)
    reach = [np.sort(_square_distances(x, x))[:, k] for x in (real, fake)]  # the nearest is the picture itself
    precision = (across <= reach[0][:, None]).any(0).mean()
    recall = (across <= reach[1][None, :]).any(1).mean()
    return PrecisionRecall(float(precision), float(recall))


def effective_number(x: Rows, *, bandwidth: float) -> float:
    """How many different pictures a set amounts to: 1 where all are equal, n where all are far apart.

    The Vendi score (arXiv 2210.02410, equation 3): the exponential of the entropy of the eigenvalues of K / n, K the
    Gaussian kernel. With a bandwidth below the `median_distance` of the real pictures (a half of it, say), a generator
    that collapsed has a number far below that of the real set.
    """
    x = np.asarray(x, np.float64)
    values = np.linalg.eigvalsh(np.exp(_square_distances(x, x) / (-2 * bandwidth**2)) / len(x))
    values = values[values > 0]
    return float(np.exp(-(values * np.log(values)).sum()))


def set_scores(name: str, real: Rows, fake: Rows) -> dict[str, float]:
    """Every distance of this module by the name of the features that it is of: `vgg16_frechet`, `vgg16_kernel`, ...

    Beside them `_precision`, `_recall`, and `_diversity`, the effective number of generated pictures as a share of that
    of real ones, at half the median distance of these: a generator that collapsed is far below 1. Only features called
    "inception-PROTOCOL" (`metrics.inception`) give `fid_PROTOCOL` and `kid_PROTOCOL`. ValueError where the sets do not
    fit; a warning for few pictures, as `frechet_distance`.
    """
    kind, _, protocol = name.partition("-")
    is_fid = kind == "inception" and protocol in ("clean", "legacy-tensorflow", "legacy-pytorch")
    frechet, kernel = f"{name}_frechet", f"{name}_kernel"
    if is_fid:
        frechet, kernel = f"fid_{protocol}", f"kid_{protocol}"
    shares, width = precision_recall(real, fake), median_distance(real) / 2
    numbers = [effective_number(x, bandwidth=width) for x in (real, fake)]
    return {
        frechet: frechet_distance(moments(real), moments(fake)),
        kernel: kernel_distance(real, fake),
        f"{name}_precision": shares.precision,
        f"{name}_recall": shares.recall,
        f"{name}_diversity": numbers[1] / numbers[0],
    }


def _check_counts(a: Moments, b: Moments) -> None:
    least, features = min(a.count, b.count), len(a.total)
    if len(b.total) != features or least < 2:
        raise ValueError(
            f"frechet_distance: needs two sets of two pictures or more with equally many features, got {a.count} with "
            f"{features} and {b.count} with {len(b.total)}"
        )
    if least <= features:
        warnings.warn(
            f"Frechet distance of {features} features from {least} pictures: it needs {features + 1} for a covariance "
            f"of full rank and is biased upwards below; compare it at {least} pictures only, or use the kernel "
            "distance, which is unbiased",
            stacklevel=3,
        )


def _gaussian(m: Moments) -> tuple[np.ndarray, np.ndarray]:
    mean = m.total / m.count
    return mean, (m.outer - m.count * np.outer(mean, mean)) / (m.count - 1)


def _rows(x: Rows, y: Rows) -> tuple[np.ndarray, np.ndarray]:
    if min(len(x), len(y)) < 2 or x.shape[1] != y.shape[1]:
        raise ValueError(f"needs two sets of two pictures or more with equally many features, got {x.shape}, {y.shape}")
    return np.asarray(x, np.float64), np.asarray(y, np.float64)


def _discrepancy(xx: Float[np.ndarray, "n n"], yy: Float[np.ndarray, "m m"], xy: Float[np.ndarray, "n m"]) -> float:
    """Means of the three kernels, without the pairs of a picture with itself."""
    n, m = xy.shape
    within = (xx.sum() - np.trace(xx)) / (n * (n - 1)) + (yy.sum() - np.trace(yy)) / (m * (m - 1))
    return float(within - 2 * xy.mean())


def _square_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    # Centred first: the difference of squares loses what two nearly equal far-off vectors differ by.
    centre = a.mean(0)
    a, b = a - centre, b - centre
    square = np.square(a).sum(1)[:, None] + np.square(b).sum(1)[None] - 2 * a @ b.T
    return square.clip(0)
