"""Statistics by region, over a sharded image, and tile by tile."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, PartitionSpec

from nasjax.linalg import (
    Regions,
    apply_transfer,
    moments,
    stream_moments,
    stream_transfer,
    transfer,
    transfer_map,
    wct,
)
from tests.linalg.pixels import finite, pixels

CONTENT, STYLE = (16, 9, 4), (24, 5, 4)


@functools.cache
def regional(method: str):
    """The transform of three regions."""

    def apply(x, y, content, style, alpha=1.0):
        return wct(x, y, method=method, alpha=alpha, regions=Regions(content, style, 3))

    return jax.jit(apply)


def labels(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    """Each of three labels somewhere."""
    return np.random.default_rng(seed).permutation(np.arange(np.prod(shape)) % 3).reshape(shape)


def images() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A content and a style whose regions differ in mean, and their labels."""
    content, style = labels(0, CONTENT[:2]), labels(1, STYLE[:2])
    x, y = pixels(0, CONTENT), pixels(1, STYLE)
    return x + 3 * content[..., None].astype(np.float32), y - 2 * style[..., None].astype(np.float32), content, style


@functools.cache
def whole(method: str):
    """The transform of whole images, compiled."""
    return jax.jit(functools.partial(wct, method=method))


@pytest.mark.parametrize("method", ["eigh", "cholesky"])
def test_each_region_alone(method):
    """Each region comes out as if it and its namesake in the style were all there is."""
    x, y, content, style = images()
    found = np.asarray(regional(method)(x, y, content, style))
    for label in range(3):
        wanted = whole(method)(x[None, content == label], y[None, style == label])[0]
        np.testing.assert_allclose(found[content == label], wanted, atol=3e-5)


def test_regions_without_a_counterpart_keep_their_content():
    """A label that the style lacks, or that is none of the labels, changes nothing; one the content lacks is unused."""
    x, y, content, style = images()
    style[style == 1] = 0
    content[0] = 7
    content[1] = -1
    found = np.asarray(regional("eigh")(x, y, content, style))
    kept = (content == 1) | (content == 7) | (content == -1)
    np.testing.assert_array_equal(found[kept], x[kept])
    assert (np.abs(found - x).max(-1)[~kept] > 1e-3).all()
    content[content == 2] = 0
    assert finite(regional("eigh")(x, y, content, style))


@pytest.mark.parametrize("method", ["eigh", "cholesky"])
def test_regions_of_one_pixel(method):
    """A region of one pixel becomes its style's mean; a style of one pixel is its region's colour everywhere."""
    x, y, content, style = (v.copy() for v in images())
    content[content == 1] = 0
    content[5, 5] = 1
    style[style == 2] = 0
    style[3, 3] = 2
    found = np.asarray(regional(method)(x, y, content, style))
    np.testing.assert_allclose(found[5, 5], y[style == 1].mean(0), atol=1e-5)
    np.testing.assert_array_equal(found[content == 2], np.broadcast_to(y[3, 3], found[content == 2].shape))


def test_gradients_and_alpha_by_region():
    """Gradients are finite with empty and single-pixel regions, and do not cross from one region into another."""
    x, y, content, style = (v.copy() for v in images())
    content[content == 1] = 0
    content[5, 5], style[style == 2] = 1, 0

    def loss(x, y):
        return jnp.where((content == 0)[..., None], regional("eigh")(x, y, content, style), 0.0).sum()

    by_x, by_y = jax.jit(jax.grad(loss, (0, 1)))(jnp.asarray(x), jnp.asarray(y))
    assert finite((by_x, by_y))
    np.testing.assert_array_equal(np.asarray(by_x)[content != 0], 0)
    np.testing.assert_array_equal(np.asarray(by_y)[style != 0], 0)
    np.testing.assert_array_equal(regional("eigh")(x, y, content, style, 0.0), x)


def test_labels_that_do_not_match():
    """Labels of another size than their image, and no labels at all, are refused by name."""
    x, y, content, style = (jnp.asarray(v) for v in images())
    with pytest.raises(ValueError, match=r"labels of the style must have the shape \(24, 5\), got \(16, 9\)"):
        wct(x, y, method="eigh", regions=Regions(content, content, 3))
    with pytest.raises(ValueError, match="1 label or more, got number=0"):
        wct(x, y, method="eigh", regions=Regions(content, style, 0))


@pytest.mark.parametrize(("method", "by_region"), [("newton-schulz", False), ("eigh", True)])
def test_sharded_images(method, by_region):
    """Rows split over eight devices, statistics summed over them: the whole image's values and gradients."""
    x, y, *masks = images()
    mesh, rows = jax.make_mesh((8,), ("rows",), axis_types=(AxisType.Auto,)), PartitionSpec("rows")

    def transform(x, y, content, style, axis_name=None):
        regions = Regions(content, style, 3) if by_region else None
        return wct(x, y, method=method, regions=regions, axis_name=axis_name)

    part = functools.partial(transform, axis_name="rows")
    split = jax.shard_map(part, mesh=mesh, in_specs=(rows,) * 4, out_specs=rows)

    def both(fn):
        def loss(x, y):
            out = fn(x, y, *masks)
            return (jnp.sin(2 * out) * x).sum(), out

        return jax.jit(jax.value_and_grad(loss, has_aux=True))

    ((_, found), by_x), ((_, wanted), whole_by_x) = both(split)(x, y), both(transform)(x, y)
    np.testing.assert_allclose(found, wanted, atol=5e-5)
    np.testing.assert_allclose(by_x, whole_by_x, atol=1e-3 * np.abs(whole_by_x).max())


def test_tiles_have_no_seams():
    """Statistics of all tiles, then the map tile by tile: the image as a whole would have given the same pixels."""
    x, y = pixels(0, (40, 30, 4), mean=5.0), pixels(1, (20, 30, 4))
    x[:, 15:] += np.float32(4)  # tiles with statistics of their own would differ
    cuts = [(slice(a, b), slice(c, d)) for a, b in ((0, 16), (16, 40)) for c, d in ((0, 16), (16, 30))]
    fit = jax.jit(functools.partial(transfer, method="eigh"))
    found = fit(stream_moments(x[c] for c in cuts), stream_moments([y]))
    out = np.zeros_like(x)
    for cut, tile in zip(cuts, stream_transfer(found, (x[c] for c in cuts), 0.7), strict=True):
        out[cut] = tile
    wanted = 0.7 * whole("eigh")(x, y) + 0.3 * x
    np.testing.assert_allclose(out, wanted, atol=3e-5)


def test_the_map_as_matrix_and_bias():
    """`transfer_map` is the same map as one product and one sum."""

    @jax.jit
    def both(x, y):
        content, style = moments(x), moments(y)
        matrix, bias = transfer_map(content, style, method="cholesky")
        return x @ matrix + bias[:, None], apply_transfer(transfer(content, style, method="cholesky"), x)

    np.testing.assert_allclose(*both(pixels(0, (2, 50, 4)), pixels(1, (2, 50, 4))), atol=2e-5)
