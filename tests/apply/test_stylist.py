"""Stylising: tiles equal the whole, regions take their own statistics, and nothing transferred changes nothing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.apply.stylist import Stylist
from nasjax.apply.tiles import tiles_of
from nasjax.export.stylist import StyleNetwork, load_style_network, write_style_network
from nasjax.spaces.photonet import photonet

ARGUMENTS = {"widths": [4, 6, 8], "convs": [2, 1, 1], "ops": ["conv"]}


@pytest.fixture(scope="module")
def network():
    net = photonet(**ARGUMENTS)
    # A transfer of each kind (bottleneck, skip, decoder) and a norm: every point more is a program more to compile.
    on = {"bn.wct": "on", "d2.skip": "on", "d2.cat": "on", "d2.in": "norm", "d1.wct": "on"}
    arch = net.space.encode({c.name: c.options[0] for c in net.space.choices} | on)
    params = net.extract_params(net.init(jax.random.key(0)), arch)
    return StyleNetwork(net, tuple(arch.tolist()), params, {})


def _image(height, width, seed):
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(-0.8, 0.8, (height // 10 + 2, width // 10 + 2, 3)).repeat(10, 0).repeat(10, 1)
    return jnp.asarray(coarse[:height, :width] + rng.normal(0, 0.05, (height, width, 3)), jnp.float32)


def test_tiles_cover_every_pixel_once_and_keep_their_margin():
    """Cores partition the image; each window holds its core with the margin, or the image's border."""
    for size, window in (((150, 333), 144), ((144, 145), 144), ((40, 700), 144), ((7, 9), 144), ((600, 1300), 512)):
        seen = np.zeros(size, int)
        for tile in tiles_of(size, window=window, margin=36, step=4):
            top, left, bottom, right = tile.core
            seen[top:bottom, left:right] += 1
            assert tile.top % 4 == tile.left % 4 == tile.height % 4 == tile.width % 4 == 0
            assert tile.top == 0 or top - tile.top >= 36
            assert bottom == size[0] or tile.top + tile.height - bottom >= 36
            assert right == size[1] or tile.left + tile.width - right >= 36
            assert tile.top + tile.height >= bottom and tile.left + tile.width >= right
        assert (seen == 1).all()
    # No larger than their number asks for.
    assert {(t.height, t.width) for t in tiles_of((600, 1100), window=512, margin=36, step=4)} == {(384, 448)}


@pytest.fixture(scope="module")
def whole(network):
    return Stylist(network, method="eigh", tile=1024)


def test_tiled_equals_whole(network, whole):
    """An image in six tiles is stylised like the image as a whole: no seams."""
    content, style = _image(150, 210, 0), _image(150, 210, 1)
    tiled = Stylist(network, method="eigh", tile=144)
    expected = whole(content, whole.style(style))
    got = tiled(content, tiled.style(style))
    assert float(jnp.abs(expected - got).max()) < 2e-3 * float(jnp.abs(expected).max())
    assert float(jnp.std(expected)) > 0.01


def test_alpha_blends_from_the_reconstruction(whole):
    """alpha 0 is the auto-encoder's output whatever the style; in between lies in between."""
    content = _image(40, 52, 2)
    styles = [whole.style(_image(40, 52, seed)) for seed in (3, 4)]
    outs = [np.asarray(whole(content, s, alpha=0.0)) for s in styles]
    assert np.allclose(outs[0], outs[1], atol=1e-5)
    full = np.asarray(whole(content, styles[0], alpha=1.0))
    assert np.abs(full - outs[0]).max() > 1e-2


def test_equal_regions_are_one_region(whole):
    """Soft regions that each cover everything equally give what one region gives."""
    content, style = _image(40, 52, 5), _image(40, 52, 6)
    half = jnp.full((40, 52, 2), 0.5)
    expected = whole(content, whole.style(style))
    got = whole(content, whole.style(style, half), weights=half)
    assert np.allclose(got, expected, atol=2e-3)


def test_a_region_of_one_pixel_works_and_an_absent_one_stays(whole):
    """Statistics of a single style pixel are finite; where the style has no such region the content stays itself."""
    content, style = _image(40, 52, 7), _image(40, 52, 8)
    left = (jnp.arange(52) < 26).astype(jnp.float32)[None, :, None] * jnp.ones((40, 1, 1))
    regions = jnp.concatenate([left, 1 - left], -1)
    single = jnp.zeros((40, 52, 2)).at[..., 0].set(1.0).at[3, 4].set(jnp.array([0.0, 1.0]))
    assert np.isfinite(whole(content, whole.style(style, single), weights=regions)).all()
    absent = jnp.zeros((40, 52, 2)).at[..., 0].set(1.0)
    kept = whole(content, whole.style(style, absent), weights=regions)
    plain = whole(content, whole.style(style, absent), weights=regions, alpha=0.0)
    assert np.isfinite(kept).all()
    assert not np.allclose(kept[:, :20], plain[:, :20], atol=1e-3)


def test_numbers_of_regions_must_match(whole):
    """A content with two regions and a style with one: the error names both."""
    style = whole.style(_image(40, 52, 9))
    with pytest.raises(ValueError, match="2 regions, the style 1"):
        whole(_image(40, 52, 9), style, weights=jnp.full((40, 52, 2), 0.5))


def test_a_network_comes_back_from_its_folder(network, tmp_path):
    """Written and loaded, a network computes the same, but for weights rounded to float16; damage is noticed."""
    arch, card = np.array(network.arch), {"name": "t"}
    write_style_network(tmp_path / "n", ARGUMENTS, arch=arch, params=network.params, card=card)
    again = load_style_network(tmp_path / "n")
    assert again.arch == network.arch and again.card["name"] == "t"
    leaves = zip(jax.tree.leaves(again.params), jax.tree.leaves(network.params), strict=True)
    assert all(np.allclose(a, b, atol=1e-3) for a, b in leaves)
    (tmp_path / "n" / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(ValueError, match="model.safetensors"):
        load_style_network(tmp_path / "n")
