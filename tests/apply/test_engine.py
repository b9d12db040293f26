"""A bundle on pictures of any size: windows give what the whole gives, in few programs, or the reason why not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.apply import engine
from nasjax.apply.images import enlarge_into, upscale
from nasjax.export.bundle import Bundle, load_bundle, write_bundle
from nasjax.export.card import Card
from tests.export.networks import NETWORKS, sr_cell


@pytest.fixture(autouse=True)
def small_windows(monkeypatch):
    """So that small pictures have several."""
    monkeypatch.setattr(engine, "SIDES", (32, 64))
    engine._studies.clear()


def _picture(height, width, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (height, width, 3)).astype(np.float32)


_NETWORKS = {
    "windows": lambda: sr_cell(4, {"b1": "res", "b1.w": "8", "b2": "sep3", "b2.edge": "long"}),
    "attention": lambda: sr_cell(
        3, {"trunk": "8", "att": "ca", "tail": "sep", "image": "nearest", "b1": "sep5", "b2": "sep7", "b2.edge": "long"}
    ),
    "any size": NETWORKS["resnet group+incep"],
}


@pytest.fixture(scope="module", params=_NETWORKS)
def folder(request, tmp_path_factory):
    """A bundle with its ONNX: one of windows, one whose channel attention takes the mean of the whole picture, and a
    generator that takes any size, and fills it up to multiples itself.
    """
    folder = tmp_path_factory.mktemp("bundle") / "b"
    write_bundle(folder, _NETWORKS[request.param](), card=Card("t"), formats=("onnx",))
    return folder


@pytest.mark.parametrize("runtime", ["jax", "onnx"])
def test_a_bundle_in_windows_is_the_bundle(folder, runtime):
    """By either runtime, floats to 1e-5 of the range and levels the same."""
    bundle, pixels = load_bundle(folder, runtime=runtime), _picture(70, 101)
    need = engine.memory_needed(bundle, (70, 101))
    assert need.windows > 1 and not need.whole
    whole = np.asarray(bundle.apply(jnp.asarray(pixels[None])))[0]
    assert np.abs(upscale(bundle, pixels) - whole).max() <= 2e-5
    levels = np.zeros(whole.shape, np.uint16)
    enlarge_into(levels, bundle, pixels)
    assert np.abs(levels - (whole.clip(-1, 1) + 1) * 32767.5).max() <= 1


@pytest.mark.parametrize("runtime", ["jax", "onnx"])
def test_where_a_picture_that_wraps_is_cut_open_does_not_matter(folder, runtime):
    """Turned, it gives the output turned: beside each border is the other one, and statistics count each column once.

    It is the middle of three copies, but for what the outer borders of these do to their mean.
    """
    bundle, pixels = load_bundle(folder, runtime=runtime), _picture(70, 52)
    found, turned = (upscale(bundle, x, wrap=True) for x in (pixels, np.roll(pixels, 20, 1)))
    scale = len(found) // len(pixels)
    assert np.abs(np.roll(found, 20 * scale, 1) - turned).max() <= 2e-5
    three = np.asarray(bundle.apply(jnp.asarray(np.tile(pixels[None], (1, 1, 3, 1)))))[0]
    off = np.abs(found - three[:, 52 * scale : 2 * 52 * scale]).max()
    assert off <= (1e-3 if bundle.card["tiling"]["statistics"] else 2e-5)
    # What is seen beyond a border shows: otherwise the last pixel is seen again.
    assert np.abs(upscale(bundle, pixels) - found).max() > 2e-3


def _shaded(params, x):
    """Darker from left to right, by counting columns."""
    return x - jnp.arange(x.shape[2], dtype=jnp.float32).reshape(1, 1, -1, 1) / 100


@pytest.mark.parametrize("forward", [_shaded, lambda params, x: jnp.flip(x, 1) + jnp.cumsum(x, 2) / 100])
def test_what_cannot_be_shown_the_other_side_is_turned(forward):
    """A network that counts columns, or sees all of the picture: both borders come from where they meet."""
    bundle = Bundle(jax.jit(lambda x: forward({}, x)), _CARD, "none", {}, forward)
    pixels = np.full((40, 100, 3), 0.5, np.float32)
    plain, found = upscale(bundle, pixels), upscale(bundle, pixels, wrap=True)
    assert np.abs(plain[:, 0] - plain[:, -1]).min() > 0.4
    assert np.abs(found[:, 0] - found[:, -1]).max() <= 0.02
    np.testing.assert_allclose(found[:, 40:60], plain[:, 40:60], atol=1e-6)


_CARD = {"scale": 1, "size_multiple": 1, "min_size": 1}


def test_many_sizes_take_few_programs():
    """Sixty pictures of as many sizes: what is compiled is a program for each shape of window."""
    bundle = Bundle(lambda x: x, {"scale": 2, "size_multiple": 1, "min_size": 1}, "none", {}, _blurred_twice)
    compiled = []
    # Listeners stay for the life of the process; this one has nothing to say after the test.
    jax.monitoring.register_event_duration_secs_listener(lambda name, took, **more: compiled.append(name))
    for height, width in np.random.default_rng(0).integers(1, 200, (60, 2)).tolist():
        assert upscale(bundle, _picture(height, width)).shape == (2 * height, 2 * width, 3)
    compiled = [name for name in compiled if name.endswith("backend_compile_duration")]
    # Two sides for small pictures and the tile, by rows and by columns.
    assert engine._way(bundle).passes.windowed.programs <= 9
    assert len(compiled) <= 9


def _blurred_twice(params, x):
    h = jnp.repeat(jnp.repeat(x, 2, 1), 2, 2)
    padded = jnp.pad(h, ((0, 0), (2, 2), (2, 2), (0, 0)))
    return sum(padded[:, i : i + h.shape[1], j : j + h.shape[2]] for i, j in ((0, 0), (2, 2), (4, 4))) / 3


def _turned(params, x):
    """Sees all of the picture."""
    return jnp.flip(x, 1)


def test_what_must_be_seen_as_a_whole_is_refused_before_work(monkeypatch):
    """By what it needs, what there is, and which operation is the reason; where there is memory it runs."""
    ran = []
    card = {"scale": 1, "size_multiple": 1, "min_size": 1}
    bundle = Bundle(lambda x: ran.append(x) or _turned({}, x), card, "none", {}, _turned)
    np.testing.assert_array_equal(upscale(bundle, _picture(70, 100)), _picture(70, 100)[::-1])
    monkeypatch.setattr("nasjax.apply.memory.free_memory", lambda: 1000)
    with pytest.raises(ValueError, match=r"100x70 pixels needs about 0.0 GB at once, 0.0 GB are free.*rev of"):
        upscale(bundle, _picture(70, 100))
    assert len(ran) == 1


def test_a_graph_that_does_not_say_how_far_it_sees_is_run_as_a_whole():
    """A card of an earlier version: nothing is known, nothing is refused."""
    shapes = []
    card = {"scale": 1, "size_multiple": 1, "min_size": 1}
    bundle = Bundle(lambda x: shapes.append(x.shape) or x, card, "none", {})
    upscale(bundle, _picture(70, 100))
    assert shapes == [(1, 70, 100, 3)] and engine.memory_needed(bundle, (70, 100)).bytes is None


def test_wide_networks_get_smaller_windows():
    """What a window takes is bounded; where the margin asks for more, it is what the margin asks for."""
    engine.SIDES = (64, 128, 256, 384, 512)
    assert engine._sides(500, 10, 1)[-1] == 512
    assert engine._sides(2400, 10, 1)[-1] == 384
    assert engine._sides(2400, 150, 4)[-1] == 452
