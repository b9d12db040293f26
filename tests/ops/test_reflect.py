"""Reflected borders against numpy, and their convolution in every formulation; pooling and doubling by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.ops.base import formulation
from nasjax.ops.conv import conv
from nasjax.ops.reflect import fill_up, max_pool2, reflect_conv, reflect_pad, upsample2


def image(*shape):
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


# One program a shape: eager jax would compile every step.
_padded = jax.jit(reflect_pad, static_argnums=1)


PARAMS = {"w": image(3, 3, 4, 6) / 6, "b": np.arange(6, dtype=np.float32)}


@pytest.mark.parametrize(
    ("shape", "pad"), [((6, 5), 0), ((6, 5), 1), ((6, 5), 3), ((2, 3), 1), ((2, 3), 5), ((1, 4), 2), ((1, 1), 3)]
)
def test_reflection_is_numpys(shape, pad):
    """Any size, the border wider than the image included; a single pixel is repeated."""
    x = image(2, *shape, 3)
    np.testing.assert_array_equal(_padded(x, pad), np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)), "reflect"))


@pytest.mark.parametrize(("shape", "pad"), [((6, 5), 1), ((4, 3), 2), ((2, 2), 1), ((2, 3), 4), ((1, 4), 2)])
def test_gradient_of_reflection_is_that_of_a_look_up(shape, pad):
    """Each mirrored pixel adds its gradient to the pixel that it shows, wherever regions overlap."""
    x, grown = image(*shape, 1), image(shape[0] + 2 * pad, shape[1] + 2 * pad, 1)
    source = np.pad(np.arange(shape[0] * shape[1]).reshape(shape), pad, "reflect").ravel()
    wanted = np.bincount(source, np.asarray(grown).ravel())
    found = jax.jit(jax.vjp(lambda x: reflect_pad(x, pad), x)[1])(grown)[0]
    np.testing.assert_allclose(np.asarray(found).ravel(), wanted, atol=1e-5)


def test_reflection_has_any_leading_axes():
    """One image, or images of streams."""
    x = image(3, 2, 4, 5, 1)
    np.testing.assert_array_equal(np.asarray(_padded(x, 2))[1, 1], _padded(x[1, 1], 2))


def literal(p, x):
    """A 3x3 convolution of one image, pixel by pixel, border pixels looked up at their mirror image."""
    (height, width), y = x.shape[:2], np.zeros((*x.shape[:2], p["w"].shape[-1]))

    def mirror(i, n):
        return 0 if n == 1 else -i if i < 0 else 2 * (n - 1) - i if i >= n else i

    for i, j in np.ndindex(height, width):
        for a, b in np.ndindex(3, 3):
            y[i, j] += np.float64(x[mirror(i + a - 1, height), mirror(j + b - 1, width)]) @ np.float64(p["w"][a, b])
    return y + np.asarray(p["b"])


@pytest.mark.parametrize("shape", [(5, 4), (2, 2), (1, 3), (1, 1)])
def test_convolution_by_hand(shape):
    """Every pixel sees the mirrored image."""
    x = image(2, *shape, 4)
    for found, one in zip(np.asarray(jax.jit(lambda x: reflect_conv(PARAMS, x, 6))(x)), x, strict=True):
        np.testing.assert_allclose(found, literal(PARAMS, one), atol=1e-5)


@pytest.mark.parametrize("dilation", [1, 2])
def test_formulations_agree(dilation):
    """The CPU formulation equals the native primitive, in value and in both gradients."""
    x = image(2, 6, 5, 4)

    def run(how):
        def cubed(p, x):
            return (reflect_conv(p, x, 6, dilation=dilation) ** 3).sum()

        with formulation(how):
            return jax.jit(jax.value_and_grad(cubed, (0, 1)))(PARAMS, x)

    for a, b in zip(jax.tree.leaves(run("cpu")), jax.tree.leaves(run("native")), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("kernel", [2, 3])
def test_valid_convolution_has_the_gradients_of_the_primitive(kernel):
    """Without padding too, and for even kernels, in both formulations."""
    p, x = {"w": PARAMS["w"][:kernel, :kernel, :, :3], "b": PARAMS["b"][:3]}, image(2, 6, 5, 4)

    def run(how, padding):
        with formulation(how):
            return jax.jit(jax.grad(lambda p, x: (conv(p, x, 3, padding=padding) ** 3).sum(), (0, 1)))(p, x)

    for padding in ("same", "valid"):
        for a, b in zip(jax.tree.leaves(run("cpu", padding)), jax.tree.leaves(run("native", padding)), strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-4)


def test_widths_slice_or_mask():
    """A static width saves the work, a traced one masks; the weights are the leading ones."""
    x = image(1, 4, 4, 4) * (np.arange(4) < 2)
    sliced = jax.jit(lambda x: reflect_conv(PARAMS, x, 3))(x[..., :2])
    masked = np.asarray(jax.jit(reflect_conv)(PARAMS, x, np.int32(3)))
    assert sliced.shape == (1, 4, 4, 3)
    np.testing.assert_allclose(masked[..., :3], sliced, atol=1e-6)
    assert not masked[..., 3:].any()


def test_maximum_of_tiles():
    """Odd rows and columns are dropped, single pixels kept, and the gradient goes where the maximum was."""
    x = jnp.array([[1.0, 5, 2], [3, 4, 9], [8, 8, 8]])[None, :, :, None]
    np.testing.assert_array_equal(max_pool2(x)[0, :, :, 0], [[5]])
    np.testing.assert_array_equal(max_pool2(x[:, :1])[0, :, :, 0], [[5]])
    np.testing.assert_array_equal(max_pool2(x[:, :, :1])[0, :, :, 0], [[3]])
    grad = jax.jit(jax.grad(lambda x: max_pool2(x).sum()))(x)
    np.testing.assert_array_equal(grad[0, :, :, 0], [[0, 1, 0], [0, 0, 0], [0, 0, 0]])


def test_doubling_repeats_pixels():
    """Each pixel becomes a tile of four, under any leading axes."""
    x = jnp.arange(4.0).reshape(1, 1, 2, 2, 1)
    expected = [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]
    np.testing.assert_array_equal(upsample2(x)[0, 0, :, :, 0], expected)
    np.testing.assert_array_equal(max_pool2(upsample2(x)), x)


def test_bad_arguments_are_named():
    """Kernels without a centre, and borders that would cut."""
    with pytest.raises(ValueError, match="odd side, got 2x2"):
        reflect_conv(PARAMS | {"w": PARAMS["w"][:2, :2]}, jnp.zeros((1, 4, 4, 4)), 6)
    with pytest.raises(ValueError, match="got -1"):
        reflect_pad(jnp.zeros((1, 4, 4, 4)), -1)


SMALL = [((n, 10 - n), 8) for n in range(1, 10)]  # of which some are mirrored several times


@pytest.mark.parametrize(("size", "step"), [((6, 5), 4), ((3, 2), 4), ((4, 8), 4), ((5, 7), 1), *SMALL])
def test_filling_up_mirrors_the_end(size, step):
    """Up to multiples, as numpy's symmetric border does; what fits already is returned as it is."""
    x = image(2, *size, 3)
    ends = [(0, -n % step) for n in size]
    filled = jax.jit(fill_up, static_argnums=1)(x, step)
    np.testing.assert_array_equal(filled, np.pad(x, ((0, 0), *ends, (0, 0)), "symmetric"))
