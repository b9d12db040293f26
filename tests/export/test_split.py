"""ONNX graphs that take statistics of the whole picture, in parts: windows give what the whole gives."""

import jax
import jax.numpy as jnp
import numpy as np
import onnxruntime
import pytest

from nasjax.apply import engine
from nasjax.apply.images import upscale
from nasjax.export.bundle import Bundle
from nasjax.export.network import Network
from nasjax.export.onnx.model import load_onnx, write_onnx
from nasjax.export.onnx.split import split_graph
from nasjax.export.tiling import describe_tiling
from tests.export.networks import NETWORKS, sr_cell
from tests.windows.cases import conv, kernel


def _plain(p, x):
    """Statistics without any function of ours: of a mean, of what deviates from it, and extremes."""
    mean, deviation = x.mean((1, 2), keepdims=True), x.std((1, 2), keepdims=True)
    span = jnp.max(x, (1, 2), keepdims=True) - x.min((0, 1, 2)).reshape(1, 1, 1, 3)
    return (
        conv((x - mean) / (deviation + 0.1), p) * span + conv(x, p).sum((1, 2, 3), keepdims=True) / x[0, :, :, 0].size
    )


def _own(fn) -> Network:
    return Network(fn, kernel(3, 3, 3), {"arch": "own", "builder": None})


def _sr_cell(first, second, **options) -> Network:
    return sr_cell(4, {"b1": first, "b2": second, "b2.edge": "long", **options})


# The network, how many statistics each pass gathers, and the side of windows.
MEMBERS = {
    "sr_cell ir4k3+ir4k5": (lambda: _sr_cell("ir4k3", "ir4k5", trunk="8", att="both", tail="sep"), [1], 40),
    "sr_cell vap+smfa": (lambda: _sr_cell("vap", "smfa", **{"b1.w": "8"}), [1, 1], 80),
    "own": (NETWORKS["own"], [1, 1, 1], 64),
    "unet narrow": (NETWORKS["unet narrow"], [1, 1, 1], 96),
    "plain": (lambda: _own(_plain), [5, 1], 32),
}


def _bundle(network: Network, folder) -> Bundle:
    write_onnx(network, folder / "model.onnx", {})
    tiling = describe_tiling(network)
    card = {"tiling": tiling, "scale": 1, "size_multiple": network.size_multiple, "min_size": network.min_size}
    split = split_graph(folder / "model.onnx", tiling["passes"])
    return Bundle(load_onnx(folder / "model.onnx"), card, "", {}, split=split)


@pytest.fixture
def seen(monkeypatch):
    """The sizes of all images that onnxruntime is given."""
    shapes, run = [], onnxruntime.InferenceSession.run

    def watched(self, names, given):
        shapes.append(given["image"].shape)
        return run(self, names, given)

    monkeypatch.setattr(onnxruntime.InferenceSession, "run", watched)
    return shapes


@pytest.mark.parametrize("name", MEMBERS)
def test_windows_give_what_the_whole_gives(name, seen, tmp_path, monkeypatch):
    """To 1e-5, at a size that nothing divides; the graph never sees more than a window at once."""
    make, numbers, side = MEMBERS[name]
    network = make()
    bundle = _bundle(network, tmp_path)
    pixels = np.random.default_rng(0).uniform(-1, 1, (side + 10, 2 * side + 6, 3)).astype(np.float32)
    whole = np.asarray(jax.jit(network.apply)(network.params, pixels[None]))[0]
    scale = len(whole) // len(pixels)
    bundle.card["scale"] = scale
    monkeypatch.setattr(engine, "SIDES", (side,))
    assert [len(found["statistics"]) for found in bundle.card["tiling"]["passes"]] == numbers
    assert engine.memory_needed(bundle, pixels.shape[:2]).windows >= 4
    found = upscale(bundle, pixels)
    assert np.abs(found - whole).max() <= 1e-5 * np.abs(whole).max()
    # Each pass sees all windows; the graph itself, as it is, none.
    assert len(seen) >= 4 * (len(numbers) + 1)
    assert max(height * width for _, height, width, _ in seen) <= side**2


def test_a_picture_that_is_one_window_is_run_by_the_graph_as_it_is(seen, tmp_path):
    """In one pass."""
    bundle = _bundle(_own(_plain), tmp_path)
    pixels = np.random.default_rng(0).uniform(-1, 1, (30, 40, 3)).astype(np.float32)
    np.testing.assert_array_equal(upscale(bundle, pixels), bundle.apply(pixels[None])[0])
    assert seen == 2 * [(1, 30, 40, 3)]


def _places(p, x):
    return x * jnp.arange(x.shape[1], dtype=jnp.float32).reshape(1, -1, 1, 1) + x.mean((1, 2), keepdims=True)


def test_what_counts_places_is_run_as_a_whole(tmp_path, monkeypatch):
    """A graph counts from its window's first row: the card says so."""
    bundle = _bundle(_own(_places), tmp_path)
    monkeypatch.setattr(engine, "SIDES", (32,))
    need = engine.memory_needed(bundle, (70, 70))
    assert (need.windows, need.whole) == (1, "it counts the picture's rows or columns")


def test_a_graph_of_other_statistics_than_its_card_says_is_run_as_a_whole(tmp_path):
    """Nothing is guessed."""
    write_onnx(_own(_plain), tmp_path / "model.onnx", {})
    assert split_graph(tmp_path / "model.onnx", [{"margin": 1, "statistics": ["global_mean"]}]) is None
    assert split_graph(tmp_path / "model.onnx", None) is None
