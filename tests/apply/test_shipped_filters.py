"""The corrections that come with the package: each corrects what it is named after, by its graph as well."""

import functools

import numpy as np
import pytest

import nasjax
from nasjax.apply.filtering import SHIPPED, load_filter, shipped_filters
from nasjax.data import open_source
from nasjax.export.bundle import load_bundle
from nasjax.files import read_json

DEGRADED = {
    "deblur": "blur",
    "dehaze": "haze",
    "dejpeg": "jpeg",
    "exposure": "exposure",
    "whitebalance": "whitebalance",
}  # fmt: skip
LOADED = functools.cache(load_filter)  # what is compiled for one picture serves the next
GRAPHS = functools.cache(functools.partial(load_bundle, runtime="onnx"))
PICTURES = (1, 2, 3)  # of the test split, 512 pixels wide


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """In dB, over RGB of 8 bits."""
    return float(10 * np.log10(255**2 / np.mean((a.astype(np.float64) - b) ** 2)))


def test_all_corrections_come_with_the_package():
    """A name that tutorials speak of is a filter, and no other folder lies beside them."""
    assert shipped_filters() == sorted(DEGRADED)


@pytest.mark.parametrize("name", sorted(DEGRADED))
def test_a_correction_corrects(name):
    """Held-out photographs, degraded as the name says, are nearer to the truth afterwards, in the mean."""
    pairs = open_source(f"degraded:{DEGRADED[name]}:embedded", "test")
    gains = []
    for x, target in ((pairs[i]["input"], pairs[i]["target"]) for i in PICTURES):
        gains.append(psnr(nasjax.filter_image(x, LOADED(name)), target) - psnr(x, target))
    assert np.mean(gains) > 0.2


@pytest.mark.parametrize("name", sorted(DEGRADED))
def test_its_graph_is_the_filter(name):
    """onnxruntime makes the same of a small picture, to a level; the card says what it was trained on."""
    pytest.importorskip("onnxruntime")
    x = open_source("embedded", "test")[PICTURES[0]]["image"][:96, :128]
    graph = GRAPHS(SHIPPED / name)
    y = np.asarray(graph.apply(np.asarray(x[None] / 127.5 - 1, np.float32)))[0]
    levels = np.round((y.clip(-1, 1) + 1) * 127.5)
    assert np.abs(levels - nasjax.filter_image(x, LOADED(name)).astype(int)).max() <= 1
    assert read_json(SHIPPED / name / "card.json")["training_data"][0]["licence"].startswith("CC0")


@pytest.mark.parametrize("name", sorted(DEGRADED))
def test_its_graph_is_the_filter_of_slivers(name):
    """Of pictures that are smaller than what is missing to the next multiple, too: they are mirrored several times."""
    pytest.importorskip("onnxruntime")
    graph, filter_ = GRAPHS(SHIPPED / name), LOADED(name)
    for size in ((1, 9), (3, 9), (4, 3)):
        x = np.random.default_rng(0).uniform(-1, 1, (*size, 3)).astype(np.float32)
        np.testing.assert_allclose(np.asarray(graph.apply(x[None]))[0], filter_.change(x, 1.0), atol=1e-4)
