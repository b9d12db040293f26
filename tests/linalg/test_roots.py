"""Square roots of covariances: values and gradients against float64, equal eigenvalues among them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasjax.linalg import eigh_roots, newton_schulz_roots
from nasjax.linalg.roots import _SCALES, RESOLUTION
from tests.linalg.pixels import finite, relative

ROOTS = {"eigh": jax.jit(eigh_roots), "newton-schulz": jax.jit(newton_schulz_roots)}
SIZE = 6
G, H = (np.float32(np.random.default_rng(i).normal(size=(SIZE, SIZE))) for i in (0, 1))


def _loss(roots):
    """A scalar in which both roots, and no symmetry, take part."""

    def loss(matrix, ridge):
        root, inverse = roots(matrix, ridge)
        return (root * G).sum() + (inverse * H).sum()

    return loss


GRADIENTS = {name: jax.jit(jax.grad(_loss(fn), (0, 1))) for name, fn in ROOTS.items()}


def _matrix(seed: int, values: np.ndarray) -> np.ndarray:
    basis, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(values),) * 2))
    return (basis * values) @ basis.T


def _exact(matrix: np.ndarray, ridge: float) -> tuple[np.ndarray, np.ndarray]:
    values, basis = np.linalg.eigh(np.asarray(matrix, np.float64))
    roots = np.sqrt(np.maximum(values, 0) + ridge)
    return (basis * roots) @ basis.T, (basis / roots) @ basis.T


@pytest.mark.parametrize("method", ROOTS)
@settings(max_examples=10, deadline=None, derandomize=True)
@given(seed=st.integers(0, 9999), power=st.floats(0, 6), scale=st.sampled_from([1e-6, 1.0, 1e5]))
def test_values(method, seed, power, scale):
    """Root and inverse are float64's up to rounding times the condition number, at any scale."""
    matrix = np.float32(scale * _matrix(seed, np.geomspace(1, 10**-power, SIZE)))
    ridge = np.float32(RESOLUTION * np.linalg.norm(matrix))
    found = ROOTS[method](matrix, ridge)
    for value, wanted, order in zip(found, _exact(matrix, ridge), (0.5, 1), strict=True):
        assert relative(value, wanted) < 2e-6 + 1e-7 * 10 ** (power * order)


@pytest.mark.parametrize("method", ROOTS)
@pytest.mark.parametrize("values", [[1] * 6, [3, 3, 3, 1, 1, 1], [4, 4, 2, 1, 1, 1e-2], [5, 4, 3, 2, 1, 0.5]])
def test_gradients(method, values):
    """Gradients by matrix and ridge are float64's finite differences, with equal eigenvalues as without."""
    matrix, ridge, step = _matrix(0, np.array(values, float)), 1e-3, 1e-5

    def loss(matrix, ridge):
        root, inverse = _exact(matrix, ridge)
        return (root * G).sum() + (inverse * H).sum()

    by_matrix, by_ridge = GRADIENTS[method](np.float32(matrix), np.float32(ridge))
    for i, j in ((0, 0), (1, 4), (5, 2)):
        change = np.zeros_like(matrix)
        change[i, j] = change[j, i] = step
        wanted = (loss(matrix + change, ridge) - loss(matrix - change, ridge)) / (2 * step)
        found = by_matrix[i, j] if i == j else by_matrix[i, j] + by_matrix[j, i]
        np.testing.assert_allclose(found, wanted, rtol=2e-3, atol=2e-3 * np.abs(by_matrix).max())
    wanted = (loss(matrix, ridge + step) - loss(matrix, ridge - step)) / (2 * step)
    np.testing.assert_allclose(by_ridge, wanted, rtol=2e-3, atol=1e-2)


def test_eigenvectors_alone_would_fail():
    """Why there is a rule of our own: differentiated through its eigenvectors, the same root is NaN at the identity."""

    def plain(matrix):
        values, vectors = jnp.linalg.eigh(matrix)
        return (((vectors * jnp.sqrt(values)[None]) @ vectors.T) * G).sum()

    eye = jnp.eye(SIZE)
    assert not finite(jax.grad(plain)(eye))
    assert finite(GRADIENTS["eigh"](eye, jnp.float32(1e-5)))


@pytest.mark.parametrize("method", ROOTS)
@pytest.mark.parametrize("values", [[0] * 6, [1, 0, 0, 0, 0, 0], [1e8, 1e4, 1, 1, 1, 1], [1e-8] * 6])
def test_always_finite(method, values):
    """No value and no gradient is infinite where there is no rank, or more range than float32 has digits."""
    matrix = np.float32(_matrix(1, np.array(values, float)))
    ridge = np.float32(RESOLUTION * np.linalg.norm(matrix) + 1e-12)
    assert finite(ROOTS[method](matrix, ridge))
    assert finite(GRADIENTS[method](matrix, ridge))


def test_the_steps_converge_for_every_condition_number():
    """The scaled steps bring all that the ridge leaves possible to 1, and never leave the interval (0, 1]."""
    x = np.geomspace(np.sqrt(RESOLUTION), 1, 2000)
    for scale in _SCALES:
        x = scale * x * (3 - (scale * x) ** 2) / 2
        assert x.min() > 0 and x.max() < 1 + 1e-12
    np.testing.assert_allclose(x, 1, atol=2e-7)
    assert len(_SCALES) == 11


@pytest.mark.parametrize("method", ROOTS)
def test_batches(method):
    """Leading axes and `vmap` give what single matrices give."""
    stack = np.float32([[_matrix(i, np.geomspace(1, 0.01, SIZE)) for i in range(3)]])
    ridges = np.float32([[1e-2, 1e-4, 1e-5]])
    found = ROOTS[method](stack, ridges)
    mapped = jax.vmap(jax.vmap(ROOTS[method]))(stack, ridges)
    for i in range(3):
        one = ROOTS[method](stack[0, i], ridges[0, i])
        for each in (found, mapped):
            jax.tree.map(lambda a, b, i=i: np.testing.assert_allclose(a[0, i], b, atol=1e-4), each, one)
