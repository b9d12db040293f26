"""Content and style scores: literal versions, and that they order pictures as eyes do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.ndimage import correlate

from nasjax.data import embedded_photos
from nasjax.metrics import Protocol, edge_ssim, rgb_to_y, ssim, style_distance
from nasjax.metrics.style import STYLE_LEVELS, edge_map, gram_distance
from nasjax.nets.vgg import init_encoder, load_vgg16, vgg

KEY = jax.random.key(0)
SIDE = 64


def photo(index: int) -> jax.Array:
    """The middle of a held-out photograph."""
    image = embedded_photos("val")[index]["image"]
    top, left = (n // 2 - SIDE for n in image.shape[:2])
    return jnp.asarray(image[top : top + 2 * SIDE : 2, left : left + 2 * SIDE : 2] / 127.5 - 1, jnp.float32)


CONTENT, STYLE = photo(0), photo(2)


def blurred(x, times=1):
    """Each pixel becomes the mean of its 3x3 neighbours."""
    for _ in range(times):
        x = sum(jnp.roll(x, (i, j), (0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1)) / 9
    return x


def test_edges_by_hand():
    """A step from black to white across columns is 219 levels high and two pixels wide, elsewhere there is nothing."""
    x = jnp.where(jnp.arange(8).reshape(1, 8, 1) < 4, -1.0, 1.0) * jnp.ones((6, 8, 3))
    edges = edge_map(x)
    assert edges.shape == (4, 6, 1)
    np.testing.assert_allclose(edges[..., 0], [[0, 0, 219, 219, 0, 0]] * 4, atol=0.04)
    np.testing.assert_allclose(edge_map(3 * x), edges, atol=1e-4)


def test_edges_equal_scipys():
    """Sobel's kernels on the luma, inner pixels."""
    luma = np.asarray(rgb_to_y(CONTENT))[..., 0].astype(np.float64)
    kernel = np.outer([1, 2, 1], [-1, 0, 1]) / 4
    wanted = np.hypot(correlate(luma, kernel), correlate(luma, kernel.T))[1:-1, 1:-1]
    np.testing.assert_allclose(edge_map(CONTENT)[..., 0], wanted, atol=0.04)


def test_edge_score_is_ssim_of_edges():
    """The edge maps, repeated to grey pictures, score the same by the SSIM of pictures."""
    output = blurred(CONTENT)
    as_pictures = [jnp.repeat(edge_map(x) / 127.5 - 1, 3, -1) for x in (output, CONTENT)]
    wanted = jax.jit(lambda a, b: ssim(a, b, Protocol("rgb", 0, False)))(*as_pictures)
    assert float(jax.jit(edge_ssim)(output, CONTENT)) == pytest.approx(float(wanted), abs=1e-4)


def test_edges_are_kept_or_lost():
    """Equal pictures score 1 and changed colours nearly so; a blur costs, more of it costs more."""
    recoloured = CONTENT * jnp.array([0.9, 0.95, 0.85]).reshape(1, 1, 3)
    candidates = jnp.stack([CONTENT, recoloured, blurred(CONTENT), blurred(CONTENT, 3)])
    scores = np.asarray(jax.jit(edge_ssim)(candidates, jnp.stack([CONTENT] * 4)))
    assert scores[0] == pytest.approx(1, abs=1e-6) and scores[1] > 0.97
    assert scores[2] < 0.8 and scores[3] < scores[2] - 0.1


def test_edge_score_refuses_what_it_cannot_compare():
    """Two sizes, or pictures smaller than a window of edges."""
    with pytest.raises(ValueError, match="one size, each side 13"):
        edge_ssim(CONTENT, CONTENT[:-1])
    with pytest.raises(ValueError, match="one size, each side 13"):
        edge_ssim(CONTENT[:12], CONTENT[:12])


def test_edge_score_has_finite_gradients():
    """On flat pictures too, where the magnitude of an edge has a corner."""
    flat = jnp.zeros((16, 16, 3))
    grad = jax.jit(jax.grad(lambda x, content: edge_ssim(x, content)))
    for output, content in ((flat, flat), (flat, CONTENT[:16, :16]), (CONTENT[:16, :16], flat)):
        assert np.isfinite(grad(output, content)).all()


def test_gram_distance_by_hand():
    """Two features of two channels; sizes may differ, since a Gram matrix is a mean over positions."""
    a = jnp.array([[[1.0, 0.0], [0.0, 2.0]]])  # 1 x 2 pixels: Gram [[1/2, 0], [0, 2]]
    b = jnp.array([[[1.0, 1.0]]])  # one pixel: Gram of ones
    wanted = (0.25 + 1 + 1 + 1) / 4
    assert float(gram_distance((a,), (b,), levels=(1,))) == pytest.approx(wanted)
    assert float(gram_distance((a, b), (b, b), levels=(1, 2))) == pytest.approx(wanted / 2)
    with pytest.raises(ValueError, match=r"among \[1\]"):
        gram_distance((a,), (b,), levels=(2,))


def test_gram_distance_ignores_where_things_are():
    """Moved pixels are the same style; leading axes are images."""
    a = jax.random.uniform(KEY, (2, 4, 5, 3))
    moved = a[:, ::-1, ::-1].reshape(2, 5, 4, 3)
    distances = gram_distance((a,), (moved,), levels=(1,))
    assert distances.shape == (2,)
    np.testing.assert_allclose(distances, 0, atol=1e-10)


def test_style_is_reached_or_not():
    """The style itself is at 0, and moving the content's colour statistics to the style's brings it nearer."""
    encoder, params, (content, style) = vgg((64, 128, 256)), load_vgg16(3), (photo(3), photo(5))
    mean, std = (lambda x: x.mean((0, 1), keepdims=True)), (lambda x: x.std((0, 1), keepdims=True))
    moved = (content - mean(content)) / std(content) * std(style) + mean(style)
    features = jax.jit(encoder.apply)(params, jnp.stack([style, jnp.clip(moved, -1, 1), content]))
    same, near, far = gram_distance(features, tuple(f[:1] for f in features), levels=(1, 2, 3))
    assert float(same) == 0 and float(near) < 0.75 * float(far)


def test_style_distance_is_over_four_levels():
    """Its protocol is fixed; a shallower encoder is refused, and gradients are finite."""
    encoder = vgg((4, 4, 4, 4), (1, 1, 1, 1))
    params = init_encoder(encoder, KEY)
    output, style = jnp.stack([CONTENT, STYLE])[:, :16, :16], STYLE[:24, :16][None]  # one style for both

    def distance(output):
        found = style_distance(encoder.apply, params, output, style=style)
        ours, theirs = encoder.apply(params, output), encoder.apply(params, style)
        return found.sum(), (found, gram_distance(ours, theirs, levels=STYLE_LEVELS))

    (_, (found, wanted)), grad = jax.jit(jax.value_and_grad(distance, has_aux=True))(output)
    np.testing.assert_allclose(found, wanted, rtol=1e-4)
    assert np.isfinite(grad).all() and np.asarray(grad).any()
    shallow = vgg((4, 4, 4), (1, 1, 1))
    with pytest.raises(ValueError, match=r"levels must be among \[1, 2, 3\]"):
        style_distance(shallow.apply, params, output, style=style)
