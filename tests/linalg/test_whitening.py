"""The laws of the whitening and colouring transform, over every method."""

import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasjax.linalg import METHODS, wct
from tests.linalg.pixels import finite, pixels, relative, statistics

CONTENT = STYLE = (1, 8, 9, 5)  # of one size: fewer compilations (other sizes are in test_regions.py)
ONE = (1, 1, 1, 5)
SEED = st.integers(0, 9999)
laws = settings(max_examples=6, deadline=None, derandomize=True)


@functools.cache
def run(method: str):
    """The transform compiled for a method; alpha is traced."""
    return jax.jit(lambda x, y, alpha: wct(x, y, method=method, alpha=alpha))


@functools.cache
def gradient(method: str):
    """((a number that depends on every pixel, the output), its gradients by content and style)."""

    def loss(x, y):
        out = wct(x, y, method=method)
        return (jnp.sin(3 * out) * jnp.cos(x)).sum(), out

    return jax.jit(jax.value_and_grad(loss, (0, 1), has_aux=True))


def moved(method: str, x: np.ndarray, y: np.ndarray, alpha: float = 1.0) -> np.ndarray:
    """`run`, on the host."""
    return np.asarray(run(method)(x, y, float(alpha)))


@pytest.mark.parametrize("method", METHODS)
@laws
@given(seed=SEED, power=st.floats(0, 4), style_power=st.floats(0, 6), mean=st.sampled_from([0.0, 0.5, 20.0]))
def test_the_style_s_statistics(method, seed, power, style_power, mean):
    """Mean and covariance are the style's, to what the ridge takes from the content's smallest directions."""
    x = pixels(seed, CONTENT, condition=10**power, mean=mean)
    y = pixels(seed + 1, STYLE, condition=10**style_power, mean=mean)
    found, wanted = statistics(moved(method, x, y)), statistics(y)
    np.testing.assert_allclose(found[0], wanted[0], atol=1e-5 * (1 + mean))
    assert relative(found[1], wanted[1]) < 2e-4 + 5e-5 * 10**power


@pytest.mark.parametrize("method", METHODS)
@laws
@given(seed=SEED, power=st.floats(0, 8), mean=st.sampled_from([0.0, 0.5, 20.0]))
def test_its_own_style(method, seed, power, mean):
    """WCT(x, x) is x, however ill-conditioned x is."""
    x = pixels(seed, CONTENT, condition=10**power, mean=mean)
    np.testing.assert_allclose(moved(method, x, x), x, atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
@laws
@given(seed=SEED)
def test_where_the_style_s_pixels_are_does_not_matter(method, seed):
    """Any permutation of the style's pixels gives the same output."""
    x, y = pixels(seed, CONTENT), pixels(seed + 1, STYLE)
    shuffled = np.random.default_rng(seed).permutation(y.reshape(-1, 5)).reshape(y.shape)
    np.testing.assert_allclose(moved(method, x, shuffled), moved(method, x, y), atol=2e-5)


@laws
@given(seed=SEED, power=st.floats(0, 5), style_power=st.floats(0, 5))
def test_methods_agree(seed, power, style_power):
    """Newton-Schulz gives eigh's pixels; Cholesky gives other pixels of the same statistics."""
    x, y = pixels(seed, CONTENT, condition=10**power), pixels(seed + 1, STYLE, condition=10**style_power)
    reference, schulz, cholesky = (moved(m, x, y) for m in METHODS)
    np.testing.assert_allclose(schulz, reference, atol=5e-5 + 2e-8 * 10**power)
    tolerance = 2e-4 + 5e-5 * 10**power
    assert relative(statistics(cholesky)[1], statistics(reference)[1]) < tolerance
    assert np.abs(cholesky - reference).max() > 0.01


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("alpha", [0.0, 0.25, 1.0])
def test_alpha_blends(method, alpha):
    """Alpha 0 is the content to the last bit, traced or not; between 0 and 1 the blend is linear."""
    x, y = pixels(0, CONTENT), pixels(1, STYLE)
    found = moved(method, x, y, alpha)
    np.testing.assert_allclose(found, (1 - alpha) * x + alpha * moved(method, x, y), atol=1e-6)
    if alpha == 0:
        np.testing.assert_array_equal(found, x)


def _degenerate(seed: int) -> dict[str, np.ndarray]:
    """Pixels `CONTENT` that have broken a whitening before."""
    x = pixels(seed, CONTENT)
    line = np.random.default_rng(seed).normal(size=(*CONTENT[:3], 1)) * np.arange(1, 6)
    grey = np.repeat(x[..., :1], 5, -1)
    flat = np.full(CONTENT, 0.3, np.float32)
    speck = flat.copy()
    speck[0, 3, 3] = 5.0
    return {
        "zeros": np.zeros(CONTENT, np.float32),
        "flat": flat,
        "noise on flat": flat + np.float32(3e-8) * np.sign(x),
        "one odd pixel": speck,
        "rank 1": np.float32(line),
        "grey": grey,
        "dead channels": x * np.float32([1, 1, 0, 1, 0]),
        "condition 1e8": pixels(seed, CONTENT, condition=1e8),
        "uncorrelated, equal variances": np.float32(np.eye(5)[np.arange(72).reshape(CONTENT[:3]) % 5]),
        "tiny": np.float32(1e-12) * x,
        "huge": np.float32(1e8) * x,
    }


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("case", _degenerate(0))
def test_always_finite(method, case):
    """Values and gradients are finite for any content with any style, one pixel of either among them."""
    bad, good = _degenerate(2)[case], pixels(3, CONTENT)
    for x, y in ((bad, good), (good, bad), (bad, bad), (bad, _degenerate(3)[case])):
        (value, found), by = gradient(method)(x, y)
        assert finite((value, found, by))
        scale = np.abs(x).max() if case != "huge" else 1e9
        assert np.abs(found).max() <= 100 * max(np.abs(y).max(), scale)


@pytest.mark.parametrize("method", METHODS)
def test_one_pixel(method):
    """A single pixel of content becomes the style's mean; a single pixel of style is the output everywhere."""
    x, y, one = pixels(0, CONTENT), pixels(1, CONTENT), pixels(2, ONE)
    ((_, found), by_mean), ((_, constant), by_one) = gradient(method)(one, y), gradient(method)(x, one)
    np.testing.assert_allclose(found, y.mean((1, 2), keepdims=True), atol=1e-6)
    np.testing.assert_array_equal(constant, np.broadcast_to(one, CONTENT))
    assert finite((by_mean, by_one))


@pytest.mark.parametrize("method", METHODS)
def test_flat_images(method):
    """A flat content becomes the style's mean, with rounding noise on it too; a flat style gives its one colour."""
    x, cases = pixels(1, CONTENT), _degenerate(0)
    for name in ("zeros", "flat"):
        flat = cases[name]
        np.testing.assert_allclose(moved(method, flat, x), np.broadcast_to(x.mean((1, 2)), CONTENT), atol=1e-6)
        np.testing.assert_array_equal(moved(method, x, flat), flat)
    noisy = moved(method, cases["noise on flat"], x)
    assert np.abs(noisy - x.mean((1, 2))).max() < 0.02 * x.std()


def test_gradients_agree():
    """Two roots, two ways to differentiate: the gradients of eigh and Newton-Schulz are one, and point uphill."""
    x, y = pixels(0, CONTENT), pixels(1, STYLE)
    ((value, _), (by_x, by_y)), (_, schulz) = gradient("eigh")(x, y), gradient("newton-schulz")(x, y)
    for found, wanted in zip(schulz, (by_x, by_y), strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-3 * np.abs(wanted).max())
    step = 1e-3 / max(np.abs(by_x).max(), np.abs(by_y).max())
    higher = gradient("eigh")(x + step * np.asarray(by_x), y + step * np.asarray(by_y))[0][0]
    expected = step * (np.square(by_x).sum() + np.square(by_y).sum())
    np.testing.assert_allclose(higher - value, expected, rtol=0.05)


@pytest.mark.parametrize("method", METHODS)
def test_zero_channels_change_nothing(method):
    """Channels masked to zero, at the end or between others, stay exactly zero and leave the others as they are."""
    x, y = pixels(0, (1, 8, 9, 3)), pixels(1, (1, 8, 9, 3))
    live = [0, 1, 3]
    wide_x, wide_y = (np.zeros((*v.shape[:-1], 5), np.float32) for v in (x, y))
    wide_x[..., live], wide_y[..., live] = x, y
    found = moved(method, wide_x, wide_y)
    np.testing.assert_allclose(found[..., live], moved(method, x, y), atol=1e-5)
    np.testing.assert_array_equal(found[..., [2, 4]], 0)


@pytest.mark.parametrize("method", METHODS)
def test_vmap_and_batches(method):
    """Leading axes, `vmap` (each image with an alpha of its own) and single images agree."""
    x, y = pixels(0, (3, *CONTENT[1:])), pixels(1, (3, *STYLE[1:]))
    alphas = np.float32([0, 0.5, 1])
    mapped = jax.jit(jax.vmap(lambda x, y, alpha: wct(x, y, method=method, alpha=alpha)))(x, y, alphas)
    batched = moved(method, x, y)
    np.testing.assert_array_equal(mapped[0], x[0])
    np.testing.assert_allclose(mapped[2], batched[2], atol=1e-5)
    for i in range(3):
        np.testing.assert_allclose(moved(method, x[i : i + 1], y[i : i + 1])[0], batched[i], atol=1e-5)


def test_half_precision_is_computed_in_float32():
    """bfloat16 in, bfloat16 out, and between them nothing is lost that rounding the output does not lose."""
    x, y = (jnp.asarray(pixels(i, CONTENT, condition=1e3), jnp.bfloat16) for i in (0, 1))
    found = run("eigh")(x, y, 1.0)
    assert found.dtype == jnp.bfloat16
    exact = moved("eigh", np.asarray(x, np.float32), np.asarray(y, np.float32))
    np.testing.assert_array_equal(found, jnp.asarray(exact, jnp.bfloat16))
    np.testing.assert_array_equal(run("eigh")(x, y, 0.0), x)


@pytest.mark.parametrize(
    "x, y, method, message",
    [
        (CONTENT, STYLE, "svd", "unknown method 'svd'; allowed: eigh, newton-schulz, cholesky"),
        (CONTENT, (1, 7, 11, 4), "eigh", r"must agree but for h and w, got \(1, 8, 9, 5\) and \(1, 7, 11, 4\)"),
        (CONTENT, (2, 7, 11, 5), "eigh", "must agree but for h and w"),
        (CONTENT, (1, 0, 11, 5), "eigh", "need a pixel or more"),
    ],
)
def test_errors(x, y, method, message):
    """What does not fit together is named, with what would."""
    # Unwrapped: the annotation checks of the tests, which users do not have, would be first.
    with pytest.raises(ValueError, match=message):
        inspect.unwrap(wct)(jnp.ones(x), jnp.ones(y), method=method)


def test_eps_is_not_negative():
    """A negative ridge would make a covariance indefinite."""
    with pytest.raises(ValueError, match="eps must be 0 or more, got -0.1"):
        wct(jnp.ones(CONTENT), jnp.ones(STYLE), method="eigh", eps=-0.1)
