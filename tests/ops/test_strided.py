"""Convolutions that halve and double: PyTorch's definition, whichever way this backend writes them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.ops.base import formulation
from nasjax.ops.reflect import reflect_conv, upsample2
from nasjax.ops.strided import double, double_nearest, halve

_RNG = np.random.default_rng(0)
_PADDING = {2: (0, 0), 3: (1, 1), 4: (1, 0)}  # PyTorch's, and its output padding


def _params(kernel):
    return {
        "w": _RNG.normal(size=(kernel, kernel, 3, 5)).astype(np.float32),
        "b": _RNG.normal(size=5).astype(np.float32),
    }


def _defined(p, x, kernel):
    """Every input is spread by the kernel to where it reaches, as the definition of a transposed convolution says."""
    b, height, width, _ = x.shape
    padding, extra = _PADDING[kernel]
    wide = np.zeros((b, 2 * height + 4, 2 * width + 4, 5))
    for i in range(height):
        for j in range(width):
            for k in range(kernel):
                for m in range(kernel):
                    wide[:, 2 * i + k, 2 * j + m] += x[:, i, j] @ p["w"][k, m]
    size = (height - 1) * 2 - 2 * padding + kernel + extra, (width - 1) * 2 - 2 * padding + kernel + extra
    return wide[:, padding : padding + size[0], padding : padding + size[1]] + p["b"]


@pytest.mark.parametrize("how", ["native", "cpu"])
@pytest.mark.parametrize("kernel", [2, 3, 4])
def test_doubling_is_pytorchs_transposed_convolution(kernel, how):
    """Sizes are doubled exactly, and every pixel is the sum that the definition asks for."""
    p, x = _params(kernel), _RNG.normal(size=(2, 3, 4, 3)).astype(np.float32)
    with formulation(how):
        y = jax.jit(lambda p, x: double(p, x, 5))(p, x)
    assert y.shape == (2, 6, 8, 5)
    np.testing.assert_allclose(y, _defined(p, x, kernel), atol=1e-5)


@pytest.mark.parametrize("kernel", [2, 3, 4])
def test_halving_is_the_transpose_of_doubling(kernel):
    """What one spreads the other collects: <double(x), y> = <x, halve(y)> with the kernel's channels exchanged."""
    w = jnp.asarray(_params(kernel)["w"])
    x, y = (jnp.asarray(_RNG.normal(size=s), jnp.float32) for s in ((1, 3, 4, 3), (1, 6, 8, 5)))
    spread = np.vdot(double({"w": w}, x, 5), y)
    collected = np.vdot(x, halve({"w": w.transpose(0, 1, 3, 2)}, y, 3))
    np.testing.assert_allclose(spread, collected, rtol=1e-4)


def test_gradients_of_both_ways_agree():
    """The phases of the CPU have the gradients of the native primitive."""
    p, x = _params(4), _RNG.normal(size=(1, 4, 5, 3)).astype(np.float32)

    def gradients(how):
        with formulation(how):
            return jax.jit(jax.grad(lambda p, x: (double(p, x, 5) ** 3).sum(), (0, 1)))(p, x)

    for a, b in zip(jax.tree.leaves(gradients("cpu")), jax.tree.leaves(gradients("native")), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-3)


def test_what_cannot_be_halved_is_refused():
    """A kernel of side 5 has no padding that would halve exactly, and an odd image no half."""
    with pytest.raises(ValueError, match=r"height and width must be even, got \(8, 7\)"):
        halve({"w": jnp.zeros((3, 3, 3, 4))}, jnp.zeros((1, 8, 7, 3)), 4)
    with pytest.raises(ValueError, match=r"kernel of side 2, 3 or 4, got \(5, 5\)"):
        halve({"w": jnp.zeros((5, 5, 3, 4))}, jnp.zeros((1, 8, 8, 3)), 4)


@pytest.mark.parametrize("size", [(5, 6), (1, 7), (2, 1)])
def test_repeating_and_convolving_is_the_same_in_phases(size):
    """Values and gradients of what the name says, also where there is hardly a border to reflect."""
    p, x = _params(3), _RNG.normal(size=(2, 2, *size, 3)).astype(np.float32)

    def plain(p, x):
        return reflect_conv(p, upsample2(x), 4)

    def looked_at(fn):
        return jax.value_and_grad(lambda p, x: jnp.sin(fn(p, x)).sum(), (0, 1))

    with formulation("native"):
        expected = jax.jit(lambda p, x: (plain(p, x), looked_at(plain)(p, x)))(p, x)
    with formulation("cpu"):
        double = lambda p, x: double_nearest(p, x, 4)  # noqa: E731
        found = jax.jit(lambda p, x: (double(p, x), looked_at(double)(p, x)))(p, x)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), found, expected)


def test_other_kernels_than_three_are_refused():
    """By the side that they have."""
    with pytest.raises(ValueError, match=r"side 3, got \(4, 4\)"):
        double_nearest(_params(4), jnp.zeros((1, 2, 2, 3)), 5)
