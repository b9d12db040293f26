"""Resampling against MATLAB's files, dense matrices and hand-computed values."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import export
from PIL import Image

from nasjax.ops.resize import downscale, imresize_reference, upscale

METHODS = ("bicubic", "bilinear", "nearest")


def keys_kernel(d):
    """The cubic of Keys (1981), a = -0.5, written out as in the paper."""
    d = abs(d)
    if d <= 1:
        return 1.5 * d**3 - 2.5 * d**2 + 1
    return -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2 if d < 2 else 0.0


KERNELS = {
    "bicubic": keys_kernel,
    "bilinear": lambda d: max(0.0, 1 - abs(d)),
    "nearest": lambda d: float(-0.5 <= d < 0.5),
}


def matrix(size, factor, kernel_fn):
    """Dense resampling [new size, size]: MATLAB's definition, one loop an entry."""
    shrink = min(1.0, factor)
    new = np.zeros((round(size * factor), size))
    for o in range(len(new)):
        centre = (o + 0.5) / factor - 0.5
        for i in range(int(centre - 3 / shrink) - 1, int(centre + 3 / shrink) + 2):
            new[o, np.clip(i, 0, size - 1)] += kernel_fn((centre - i) * shrink)
    return new / new.sum(axis=1, keepdims=True)


def apply_dense(x, factor, kernel_fn):
    rows, columns = (matrix(size, factor, kernel_fn) for size in x.shape[-3:-1])
    return np.einsum("ij,kl,...jlc->...ikc", rows, columns, np.asarray(x, np.float64))


def picture(*shape):
    return jnp.asarray(np.random.default_rng(0).uniform(-1, 1, shape), jnp.float32)


DOWN, UP = jax.jit(downscale, static_argnums=1), jax.jit(upscale, static_argnums=(1, 2))


@pytest.mark.parametrize("name", ["set5", "set14", "bsd100"])
def test_reference_reproduces_matlab_files(shared_data, name):
    """Every published low-resolution file comes out bit for bit."""
    files = sorted((shared_data / "sr_bench" / name / "HR").iterdir())
    assert len(files) == {"set5": 5, "set14": 14, "bsd100": 100}[name]
    for file in files:
        low = np.asarray(Image.open(file.parents[1] / "LR" / file.name))
        np.testing.assert_array_equal(imresize_reference(np.asarray(Image.open(file)), 1 / 4), low, err_msg=str(file))


def test_reference_rounds_halves_up_between_the_passes():
    """A column of grey levels whose exact mean is a half."""
    image = np.tile(np.array([[10], [11]], np.uint8), (4, 8))
    assert imresize_reference(image, 0.5).shape == (4, 4)
    # The kernel at half scale is symmetric, so that an alternating column gives 10.5 away from the borders.
    assert imresize_reference(image, 0.5)[1, 1] == 11


def test_reference_takes_ceil_sizes_and_grey():
    """Sizes that do not divide are rounded up, as in MATLAB."""
    assert imresize_reference(np.zeros((9, 10), np.uint8), 0.25).shape == (3, 3)
    assert imresize_reference(np.zeros((9, 10, 3), np.uint8), 4.0).shape == (36, 40, 3)


@pytest.mark.parametrize("image", [np.zeros((4, 4)), np.zeros(4, np.uint8)])
def test_reference_refuses_other_arrays(image):
    """Floats would silently be rounded, vectors have no picture."""
    with pytest.raises((ValueError, TypeError)):
        imresize_reference(image, 0.5)


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("shape", [(24, 36, 3), (2, 12, 12, 1)])
def test_downscale_equals_dense_matrices(scale, shape):
    """Strided slices compute what the dense antialiased matrices do."""
    x = picture(*shape)
    np.testing.assert_allclose(DOWN(x, scale), apply_dense(x, 1 / scale, keys_kernel), atol=1e-6)


def test_downscale_is_the_reference_without_rounding():
    """The float form differs from the uint8 form by what rounding twice can do."""
    levels = np.random.default_rng(1).integers(0, 256, (32, 40, 3), dtype=np.uint8)
    low = (np.asarray(DOWN(jnp.asarray(levels, jnp.float32) / 127.5 - 1, 4)) + 1) * 127.5
    np.testing.assert_allclose(low.clip(0, 255), imresize_reference(levels, 1 / 4), atol=1.2)


def test_downscale_crops_what_does_not_divide():
    """The last rows and columns are dropped before resampling, so that they change nothing."""
    x = picture(27, 30, 3)
    np.testing.assert_array_equal(DOWN(x, 4), DOWN(x[:24, :28], 4))


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("blocks", [(1, 1), (1, 2), (5, 3)])
def test_downscale_gradient_is_the_transpose(scale, blocks):
    """The written-out transpose equals the transposed dense matrices, for images down to one output pixel, too."""
    shape = (blocks[0] * scale, blocks[1] * scale, 2)
    weight = picture(*blocks, 2)
    grad = jax.jit(jax.grad(lambda x: (downscale(x, scale) * weight).sum()))(picture(*shape))
    rows, columns = (matrix(size, 1 / scale, keys_kernel) for size in shape[:2])
    np.testing.assert_allclose(grad, np.einsum("ij,kl,ikc->jlc", rows, columns, weight), atol=1e-6)


def test_downscale_vmaps_and_keeps_low_precision():
    """A leading axis of vmap is a leading dimension; bfloat16 in, bfloat16 out."""
    x = picture(3, 8, 8, 2)
    np.testing.assert_allclose(jax.jit(jax.vmap(lambda y: downscale(y, 4)))(x), DOWN(x, 4), atol=1e-6)
    assert DOWN(jnp.asarray(x, jnp.bfloat16), 4).dtype == jnp.bfloat16


@settings(deadline=None, max_examples=12)
@given(st.sampled_from(METHODS), st.integers(1, 4), st.sampled_from([(1, 1), (2, 5), (7, 3)]))
def test_upscale_equals_dense_matrices(method, scale, size):
    """Phases compute what the dense matrices do, on images smaller than the kernel as well."""
    x = picture(2, *size, 2)
    np.testing.assert_allclose(UP(x, scale, method), apply_dense(x, scale, KERNELS[method]), atol=1e-6)


def test_upscale_reproduces_a_ramp():
    """Interpolation is exact on linear images, away from the borders."""
    ramp = jnp.broadcast_to(jnp.linspace(-1, 1, 9)[:, None, None], (9, 4, 1))
    inside = np.asarray(UP(ramp, 2, "bicubic"))[4:-4, 3, 0]
    np.testing.assert_allclose(np.diff(inside), 0.125, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_upscale_is_one_named_call(method):
    """A graph exporter recognises the resize by the name of its call in the jaxpr."""
    (call,) = jax.make_jaxpr(lambda x: upscale(x, 4, method))(picture(1, 3, 4, 3)).eqns
    assert call.params["name"] == f"resize_{method}"
    assert [v.aval.shape for v in (*call.invars, *call.outvars)] == [(1, 3, 4, 3), (1, 12, 16, 3)]


@pytest.mark.parametrize("method", METHODS)
def test_upscale_exports_with_symbolic_sizes(method):
    """One exported program serves every batch, height and width."""
    spec = jax.ShapeDtypeStruct(export.symbolic_shape("b,h,w,3"), jnp.float32)
    program = export.export(jax.jit(lambda x: upscale(x, 2, method)))(spec)
    x = picture(2, 7, 5, 3)
    np.testing.assert_allclose(program.call(x), UP(x, 2, method), atol=1e-6)


@pytest.mark.parametrize("scale", [0, -1, 1.5])
def test_bad_scales_are_refused(scale):
    """Only positive integers are factors."""
    with pytest.raises((ValueError, TypeError), match="scale"):
        upscale(picture(4, 4, 1), scale, "nearest")
    with pytest.raises((ValueError, TypeError), match="scale"):
        downscale(picture(4, 4, 1), scale)


def test_images_below_the_scale_and_unknown_methods_are_refused():
    """The message names sizes, scale and methods."""
    with pytest.raises(ValueError, match="3x9 pixels is smaller than the scale 4"):
        downscale(picture(3, 9, 1), 4)
    with pytest.raises((ValueError, TypeError), match="lanczos|method"):
        upscale(picture(4, 4, 1), 2, "lanczos")
