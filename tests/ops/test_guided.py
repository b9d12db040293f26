"""The guided filter against a direct implementation, its invariances, and its precision on large images."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.ops import guided
from nasjax.ops.guided import box_mean, guided_filter, keep_detail

RNG = np.random.default_rng(0)

# One program a shape: eager jax would compile every step. Not where a test changes what is read at tracing.
_filtered = jax.jit(guided_filter, static_argnames=("radius", "epsilon", "stride"))


def _windows(size, radius):
    """Row i has ones where the window of pixel i lies."""
    place = np.arange(size)
    return (np.abs(place[:, None] - place) <= radius).astype(np.float64)


def _mean(x, radius):
    rows, columns = (_windows(size, radius) for size in x.shape[:2])
    sums = np.einsum("ij,jkc,lk->ilc", rows, x, columns)
    return sums / (rows.sum(1)[:, None] * columns.sum(1))[..., None]


def _direct(guide, x, radius, epsilon):
    """The filter by its definition in float64: means by dense matrices, a library's solver at every pixel."""
    guide, x = guide.astype(np.float64), x.astype(np.float64)
    mean_g, mean_x = _mean(guide, radius), _mean(x, radius)
    height, width, g = guide.shape
    outer = (guide[..., :, None] * guide[..., None, :]).reshape(height, width, -1)
    variance = _mean(outer, radius).reshape(height, width, g, g) - mean_g[..., :, None] * mean_g[..., None, :]
    cross = (guide[..., :, None] * x[..., None, :]).reshape(height, width, -1)
    shape = (height, width, g, x.shape[-1])
    covariance = _mean(cross, radius).reshape(shape) - mean_g[..., :, None] * mean_x[..., None, :]
    slope = np.linalg.solve(variance + epsilon * np.eye(g), covariance)
    offset = mean_x - np.einsum("hwg,hwgc->hwc", mean_g, slope)
    slope = _mean(slope.reshape(height, width, -1), radius).reshape(shape)
    return np.einsum("hwg,hwgc->hwc", guide, slope) + _mean(offset, radius)


@pytest.mark.parametrize("channels, radius", [(1, 2), (3, 2), (3, 40)])
def test_it_equals_the_definition(channels, radius):
    """Grey and colour guides, windows inside the image and larger than it."""
    guide = RNG.uniform(-1, 1, (13, 17, channels)).astype(np.float32)
    x = RNG.uniform(-1, 1, (13, 17, 2)).astype(np.float32)
    found = _filtered(jnp.asarray(guide), jnp.asarray(x), radius=radius, epsilon=1e-2)
    np.testing.assert_allclose(found, _direct(guide, x, radius, 1e-2), atol=2e-5)


def test_a_guide_without_colour_is_solved_as_exactly():
    """Grey pixels make the 3x3 system singular but for epsilon."""
    guide = RNG.uniform(-1, 1, (13, 17, 1)).astype(np.float32).repeat(3, -1)
    x = RNG.uniform(-1, 1, (13, 17, 2)).astype(np.float32)
    found = _filtered(jnp.asarray(guide), jnp.asarray(x), radius=2, epsilon=1e-4)
    np.testing.assert_allclose(found, _direct(guide, x, 2, 1e-4), atol=2e-3)


def test_a_constant_stays_constant():
    """Whatever the guide."""
    guide = jnp.asarray(RNG.uniform(-1, 1, (13, 17, 3)), jnp.float32)
    y = _filtered(guide, jnp.full((13, 17, 2), 0.7), radius=2, epsilon=1e-2)
    np.testing.assert_allclose(y, 0.7, atol=1e-6)


def test_edges_of_the_guide_are_kept_and_noise_beside_them_is_not():
    """A noisy step under a clean step guide keeps the step's height and loses the noise; a plain mean would blur it."""
    step = np.where(np.arange(40) < 20, -0.5, 0.5).astype(np.float32) * np.ones((40, 1), np.float32)
    noisy = step + RNG.normal(0, 0.1, step.shape).astype(np.float32)
    y = np.asarray(_filtered(jnp.asarray(step[..., None]), jnp.asarray(noisy[..., None]), radius=4, epsilon=1e-3))
    assert np.abs(y[..., 0] - step).max() < 0.08
    assert np.asarray(y)[:, 20:].std() < 0.04
    blurred = np.asarray(box_mean(jnp.asarray(step[..., None]), 4))
    assert np.abs(blurred[..., 0] - step).max() > 0.4


def test_leading_axes_and_shifts():
    """Images of a batch do not mix; a constant added to guide or image only moves the result."""
    guide, x = (jnp.asarray(RNG.uniform(-1, 1, (2, 13, 17, c)), jnp.float32) for c in (3, 2))
    y = _filtered(guide, x, radius=2, epsilon=1e-2)
    np.testing.assert_allclose(_filtered(guide[1], x[1], radius=2, epsilon=1e-2), y[1], atol=1e-6)
    np.testing.assert_allclose(_filtered(guide + 8, x - 8, radius=2, epsilon=1e-2), y - 8, atol=1e-5)


@pytest.mark.parametrize("stride", [1, 2])
def test_strips_of_large_images_leave_no_seam(monkeypatch, stride):
    """Strip by strip gives the same as the whole image, borders and the last, shorter strip included."""
    guide, x = (jnp.asarray(RNG.uniform(-1, 1, (2, 37, 5, c)), jnp.float32) for c in (3, 2))
    whole = guided_filter(guide, x, radius=2, epsilon=1e-2, stride=stride)
    monkeypatch.setattr(guided, "_STRIP", 90)
    np.testing.assert_allclose(guided_filter(guide, x, radius=2, epsilon=1e-2, stride=stride), whole, atol=1e-5)


@pytest.mark.parametrize("size", [(24, 32), (13, 19), (3, 2)])
def test_coarse_windows(size):
    """What is affine in the guide comes back, whether squares fill the image, reach beyond it, or are larger."""
    rows, columns = np.meshgrid(*[np.linspace(-1, 1, n) for n in size], indexing="ij")
    guide = jnp.asarray(np.stack([rows, columns, np.sin(3 * rows * columns)], -1), jnp.float32)
    affine = 0.3 - 0.5 * guide
    found = _filtered(guide, affine, radius=8, epsilon=1e-5, stride=4)
    np.testing.assert_allclose(found, affine, atol=2e-3)


def test_a_coarse_window_is_one_of_whole_squares():
    """At the middle of a square with an odd side, coefficients are those of windows of whole squares about it."""
    guide = RNG.uniform(-1, 1, (15, 15, 3)).astype(np.float32)
    x = RNG.uniform(-1, 1, (15, 15, 2)).astype(np.float32)
    squares = {n: v.reshape(5, 3, 5, 3, -1) for n, v in (("guide", guide), ("x", x))}
    found = _filtered(jnp.asarray(guide), jnp.asarray(x), radius=3, epsilon=1e-2, stride=3)
    slopes, offsets = np.zeros((5, 5, 3, 2)), np.zeros((5, 5, 2))
    for i in range(5):
        for j in range(5):
            near = slice(max(i - 1, 0), i + 2), slice(None), slice(max(j - 1, 0), j + 2)
            g, v = (squares[n][near].reshape(-1, squares[n].shape[-1]).astype(np.float64) for n in ("guide", "x"))
            centred = g - g.mean(0)
            variance = centred.T @ centred / len(g) + 1e-2 * np.eye(3)
            slopes[i, j] = np.linalg.solve(variance, centred.T @ (v - v.mean(0)) / len(g))
            offsets[i, j] = v.mean(0) - g.mean(0) @ slopes[i, j]
    mean = _mean(np.concatenate([slopes.reshape(5, 5, -1), offsets], -1), 1)
    middle = guide[1::3, 1::3]
    wanted = np.einsum("ijk,ijkc->ijc", middle, mean[..., :6].reshape(5, 5, 3, 2)) + mean[..., 6:]
    np.testing.assert_allclose(found[1::3, 1::3], wanted, atol=2e-5)


def test_window_means_of_wide_images_are_exact():
    """2048 pixels wide and far from zero, where running sums in float32 would be off in the fourth digit."""
    x = RNG.uniform(0, 1, (3, 2048, 1)).astype(np.float32) + 10
    found = np.asarray(box_mean(jnp.asarray(x), 35))
    np.testing.assert_allclose(found, _mean(x.astype(np.float64), 35), atol=5e-6)


def test_types_and_gradients():
    """The result has the image's type; gradients are finite where the guide is flat."""
    guide, x = jnp.zeros((13, 17, 1)), jnp.asarray(RNG.uniform(-1, 1, (13, 17, 2)), jnp.bfloat16)
    assert _filtered(guide, x, radius=2, epsilon=1e-2).dtype == jnp.bfloat16
    grad = jax.jit(jax.grad(lambda g: guided_filter(g, x.astype(jnp.float32), radius=2, epsilon=1e-2).sum()))(guide)
    assert np.isfinite(grad).all()


@pytest.mark.parametrize(
    "channels, width, options, message",
    [
        (2, 17, {}, "must have 1 or 3 channels, got 2"),
        (3, 16, {}, r"\(13, 16, 3\) and the image's \(13, 17, 2\) differ in size"),
        (3, 17, {"radius": 0}, "radius=0"),
        (3, 17, {"epsilon": 0.0}, "epsilon=0.0"),
        (3, 17, {"stride": 3}, "stride must divide the radius 2, got 3"),
        (3, 17, {"stride": 0}, "got 0"),
    ],
)
def test_bad_input_is_named(channels, width, options, message):
    """Each mistake has its value in the message."""
    with pytest.raises(ValueError, match=message):
        guided_filter(
            jnp.zeros((13, width, channels)), jnp.zeros((13, 17, 2)), **{"radius": 2, "epsilon": 1e-2, **options}
        )


def test_detail_is_kept():
    """A change that follows the content, or is the same everywhere, passes; one that follows nothing is averaged."""
    content = np.where(np.arange(24) < 12, -0.5, 0.5).astype(np.float32)[None, :, None].repeat(20, 0).repeat(3, -1)
    content = content + 0.02 * RNG.standard_normal(content.shape).astype(np.float32)
    content = jnp.asarray(content)
    kept = jax.jit(keep_detail)(content, 0.3 + 0.5 * content)
    np.testing.assert_allclose(kept, 0.3 + 0.5 * content, atol=0.05)  # half the noise is a change that follows nothing
    rough = RNG.uniform(-0.2, 0.2, content.shape).astype(np.float32)
    left = np.asarray(jax.jit(keep_detail)(content, content + rough)) - np.asarray(content)
    assert left.std() < 0.3 * rough.std()
    np.testing.assert_allclose(jax.jit(keep_detail)(content, content), content, atol=1e-6)
