"""Filters on pictures of any size: strips are the whole picture, and strength and wrapping do what they say."""

import shutil
import tracemalloc

import jax
import numpy as np
import pytest
from PIL import Image

import nasjax
from nasjax.apply import engine, filtering, memory
from nasjax.apply.around import wrapped
from nasjax.apply.engine import memory_needed
from nasjax.apply.filter_files import filter_change
from nasjax.export.bundle import load_bundle, write_bundle
from nasjax.export.card import Card
from nasjax.export.network import BUILDERS
from nasjax.export.weights import write_weights
from tests.contracts.members import FILTER
from tests.export.networks import make, photo_filter, sr_cell, toy

POINTWISE = {"colour": "mix3x2", "grid": "a8x2", "grid.guide": "mlp"}
NEIGHBOURS = {"colour": "low3", "bands": "2", "restore": "half1conv"}
QUARTERS = {"grid": "none", "restore": "quarter1sep"}


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    """A filter that reads no neighbours, and two that do; random weights."""
    folder = tmp_path_factory.mktemp("filters")
    for name, options in (("pointwise", POINTWISE), ("neighbours", NEIGHBOURS), ("quarters", QUARTERS)):
        network = photo_filter(options)
        network = network._replace(params=jax.tree.map(lambda p: 0.3 * p, network.params))
        write_bundle(folder / name, network, card=Card(name), formats=())
    return folder


def _photo(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.mark.parametrize("size", [(150, 70), (33, 200)])
def test_strips_without_neighbours_are_the_whole_picture_to_the_bit(bundles, size, monkeypatch):
    """Filled up, cut into strips and put together again, every float is that of one strip over all of it."""
    found = filtering.load_filter(bundles / "pointwise")
    x = _photo(*size).astype(np.float32) / 127.5 - 1
    whole = found.change(x, 1.0)
    monkeypatch.setattr(filtering, "_PIXELS", 1 << 11)
    np.testing.assert_array_equal(filtering.load_filter(bundles / "pointwise").change(x, 1.0), whole)
    np.testing.assert_allclose(load_bundle(bundles / "pointwise").apply(x[None])[0], whole, atol=1e-5)
    assert np.abs(whole - x).max() > 0.05


@pytest.mark.parametrize("name", ["neighbours", "quarters"])
def test_windows_with_neighbours_see_as_far_as_the_network_does(bundles, name, monkeypatch):
    """Of a network with a restoring branch at half resolution and two bands, or one at a quarter, no seam is left."""
    monkeypatch.setattr(filtering, "_WINDOW", 1 << 13)
    x = _photo(151, 161).astype(np.float32) / 127.5 - 1
    y = filtering.load_filter(bundles / name).change(x, 1.0)
    np.testing.assert_allclose(y, load_bundle(bundles / name).apply(x[None])[0], atol=2e-5)
    assert np.abs(y - x).max() > 0.05


def test_small_sides_are_mirrored_the_same_everywhere(tmp_path):
    """With three bands sides fill up to multiples of 8: as a whole, in parts, and by the graph."""
    pytest.importorskip("onnxruntime")
    arguments = {**FILTER, "heads": {"colour": ["none"], "grid": ["none"], "bands": ["3"], "restore": ["none"]}}
    network = make(BUILDERS["photo_filter"](**arguments), {}, builder=("photo_filter", arguments))
    write_bundle(tmp_path / "bands", network, card=Card("bands"), formats=("onnx",))
    found, whole = filtering.load_filter(tmp_path / "bands"), load_bundle(tmp_path / "bands")
    graph = load_bundle(tmp_path / "bands", runtime="onnx")
    for side in range(1, 10):
        x = _photo(side, 10 - side).astype(np.float32) / 127.5 - 1
        wanted = np.asarray(whole.apply(x[None]))[0]
        np.testing.assert_allclose(found.change(x, 1.0), wanted, atol=1e-5)
        np.testing.assert_allclose(np.asarray(graph.apply(x[None]))[0], wanted, atol=1e-5)
        assert side in (1, 9) or np.abs(wanted - x).max() > 0.01


@pytest.mark.parametrize(("margin", "step"), [(28, 8), (12, 2), (5, 1)])
def test_windows_are_few_and_lie_inside(margin, step):
    """Over 900 sizes: every pixel belongs to one core, cores keep their margin, and there are few sizes of windows."""
    rng, found = np.random.default_rng(0), set()
    for height, width in rng.integers(600, 1500, (900, 2)).tolist():
        tiles, filled = (
            list(filtering._windows((height, width), margin, step)),
            [-(-n // step) * step for n in (height, width)],
        )
        rows = {(t.top, t.height, t.core[0], t.core[2]) for t in tiles}
        columns = {(t.left, t.width, t.core[1], t.core[3]) for t in tiles}
        for along, whole, full in zip((rows, columns), (height, width), filled, strict=True):
            assert [first for *_, first, _ in sorted(along)] == [0, *(last for *_, last in sorted(along)[:-1])]
            assert max(last for *_, last in along) == whole
            for start, size, first, last in along:
                assert start % step == 0 and start >= 0 and start + size <= full
                assert start == 0 or first - start >= margin
                assert start + size == full or start + size - last >= margin
        found |= {(t.height, t.width) for t in tiles}
        pixels = sum(t.height * t.width for t in tiles)
        assert pixels <= 1.65 * height * width
    assert len(found) <= 170


def test_strength_goes_from_nothing_to_all(bundles):
    """0 is the picture itself, 1 the network's output, a half lies in the middle."""
    found, x = filtering.load_filter(bundles / "pointwise"), _photo(40, 50).astype(np.float32) / 127.5 - 1
    none, half, full = (nasjax.filter_image(x, found, strength=s) for s in (0.0, 0.5, 1.0))
    np.testing.assert_array_equal(none, x)
    np.testing.assert_array_equal(full, found.change(x, 1.0))
    np.testing.assert_allclose(half, (x + full) / 2, atol=1e-6)
    with pytest.raises(ValueError, match="0 to 1"):
        nasjax.filter_image(x, found, strength=1.5)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ("photo.jpg", "expected an opened Pillow picture or an array, got 'photo.jpg'; open a file first"),
        (np.full((4, 4, 3), np.nan), r"filter_image: expected floats in .-1, 1., got NaN among them"),
        (np.full((4, 4, 3), 255.0), r"filter_image: expected floats in .-1, 1., got 255..255; levels 0..255"),
    ],
)
def test_what_is_no_picture_is_refused(bundles, image, message):
    """As `nasjax.upscale` does."""
    with pytest.raises(ValueError, match=message):
        nasjax.filter_image(image, bundles / "pointwise")


def test_images_come_back_as_what_they_are(bundles):
    """Pillow gives Pillow, uint8 uint8; both are the rounded floats."""
    pixels = _photo(30, 40)
    found = filtering.load_filter(bundles / "pointwise")
    floats = nasjax.filter_image(pixels.astype(np.float32) / 127.5 - 1, found)
    wanted = np.round((floats + 1) * 127.5).clip(0, 255).astype(np.uint8)
    np.testing.assert_array_equal(nasjax.filter_image(pixels, found), wanted)
    np.testing.assert_array_equal(np.asarray(nasjax.filter_image(Image.fromarray(pixels), found)), wanted)


def test_a_wrapped_picture_has_no_seam():
    """A change that depends on the place, and jumps from the right border to the left one, jumps no more."""
    height, width = 4, 64
    ramp = np.linspace(-1, 1, width, dtype=np.float32)[None, :, None]
    flat = np.zeros((height, width, 3), np.float32)
    plain = flat + ramp
    mixed = wrapped(lambda pixels: pixels + ramp, flat)
    steps = np.abs(np.diff(mixed, axis=1)).max()
    seam = np.abs(mixed[:, 0] - mixed[:, -1]).max()
    assert np.abs(plain[:, 0] - plain[:, -1]).max() == 2
    assert seam <= steps < 0.3
    np.testing.assert_array_equal(mixed[:, 24:40], plain[:, 24:40])


@pytest.fixture(scope="module")
def run(bundles):
    """A run with three snapshots: weights of the bundle times 0.5, 0 and 1."""
    folder, params = bundles / "run", load_bundle(bundles / "pointwise").params
    (folder / "checkpoints").mkdir(parents=True)
    shutil.copytree(bundles / "pointwise", folder / "export")
    (folder / "results.json").write_text('{"weights": "final/abc"}')
    for number, scale in ((2, 0.5), (10, 1.0), (9, 0.0)):
        weights = jax.tree.map(lambda p, s=scale: s * p, params)
        write_weights(weights, folder / "checkpoints" / f"final-abc-snapshot{number}.safetensors", {})
    return folder


@pytest.fixture(scope="module")
def foreign(bundles):
    """A bundle of another space than that of the filters, whose pictures stay as large."""
    write_bundle(bundles / "foreign", toy({}), card=Card("foreign"), formats=())
    return bundles / "foreign"


def test_snapshots_are_averaged(bundles, run):
    """Of a run with three snapshots, two are the mean of the outputs of the newest two; four are too many."""
    params = load_bundle(run / "export").params
    x = _photo(20, 30).astype(np.float32) / 127.5 - 1
    found = filtering.load_filter(run, snapshots=2)
    # The ninth has weights of 0 and changes nothing; the tenth is the bundle itself.
    wanted = (x + filtering.load_filter(run).change(x, 1.0)) / 2
    np.testing.assert_allclose(found.change(x, 1.0), wanted, atol=1e-6)
    # In one pass: the network whose weights lie in between is another than either.
    once = filtering.load_filter(run, snapshots=2, average="weights")
    assert len(once.settings["snapshots"]) == 1 and once.settings != found.settings
    halved = load_bundle(run / "export")._replace(params=jax.tree.map(lambda p: 0.5 * p, params))
    assert halved.forward is not None
    wanted = jax.jit(halved.forward)(halved.params, x[None])[0]
    np.testing.assert_allclose(once.change(x, 1.0), wanted, atol=1e-4)
    with pytest.raises(ValueError, match="average must be outputs or weights, got 'medians'"):
        filtering.load_filter(run, snapshots=2, average="medians")
    with pytest.raises(ValueError, match="4 snapshots were asked for and it has 3"):
        filtering.load_filter(run, snapshots=4)


def test_networks_of_other_spaces_are_filters(foreign, monkeypatch):
    """Mixed with the picture some rows at a time, what comes out is what the network makes of it, within its range."""
    monkeypatch.setattr(filtering, "_PIXELS", 1 << 8)
    found, x = filtering.load_filter(foreign), _photo(45, 50).astype(np.float32) / 127.5 - 1
    wanted = np.asarray(load_bundle(foreign).apply(x[None]))[0].clip(-1, 1)
    np.testing.assert_allclose(found.change(x, 0.25), 0.75 * x + 0.25 * wanted, atol=1e-5)
    assert nasjax.filter_image(_photo(45, 50), found, wrap=True).shape == (45, 50, 3)
    assert np.abs(wanted - x).max() > 0.05


@pytest.mark.parametrize(
    ("kind", "at_once", "sides"), [("snapshots", 2, ()), ("foreign", 1, (128, 256)), ("foreign", 2, (64, 128))]
)
def test_memory_is_that_of_the_picture_and_of_a_part(run, foreign, kind, at_once, sides, monkeypatch):
    """Of what numpy holds at the peak, most is the output, of three bytes a pixel; floats of a picture are twelve."""
    monkeypatch.setattr(filtering, "_PIXELS", 1 << 14)
    monkeypatch.setattr(engine, "SIDES", sides or engine.SIDES)
    monkeypatch.setattr(engine, "lanes", lambda: at_once)
    engine._studies.clear()
    found = filtering.load_filter(run, snapshots=3) if kind == "snapshots" else filtering.load_filter(foreign)
    pixels = np.tile(_photo(100, 100), (9, 8, 1))
    found.change(pixels[:300], 0.5)  # programs take memory as well
    tracemalloc.start()
    try:
        found.change(pixels, 0.5)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert pixels.nbytes < peak < 3 * pixels.nbytes


def test_pictures_are_refused_for_what_the_network_takes(foreign, run, monkeypatch):
    """Where as much is free as the picture itself and a strip take, a network that takes more refuses it."""
    size, each = (4000, 6000), 12 * 4000 * 6000
    need = memory_needed(load_bundle(foreign), size).bytes
    for model, needed in ((foreign, need), (run, filtering._STRIP_BYTES)):
        refuse_fn = filter_change(model, strength=1.0, wrap=False).refuse_fn
        monkeypatch.setattr(memory, "free_memory", lambda free=each + needed: free)
        assert refuse_fn(size) == ""
        monkeypatch.setattr(memory, "free_memory", lambda free=each + needed - 1: free)
        assert "6000x4000 pixels needs about" in refuse_fn(size)


def test_models_that_are_no_filters_are_refused(bundles, tmp_path):
    """An unknown name is answered with the known ones, a network that enlarges with the command for it."""
    with pytest.raises(ValueError, match="neither a folder nor one of those"):
        filtering.load_filter("sepia")
    write_bundle(tmp_path / "x2", sr_cell(2, {"b1": "off", "b2": "off"}), card=Card("x2"), formats=())
    with pytest.raises(ValueError, match="use nasjax apply"):
        filtering.load_filter(tmp_path / "x2")
