"""Formulations of a convolution compute the same function and the same gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.ops.base import formulation
from nasjax.ops.candidates import CANDIDATES
from nasjax.ops.conv import conv, conv_params, depthwise, depthwise_params, grouped, grouped_params
from nasjax.ops.layers import pixel_shuffle
from nasjax.ops.norm import instance_norm, instance_norm_params
from nasjax.ops.params import draw, lead

KEY = jax.random.key(0)


# One program for all params of a layer, and none for images.
def _drawn(specs):
    return jax.tree.map(np.asarray, jax.jit(lambda key: draw(key, specs))(KEY))


def _normal(*shape):
    return np.random.default_rng(0).standard_normal(shape, np.float32)


LAYERS = {
    "conv3": (conv_params(3, 16, 8), lambda p, x: conv(p, x, 8)),
    "conv3-dilated": (conv_params(3, 16, 8), lambda p, x: conv(p, x, 8, dilation=2)),
    "conv3-strided": (conv_params(3, 16, 8), lambda p, x: conv(p, x, 8, stride=2)),
    "conv5": (conv_params(5, 16, 8), lambda p, x: conv(p, x, 8)),
    "depthwise3": (depthwise_params(3, 16), lambda p, x: depthwise(p, x, 16)),
    "depthwise7": (depthwise_params(7, 16, bias=False), lambda p, x: depthwise(p, x)),
    "depthwise5-dilated": (depthwise_params(5, 16), lambda p, x: depthwise(p, x, 16, dilation=3)),
    "grouped": (grouped_params(3, 16, 8), lambda p, x: grouped(p, x, 16)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_formulations_agree(name):
    """The CPU formulation equals the native primitive, in value and in both gradients."""
    specs, layer = LAYERS[name]
    p, x = _drawn(specs), _normal(2, 9, 7, 16)

    def run(how):
        with formulation(how):
            return jax.jit(jax.value_and_grad(lambda p, x: (layer(p, x) ** 3).sum(), (0, 1)))(p, x)

    for a, b in zip(jax.tree.leaves(run("cpu")), jax.tree.leaves(run("native")), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize(("kernel", "shape"), [(5, (2, 6, 12, 3)), (7, (1, 9, 26, 5)), (5, (3, 4, 37, 2))])
def test_gradients_of_wide_depthwise_kernels(kernel, shape):
    """Images of one tile and of several, with and without columns to spare."""
    x, p = _normal(*shape), _drawn(depthwise_params(kernel, shape[-1], bias=False))

    def gradients(how):
        with formulation(how):
            return jax.jit(jax.grad(lambda p, x: (depthwise(p, x) ** 3).sum(), (0, 1)))(p, x)

    for a, b in zip(jax.tree.leaves(gradients("cpu")), jax.tree.leaves(gradients("native")), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize(("kernel", "dilation", "count"), [(3, 1, 4), (5, 2, 3), (7, 1, 1)])
def test_large_batches_go_through_in_loops(kernel, dilation, count, monkeypatch):
    """Loops over parts of the batch, and over some rows at a time with rows to spare, give the same."""
    monkeypatch.setattr("nasjax.ops.conv._LARGE", 1)
    shape = (count, 53, 6, 3)
    x, p = _normal(*shape), _drawn(depthwise_params(kernel, shape[-1], bias=False))

    def run(how):
        def loss(p, x):
            return (depthwise(p, x, dilation=dilation) ** 3).sum()

        with formulation(how):
            return jax.jit(jax.value_and_grad(loss, (0, 1)))(p, x)

    for a, b in zip(jax.tree.leaves(run("cpu")), jax.tree.leaves(run("native")), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)


def test_leading_axes_are_a_larger_batch():
    """A stream axis in front changes nothing."""
    p, x = _drawn(conv_params(3, 4, 6)), jnp.asarray(_normal(3, 2, 5, 5, 4))
    np.testing.assert_allclose(conv(p, x, 6)[1], conv(p, x[1], 6), atol=1e-5)


@pytest.mark.parametrize("name", CANDIDATES)
def test_masked_block_equals_sliced_block(name):
    """A traced width masks what a static width slices away, for trunk and inner channels."""
    op = CANDIDATES[name]
    p = jax.tree.map(lambda a: a + np.float32(0.1) * _normal(*a.shape), _drawn(op.params(16, 16, 16)))
    x = _normal(2, 6, 6, 16) * (np.arange(16) < 8)

    def both(p, x, width):
        return op.apply(p, x, width, width), op.apply(lead(p, op.params(8, 8, 8)), x[..., :8], 8, 8)

    masked, sliced = jax.jit(both, compiler_options={"xla_backend_optimization_level": 0})(p, x, np.int32(8))
    np.testing.assert_allclose(masked[..., :8], sliced, atol=2e-5)
    assert not np.asarray(masked[..., 8:]).any()


@pytest.mark.parametrize("name", ["rep", "ecb"])
def test_folding_a_reparameterised_block_keeps_the_function(name):
    """The merged 3x3 kernels compute what the branches computed."""
    op = CANDIDATES[name]
    p, x = _drawn(op.params(8, 8, 8)), _normal(1, 6, 6, 8)
    assert set(op.fold(p)["a"]) == {"w", "b"}
    folded, branched = jax.jit(lambda p, x: (op.apply(op.fold(p), x, 8, 8), op.apply(p, x, 8, 8)))(p, x)
    np.testing.assert_allclose(folded, branched, atol=1e-5)


def test_pixel_shuffle_by_hand():
    """Channel r*f + c of a pixel goes to row r, column c of its tile."""
    x = jnp.arange(8.0).reshape(1, 1, 2, 4)
    np.testing.assert_array_equal(pixel_shuffle(x, 2)[0, :, :, 0], [[0, 1, 4, 5], [2, 3, 6, 7]])


def test_instance_norm_has_zero_mean_and_unit_variance():
    """Per image and channel, whatever the offset."""
    x = 5 + 3 * jax.random.normal(KEY, (2, 8, 8, 4))
    y = instance_norm(draw(KEY, instance_norm_params(4)), x, 4)
    np.testing.assert_allclose(y.mean((1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(y.var((1, 2)), 1, atol=1e-4)


def test_initial_values_do_not_depend_on_other_parameters():
    """Parameters are drawn by name: adding one shifts nobody else's numbers; jit changes nothing."""
    small, large = conv_params(3, 4, 4), {"other": conv_params(1, 4, 4), **conv_params(3, 4, 4)}
    np.testing.assert_array_equal(draw(KEY, small)["w"], draw(KEY, large)["w"])
    np.testing.assert_allclose(jax.jit(lambda k: draw(k, small))(KEY)["w"], draw(KEY, small)["w"], rtol=1e-6)


def test_unknown_formulation_is_named():
    """The error lists what is allowed."""
    with pytest.raises(ValueError, match="auto, native, cpu"), formulation("fast"):
        pass


@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize(
    ("kernel", "channels", "out"), [(3, 3, 5), (4, 1, 3), (7, 5, 12), (5, 9, 2), (7, 12, 3), (4, 9, 3)]
)
def test_few_channels_are_treated_apart(kernel, channels, out, dilation, monkeypatch):
    """A kernel's columns as channels of the image, or of the result: values and gradients are one primitive's."""
    monkeypatch.setattr("nasjax.ops.dense._PIXELS", 1)
    monkeypatch.setattr("nasjax.ops.dense._WIDE", 4)
    x, p = _normal(2, 9, 10, channels), _drawn(conv_params(kernel, channels, out))

    def run(how):
        def loss(p, x):
            y = conv(p, x, out, dilation=dilation)
            return (y**3).sum(), y

        with formulation(how):
            return jax.jit(jax.value_and_grad(loss, (0, 1), has_aux=True))(p, x)

    for a, b in zip(jax.tree.leaves(run("cpu")), jax.tree.leaves(run("native")), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)
