"""Gradients by dense kernels: what the definition says, whichever way sums are cut into pieces."""

import functools

import jax
import numpy as np
import pytest

from nasjax.ops import by_kernel
from nasjax.ops.base import formulation
from nasjax.ops.by_kernel import by_dense_kernel
from nasjax.ops.conv import conv


def _defined(x, g, kernel, dilation):
    """For every entry of the kernel, the image moved by it times the gradient, over all pixels."""
    reach = [(k - 1) * dilation for k in kernel]
    wide = np.pad(x.astype(np.float64), ((0, 0), *((n // 2, n - n // 2) for n in reach), (0, 0)))
    found, (height, width) = np.zeros((*kernel, x.shape[-1], g.shape[-1])), g.shape[1:3]
    for i, j in np.ndindex(*kernel):
        moved = wide[:, i * dilation :, j * dilation :][:, :height, :width]
        found[i, j] = np.einsum("nhwc,nhwo->co", moved, g)
    return found


# Images, height, width; channels of the image and of the gradient; the kernel, and how far its entries are apart.
CASES = {
    "small images": ((3, 6, 7), (3, 4), (3, 3), 1),
    "strips of large images": ((2, 36, 40), (4, 4), (3, 3), 1),
    "rows that nothing divides": ((4, 37, 20), (3, 5), (5, 5), 1),
    "many images": ((12, 9, 30), (3, 3), (3, 3), 1),
    "few results": ((2, 36, 40), (9, 2), (7, 7), 1),
    "few results of an even kernel": ((3, 6, 7), (7, 1), (4, 2), 1),
    "dilated": ((2, 36, 40), (3, 4), (3, 3), 3),
    "dilated, few results": ((2, 36, 40), (9, 2), (4, 3), 2),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_what_the_definition_says(name, monkeypatch):
    """With limits as small as the images here, so that every way is gone."""
    monkeypatch.setattr(by_kernel, "_PIXELS", 500)
    monkeypatch.setattr(by_kernel, "_SMALL", 100)
    size, (channels, out), kernel, dilation = CASES[name]
    rng = np.random.default_rng(0)
    x, g = (rng.standard_normal((*size, c), np.float32) for c in (channels, out))
    found = jax.jit(functools.partial(by_dense_kernel, kernel=kernel, dilation=dilation))(x, g)
    np.testing.assert_allclose(found, _defined(x, g, kernel, dilation), rtol=1e-4, atol=1e-3)


def test_sums_run_over_as_many_pixels_as_a_cache_holds():
    """Small batches are left whole; of large ones so many images, and strips of about as many rows."""
    assert by_kernel._chunk(8, 24, 24) == (8, 24)
    assert by_kernel._chunk(4, 64, 64) == (4, 16)
    assert by_kernel._chunk(4, 74, 74) == (4, 13)
    assert by_kernel._chunk(48, 24, 24) == (6, 24)
    assert by_kernel._chunk(1, 256, 250) == (1, 16)
    assert by_kernel._chunk(7, 61, 64) == (1, 61)
    for images, rows, columns in ((4, 64, 64), (48, 24, 24), (1, 256, 250), (6, 97, 100), (64, 16, 16)):
        some, strip = by_kernel._chunk(images, rows, columns)
        assert images % some == 0 and some * strip * columns <= by_kernel._PIXELS


def test_halves_are_added_up_in_single_precision():
    """Numbers of 8 bits lose what is added to a large sum; sums of pieces do not."""
    x = np.ones((16, 64, 64, 1), np.float32)

    def total(w, x):
        with formulation("cpu"):
            return conv({"w": w}, x.astype("bfloat16"), 1).astype("float32").sum()

    (found,) = jax.jit(jax.grad(total, (0,)))(np.ones((3, 3, 1, 1), np.float32), x)
    assert found[1, 1, 0, 0] == pytest.approx(16 * 64 * 64, rel=4e-3)
