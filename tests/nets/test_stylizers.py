"""The cascade and the wavelet network: sizes, what changes nothing, and degenerate styles."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.nets.autoencoder import autoencoder, reconstruct
from nasjax.nets.cascade import Smoothing, cascade, cascade_stage
from nasjax.nets.wct2 import wct2
from nasjax.ops.guided import guided_filter
from nasjax.ops.params import draw

KEY = jax.random.key(0)
WIDTHS, CONVS = (4, 6), (2, 1)
CONTENT, STYLE = (jax.random.uniform(key, (1, 8, 12, 3), minval=-1) for key in jax.random.split(KEY))
STYLIZERS = {
    "cascade": cascade(WIDTHS, CONVS, levels=(2, 1), smoothing=None),
    "wct2": wct2(WIDTHS, CONVS),
    "wct2-skips": wct2(WIDTHS, CONVS, skips=True),
}
NAMES = sorted(STYLIZERS)


@cache
def _params(name):
    return draw(KEY, STYLIZERS[name].params())


@cache
def _jitted(name):
    return jax.jit(STYLIZERS[name].apply)


def _run(name, content, style, alpha=1.0):
    return np.asarray(_jitted(name)(_params(name), content, style, jnp.float32(alpha)))


def _plain(name):
    """What the networks make of the content without any transfer."""
    p, y = _params(name), CONTENT
    if name != "cascade":
        return reconstruct(autoencoder(WIDTHS, CONVS, "haar"), p, y).clip(-1, 1)
    for level in (2, 1):
        stage = cascade_stage(WIDTHS, CONVS, level=level)
        y = reconstruct(stage, {"encoder": p["encoder"], "decoder": p[f"decoder{level}"]}, y)
    return y.clip(-1, 1)


@pytest.mark.parametrize("name", NAMES)
def test_the_style_matters_and_the_size_is_kept(name):
    """In [-1, 1], another picture than without a style."""
    y = _run(name, CONTENT, STYLE)
    assert y.shape == CONTENT.shape and np.abs(y).max() <= 1
    assert np.abs(y - _run(name, CONTENT, STYLE, 0.0)).max() > 1e-2


@pytest.mark.parametrize("name", NAMES)
def test_without_alpha_nothing_is_transferred(name):
    """What is left is the plain reconstruction."""
    np.testing.assert_allclose(_run(name, CONTENT, STYLE, 0.0), _plain(name), atol=1e-5)


@pytest.mark.parametrize("name", ["wct2", "wct2-skips"])
def test_the_own_style_changes_nothing(name):
    """In one pass all features have the style's statistics already (a cascade reconstructs in between)."""
    np.testing.assert_allclose(_run(name, CONTENT, CONTENT), _plain(name), atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_flat_pictures_stay_finite(name):
    """A style of one colour, and a content of one colour."""
    flat = jnp.full(CONTENT.shape, 0.3, jnp.float32)
    assert np.isfinite(_run(name, CONTENT, flat)).all() and np.isfinite(_run(name, flat, STYLE)).all()


def test_odd_sizes_and_no_batch():
    """Leading axes are free, and no size needs to fit another."""
    y = _run("wct2", CONTENT[0, :7, :9], STYLE[0, :1, :5])
    assert y.shape == (7, 9, 3) and np.isfinite(y).all()


def test_the_cascade_is_smoothed_by_its_content():
    """The last step is the guided filter."""
    smoothing = Smoothing(radius=2, epsilon=1e-2)
    smooth = cascade(WIDTHS, CONVS, levels=(1,), smoothing=smoothing)
    rough = cascade(WIDTHS, CONVS, levels=(1,), smoothing=None)
    params = draw(KEY, smooth.params())
    # A decoder of small outputs: nothing is clipped, so that the two differ by the filter alone.
    params["decoder1"]["conv1_1"]["w"] *= 0.1
    y = jax.jit(rough.apply)(params, CONTENT, STYLE)
    assert np.abs(y).max() < 1
    wanted = guided_filter(CONTENT, y, radius=2, epsilon=1e-2)
    np.testing.assert_allclose(jax.jit(smooth.apply)(params, CONTENT, STYLE), wanted, atol=1e-5)


def test_params_are_named_after_their_levels():
    """A decoder each level for the cascade, one for the wavelets; a level that is not there is refused."""
    assert list(STYLIZERS["cascade"].params()) == ["encoder", "decoder2", "decoder1"]
    assert list(STYLIZERS["wct2"].params()) == ["encoder", "decoder"]
    with pytest.raises(ValueError, match="level 3 of an encoder of 2 levels; allowed: 1 to 2"):
        cascade(WIDTHS, CONVS, levels=(3, 1))
