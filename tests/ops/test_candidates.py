"""Candidate blocks against the formulas of their papers, written out another way."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erf

from nasjax.ops.attentive import contrast_attention, gelu, large_kernel, local_maxima, modulated, self_modulation
from nasjax.ops.conv import conv, depthwise
from nasjax.ops.distilling import blueprint, blueprint_distillation, enhanced_attention, residual_distillation
from nasjax.ops.edges import FILTERS, edge_oriented, merge_edges
from nasjax.ops.norm import pixel_norm, unit_pixels
from nasjax.ops.params import draw
from nasjax.ops.partial import partial, partial_params

KEY = jax.random.key(0)


def _drawn(specs):
    """Params with biases and scales far from where they start."""
    rng = np.random.default_rng(1)
    return jax.tree.map(
        lambda a: np.asarray(a) + np.float32(0.3) * rng.standard_normal(a.shape, np.float32),
        jax.jit(lambda key: draw(key, specs))(KEY),
    )


def _normal(*shape):
    return np.random.default_rng(1).standard_normal(shape, np.float32)


def _run(fn, p, x, *widths):
    """A function of params and an image, from numpy to numpy, as one program."""
    return np.asarray(jax.jit(lambda p, x: fn(p, x, *widths))(p, x))


def _dilated(x, w, dilation):
    """A depthwise convolution, tap by tap, over zeros around the image."""
    reach = dilation * (w.shape[0] // 2)
    padded = np.pad(x, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
    height, width = x.shape[1:3]
    taps = [(i, j) for i in range(w.shape[0]) for j in range(w.shape[1])]
    return sum(
        padded[:, dilation * i : dilation * i + height, dilation * j : dilation * j + width] * w[i, j, 0]
        for i, j in taps
    )


def _gelu(x):
    return x * 0.5 * (1 + erf(x / 2**0.5))


def test_large_kernel_attention_is_its_formula():
    """VapSR, figure 3 (b): 1x1, GELU, times depthwise 5x5 dilated 3 of depthwise 5x5 of 1x1, 1x1; residual; norm."""
    p, x = _drawn(large_kernel().params(4, 4, 6)), _normal(1, 20, 21, 4)
    h = _gelu(x @ p["a"]["w"][0, 0] + p["a"]["b"])
    pointwise = np.asarray(h @ p["p"]["w"][0, 0] + p["p"]["b"])
    context = _dilated(_dilated(pointwise, p["d"]["w"], 1), p["e"]["w"], 3) + p["e"]["b"]
    y = x + (h * context) @ p["z"]["w"][0, 0] + p["z"]["b"]
    y = (y - y.mean(-1, keepdims=True)) / np.sqrt(y.var(-1, keepdims=True) + 1e-5)
    expected = y * p["norm"]["scale"] + p["norm"]["bias"]
    np.testing.assert_allclose(_run(large_kernel().apply, p, x, 4, 6), expected, atol=2e-4)


def test_large_kernel_attention_reaches_seventeen_pixels():
    """A pixel sees others up to eight away, and none farther."""
    op, x = large_kernel(), _normal(1, 1, 24, 4)
    p = _drawn(op.params(4, 4, 4))
    other = x.copy()
    other[0, 0, 0] += 1
    moved = np.abs(_run(op.apply, p, other, 4, 4) - _run(op.apply, p, x, 4, 4)).max((0, 1, 3))
    assert moved[8] > 1e-5 and not moved[9:].any()


@pytest.mark.parametrize(("window", "dilation", "before", "behind"), [(8, 1, 3, 4), (7, 2, 6, 6)])
def test_local_maxima_are_those_of_windows(window, dilation, before, behind):
    """Of as many pixels before as behind, and one more behind if need be, as far as the image goes."""
    x = np.random.default_rng(2).normal(size=(1, 9, 11, 2)).astype(np.float32)
    found = np.asarray(jax.jit(functools.partial(local_maxima, window=window, dilation=dilation))(x))
    for place in ((0, 0), (4, 5), (8, 10), (2, 9)):
        seen = [[n for n in range(at - before, at + behind + 1, dilation) if n >= 0] for at in place]
        rows, columns = ([n for n in ns if n < size] for ns, size in zip(seen, (9, 11), strict=True))
        np.testing.assert_array_equal(found[0][place], x[0][np.ix_(rows, columns)].max((0, 1)))


def test_self_modulation_is_its_formula():
    """SMFANet, equations 2 to 5: x * GELU(1x1(alpha * depthwise(maxima) + beta * variance)), maxima 8 pixels apart."""
    p, x = _drawn(self_modulation().params(4, 4, 4)), _normal(1, 10, 21, 4)
    structure = _dilated(np.asarray(jax.jit(functools.partial(local_maxima, window=8))(x)), p["d"]["w"], 8)
    mixed = p["alpha"] * structure + p["beta"] * x.var((1, 2), keepdims=True)
    expected = x * _gelu(mixed @ p["m"]["w"][0, 0] + p["m"]["b"])
    np.testing.assert_allclose(_run(modulated, p, x, 4), expected, atol=1e-4)


def test_self_modulation_gives_what_blocks_give():
    """The authors' grid of 8x8 blocks: at the pixel 3 from a block's first, the block's own value."""
    p, x = _drawn(self_modulation().params(4, 4, 4)), _normal(1, 24, 32, 4)
    blocks = x.reshape(1, 3, 8, 4, 8, 4).max((2, 4))
    mixed = p["alpha"] * _dilated(blocks, p["d"]["w"], 1) + p["beta"] * x.var((1, 2), keepdims=True)
    expected = x[:, 3::8, 3::8] * _gelu(mixed @ p["m"]["w"][0, 0] + p["m"]["b"])
    np.testing.assert_allclose(_run(modulated, p, x, 4)[:, 3::8, 3::8], expected, atol=1e-4)


def test_self_modulation_reaches_three_blocks():
    """A pixel sees from 11 before to 12 behind it, and none farther but by the variance of all."""
    p, x = _drawn(self_modulation().params(4, 4, 4)), _normal(1, 1, 50, 4)
    p |= {"beta": np.zeros_like(p["beta"])}
    other = x.copy()
    other[0, 0, 25] += 9
    moved = np.abs(_run(modulated, p, other, 4) - _run(modulated, p, x, 4)).max((0, 1, 3))
    assert np.flatnonzero(moved > 1e-5)[[0, -1]].tolist() == [25 - 12, 25 + 11]
    assert not moved[:13].any() and not moved[37:].any()


def test_self_modulation_is_twice_as_wide_inside():
    """The authors' growth rate: detail and mixer, of whose quarter a partial convolution is."""
    p = self_modulation().params(16, 16, 8)
    assert {n: p[n]["w"].shape[-1] for n in ("l1", "l2", "u1", "u2", "f", "h")} == {
        **dict.fromkeys(("l1", "l2"), 8),
        **dict.fromkeys(("u1", "u2", "f"), 16),
        "h": 16,
    }
    assert p["g"]["w"].shape == (3, 3, 4, 4)


def test_pixels_are_normalised_over_the_channels_there_are():
    """Masked channels count neither in the mean nor in the variance; unit pixels have norm one, or are zero."""
    x = _normal(2, 3, 3, 6) * (np.arange(6) < 4)
    x[0, 0, 0] = 0
    p = {"scale": np.ones(6), "bias": np.zeros(6)}
    y = _run(pixel_norm, p, x, jnp.int32(4))
    np.testing.assert_allclose(y[..., :4].mean(-1), 0, atol=1e-5)
    np.testing.assert_allclose(y[1, ..., :4].var(-1), 1, atol=1e-3)
    assert not np.asarray(y[..., 4:]).any()
    unit = unit_pixels(jnp.asarray(x))
    norms = np.linalg.norm(unit, axis=-1)
    assert norms[0, 0, 0] == 0 and np.allclose(norms.ravel()[1:], 1, atol=1e-5)


def test_blueprint_convolution_is_one_blueprint_scaled_for_each_input():
    """Its dense kernel is the product of the 1x1 and the depthwise kernel (arXiv 2003.13549, equation 3)."""
    p = {"p": {"w": _normal(1, 1, 5, 4)}, "d": {"w": _normal(3, 3, 1, 4), "b": _normal(4)}}
    x = _normal(1, 6, 6, 5)
    dense = {"w": p["d"]["w"] * p["p"]["w"][0, 0][None, None], "b": p["d"]["b"]}
    np.testing.assert_allclose(_run(blueprint, p, x, 4), _run(conv, dense, x, 4), atol=1e-4)


def test_partial_convolution_leaves_three_quarters():
    """The first quarter is convolved, the others are what they were."""
    p, x = _drawn(partial_params(3, 8)), _normal(1, 5, 5, 8)
    y = _run(partial, p, x, 8)
    np.testing.assert_allclose(y[..., :2], _run(conv, p, x[..., :2], 2), atol=1e-6)
    np.testing.assert_array_equal(y[..., 2:], x[..., 2:])


@pytest.mark.parametrize(("op", "dense"), [(residual_distillation(), True), (blueprint_distillation(), False)])
def test_distilled_features_are_fused_as_if_concatenated(op, dense):
    """RFDN, figure 2 (c), and BSRN, figure 2 (b): three times half is set aside, and one 1x1 fuses them with the last.

    Attentions are made to halve (their gates are sigmoids of zero), so that the fusion can be read off.
    """
    p = _drawn(op.params(4, 4, 6))
    gates = 1 if dense else 2
    for name in ("attend", "contrast"):
        p |= {name: jax.tree.map(np.zeros_like, p[name])} if name in p else {}

    def act(h):
        return np.maximum(h, 0.05 * h) if dense else _gelu(h)

    def step(q, h, out):
        return _run(conv, q, h, out) if dense else _run(depthwise, q["d"], h @ q["p"]["w"][0, 0], out)

    x = h = _normal(1, 6, 6, 4)
    aside = []
    for n in ("1", "2", "3"):
        aside.append(act(h @ p[f"d{n}"]["w"][0, 0] + p[f"d{n}"]["b"]))
        h = act(step(p[f"r{n}"], h, 6) + (0 if n == "1" else h))
    aside.append(act(step(p["r4"], h, 3)))
    fusion = np.concatenate([p[f"z{n}"]["w"][0, 0] for n in "1234"])
    expected = x + 0.5**gates * (np.concatenate(aside, -1) @ fusion + p["z4"]["b"])
    np.testing.assert_allclose(_run(op.apply, p, x, 4, 6), expected, atol=1e-4)


def _strided(x, w, stride):
    """A convolution with zeros around whose outputs lie at multiples of the stride."""
    pads, numbers = ((1, 1), (1, 1)), ("NHWC", "HWIO", "NHWC")
    return np.asarray(jax.lax.conv_general_dilated(x, w, (stride,) * 2, pads, dimension_numbers=numbers))


_ATTENTIONS = [(residual_distillation(), conv, jax.nn.relu), (blueprint_distillation(), blueprint, gelu)]


@pytest.mark.parametrize(("op", "conv_fn", "activate_fn"), _ATTENTIONS)
def test_enhanced_attention_is_the_original_at_the_points_of_its_grid(op, conv_fn, activate_fn):
    """ESA with its strides: every sixth pixel has the gate that is computed there before it is enlarged, borders too.

    At them the other branch, at full resolution, is added as it is.
    """
    p, x = _drawn(op.params(8, 8, 8))["attend"], _normal(1, 43, 56, 8)
    kernels = {n: q["w"] if "w" in q else q["d"]["w"] * q["p"]["w"][0, 0][None, None] for n, q in p.items()}
    bias = {n: q["b"] if "b" in q else q["d"]["b"] for n, q in p.items()}
    reduced = x @ kernels["a"][0, 0] + bias["a"]
    h = _strided(reduced, kernels["s"], 2) + bias["s"]
    around = ((0, 0), (3, 3), (3, 3), (0, 0))
    h = np.asarray(jax.lax.reduce_window(h, -jnp.inf, jax.lax.max, (1, 7, 7, 1), (1, 3, 3, 1), around))
    for n in ("m1", "m2"):
        h = np.asarray(activate_fn(jnp.asarray(_strided(h, kernels[n], 1) + bias[n])))
    h = _strided(h, kernels["m3"], 1) + bias["m3"] + (reduced @ kernels["f"][0, 0] + bias["f"])[:, ::6, ::6]
    expected = x[:, ::6, ::6] / (1 + np.exp(-(h @ kernels["z"][0, 0] + bias["z"])))
    attend = functools.partial(enhanced_attention, conv_fn=conv_fn, activate_fn=activate_fn)
    np.testing.assert_allclose(_run(attend, p, x, 8)[:, ::6, ::6], expected, atol=1e-4)


@pytest.mark.parametrize(("op", "conv_fn"), [attention[:2] for attention in _ATTENTIONS])
def test_enhanced_attention_reaches_25_pixels(op, conv_fn):
    """A 3x3, seven maxima 2 apart, three 3x3 of pixels 6 apart: 1 + 6 + 18, and none farther."""
    p, x = _drawn(op.params(8, 8, 8))["attend"], _normal(1, 1, 60, 8)
    other = x.copy()
    other[0, 0, 0] += 9
    attend = functools.partial(enhanced_attention, conv_fn=conv_fn, activate_fn=lambda h: h)
    moved = np.abs(_run(attend, p, other, 8) - _run(attend, p, x, 8)).max((0, 1, 3))
    assert moved[25] > 1e-5 and not moved[26:].any()


def test_contrast_attention_sees_contrast():
    """IMDN, equation 5: channels of equal means and different deviations get different gates."""
    op = contrast_attention(1)
    p = {"a": {"w": jnp.array([0.0, 1.0]).reshape(1, 1, 2, 1), "b": jnp.zeros(1)}}
    p |= {"z": {"w": jnp.ones((1, 1, 1, 2)), "b": jnp.zeros(2)}}
    wave = jnp.stack([jnp.ones((4, 4)), 2 + 3 * jnp.sign(jnp.arange(4.0) - 1.5)[None].repeat(4, 0)], -1)[None]
    gate = jax.nn.sigmoid(2.0 + 3.0)
    np.testing.assert_allclose(op.apply(p, wave, 2, 2), wave * gate, rtol=1e-5)


def test_edge_oriented_branches_merge_into_one_kernel():
    """ECBSR, equations 1 to 6: 3x3, 1x1-3x3, and a 1x1 before each scaled Sobel and Laplacian filter, summed."""
    p, x = _drawn(edge_oriented().params(4, 4, 6))["a"], _normal(1, 7, 7, 4)
    expected = _run(conv, {"w": p["w"], "b": p["b"]}, x, 6).copy()
    expected += _run(conv, {"w": p["mid"]}, x @ p["expand"], 6)
    for name, filter_ in FILTERS.items():
        mask = filter_[:, :, None, None] * p[name]["scale"]
        expected += _run(depthwise, {"w": mask}, x @ p[name]["w"])
    np.testing.assert_allclose(_run(lambda p, x: conv(merge_edges(p), x, 6), p, x), expected, atol=1e-4)
