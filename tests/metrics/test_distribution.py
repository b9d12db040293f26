"""Distances of sets: closed forms, literal versions, and that they see what they should."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import sqrtm

from nasjax.metrics import (
    effective_number,
    frechet_distance,
    gaussian_distance,
    kernel_distance,
    median_distance,
    moments,
    precision_recall,
    set_scores,
)
from nasjax.metrics.discrepancy import gaussian_discrepancy

RNG = np.random.default_rng(0)
REAL, FAKE = RNG.normal(size=(40, 6)), RNG.normal(size=(30, 6)) @ RNG.normal(size=(6, 6)) + 0.5


def test_frechet_in_one_dimension():
    """(m1 - m2)^2 + (s1 - s2)^2: sets of mean 0 and 3, standard deviation 1 and 2."""
    x, y = np.array([[-1.0], [0.0], [1.0]]), np.array([[1.0], [3.0], [5.0]])
    assert frechet_distance(moments(x), moments(y)) == pytest.approx(9 + 1, rel=1e-12)


def test_frechet_equals_its_formula():
    """Covariances that do not commute, the root by scipy; symmetric, and 0 for a set with itself."""
    cov = [np.cov(x.T) for x in (REAL, FAKE)]
    root = np.trace(sqrtm(cov[0] @ cov[1])).real
    wanted = np.square(REAL.mean(0) - FAKE.mean(0)).sum() + np.trace(cov[0]) + np.trace(cov[1]) - 2 * root
    a, b = moments(REAL), moments(FAKE)
    assert frechet_distance(a, b) == pytest.approx(wanted, rel=1e-9)
    assert frechet_distance(b, a) == pytest.approx(wanted, rel=1e-9)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


def test_too_few_pictures_for_a_covariance():
    """A warning with the count and what would be valid; the figure is that of the rank-deficient covariance."""
    few = moments(REAL[:5])
    with pytest.warns(UserWarning, match=r"6 features from 5 pictures: it needs 7"):
        found = frechet_distance(few, moments(FAKE))
    assert np.isfinite(found) and found > 0
    with pytest.raises(ValueError, match="got 1 with 6 and 30 with 6"):
        frechet_distance(moments(REAL[:1]), moments(FAKE))


def literal(kernel, x, y):
    """The unbiased discrepancy, pair by pair."""
    within = [np.mean([kernel(a, b) for i, a in enumerate(s) for j, b in enumerate(s) if i != j]) for s in (x, y)]
    return sum(within) - 2 * np.mean([kernel(a, b) for a in x for b in y])


def test_kernel_distances_equal_their_formulas():
    """Polynomial and Gaussian kernel, sets of different sizes."""
    wanted = literal(lambda a, b: (a @ b / 6 + 1) ** 3, REAL, FAKE)
    assert kernel_distance(REAL, FAKE) == pytest.approx(wanted, rel=1e-10)
    wanted = literal(lambda a, b: np.exp(-np.sum((a - b) ** 2) / (2 * 1.5**2)), REAL, FAKE)
    assert gaussian_distance(REAL, FAKE, bandwidth=1.5) == pytest.approx(wanted, rel=1e-10)


@pytest.mark.parametrize("size", [4, 16])
def test_kernel_distance_is_unbiased(size):
    """Over many draws of two sets of one distribution its mean is 0, at any size; a Frechet distance's is not."""
    pairs = np.random.default_rng(1).normal(size=(600, 2, size, 2))
    found = np.array([kernel_distance(x, y) for x, y in pairs])
    assert abs(found.mean()) < 4 * found.std() / 600**0.5
    frechet = np.mean([frechet_distance(moments(x), moments(y)) for x, y in pairs[:100]])
    assert frechet > 2 / size


def test_median_distance_by_hand():
    """Three points on a line: distances 1, 2, 3; equal points have none."""
    assert median_distance(np.array([[0.0], [1.0], [3.0]])) == pytest.approx(2.0)
    with pytest.raises(ValueError, match="3 pictures, most of which are equal"):
        median_distance(np.array([[1.0], [1.0], [1.0]]))


def test_precision_and_recall_by_hand():
    """Real points 0 to 5 on a line; generated ones near 0 to 1, and one far away."""
    real, fake = np.arange(6.0)[:, None], np.array([[0.05], [0.2], [0.9], [20.0]])
    found = precision_recall(real, fake, k=1)
    assert found.precision == pytest.approx(3 / 4)  # each near real one has a neighbour at 1
    # The reach of 20 is 19.1 and covers 1 to 5, that of 0.05 is 0.15 and covers 0.
    assert found.recall == pytest.approx(6 / 6)
    assert precision_recall(real, fake[:3], k=1).recall == pytest.approx(2 / 6)
    with pytest.raises(ValueError, match="more than k = 3 pictures a set, got 6 and 3"):
        precision_recall(real, fake[:3])


def test_effective_number_shows_a_collapse():
    """n far points are n, equal ones 1, and ten modes of which one is left are a tenth."""
    far = 100.0 * np.eye(8)
    assert effective_number(far, bandwidth=1.0) == pytest.approx(8)
    assert effective_number(np.ones((8, 3)), bandwidth=1.0) == pytest.approx(1)
    modes = np.repeat(100.0 * np.eye(10), 5, axis=0)
    assert effective_number(modes, bandwidth=1.0) == pytest.approx(10)
    assert effective_number(np.repeat(modes[:1], 50, axis=0), bandwidth=1.0) == pytest.approx(1)


def test_scores_are_named_by_their_features():
    """Only Inception's under one of its protocols are FID and KID; a set is as diverse as itself, a copy is not."""
    collapsed = np.repeat(REAL[:2], 20, axis=0) + 1e-3 * RNG.normal(size=(40, 6))
    found = set_scores("vgg16-relu3_1", REAL, collapsed)
    assert list(found) == [f"vgg16-relu3_1_{n}" for n in ("frechet", "kernel", "precision", "recall", "diversity")]
    assert found["vgg16-relu3_1_diversity"] < 0.15 and found["vgg16-relu3_1_recall"] < 0.2
    assert found["vgg16-relu3_1_frechet"] == frechet_distance(moments(REAL), moments(collapsed))
    same = set_scores("inception-clean", REAL, REAL)
    assert {"fid_clean", "kid_clean", "inception-clean_recall"} <= set(same)
    assert same["inception-clean_diversity"] == 1 and same["fid_clean"] == pytest.approx(0, abs=1e-9)
    assert not any("fid" in name for name in set_scores("inception-torchvision", REAL, FAKE))


def test_sets_that_do_not_fit():
    """Different features, or a single picture."""
    for x, y in ((REAL, FAKE[:, :3]), (REAL[:1], FAKE)):
        with pytest.raises(ValueError, match="two sets of two pictures or more"):
            kernel_distance(x, y)


def test_the_form_of_a_search_is_that_of_the_table():
    """In float32 and traceable, to six digits of the kernel's range, also far from the origin."""
    for far in (0.0, 100.0):
        x, y = REAL + far, FAKE + far
        found = jax.jit(gaussian_discrepancy)(jnp.float32(x), jnp.float32(y), bandwidth=jnp.float32(1.5))
        assert float(found) == pytest.approx(gaussian_distance(x, y, bandwidth=1.5), abs=2e-5)
