"""Graphs of a stylising network: those of `nasjax stylize` at any sizes, written all or nothing."""

import json
import shutil

import jax
import numpy as np
import pytest
from PIL import Image

from nasjax.apply.stylize import StyleOptions, stylize
from nasjax.cli import main
from nasjax.export.parity import Sample
from nasjax.export.style_graphs import load_style_graph, write_style_graphs
from nasjax.export.stylist import load_style_network, write_style_network
from nasjax.spaces.photonet import photonet
from nasjax.systems.style_transfer.ship import export_style_network, style_folder

ARGUMENTS = {"widths": [4, 6, 8], "convs": [2, 1, 1], "ops": ["conv"]}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A network folder without graphs: a transfer in the decoder, behind a normalised skip."""
    net = photonet(**ARGUMENTS)
    # Roots of matrices are what takes long to compile: a transfer more is seconds more for each size.
    on = {"d2.cat": "on", "d2.in": "norm", "d1.wct": "on"}
    arch = net.space.encode({c.name: c.options[0] for c in net.space.choices} | on)
    params = net.extract_params(net.init(jax.random.key(0)), arch)
    folder = tmp_path_factory.mktemp("plain") / "network"
    write_style_network(folder, ARGUMENTS, arch=arch, params=params, card={"name": "test"})
    return folder


@pytest.fixture(scope="module")
def folder(plain, tmp_path_factory):
    """The folder with its graphs, written in place beside a file of somebody's own."""
    found = tmp_path_factory.mktemp("run") / "network"
    shutil.copytree(plain, found)
    (found / "notes.txt").write_text("mine")
    export_style_network(found, smooth=False)
    return found


def _image(height, width, seed):
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(-0.8, 0.8, (height // 10 + 2, width // 10 + 2, 3)).repeat(10, 0).repeat(10, 1)
    return np.float32(coarse[:height, :width] + rng.uniform(-0.1, 0.1, (height, width, 3)))


def test_graphs_stylise_as_the_library_does(folder):
    """Content and style of sizes that the writer has not seen: no multiples, not square, and as small as may be."""
    content, style = _image(5, 30, 0), _image(31, 6, 1)
    wanted = np.asarray(stylize(content, style, StyleOptions(alpha=0.7, smooth=False, network=folder)))
    assert wanted.std() > 0.01
    for name in ("onnx", "stablehlo"):
        got = np.asarray(load_style_graph(folder, name)(content[None], style[None], np.float32(0.7)))
        assert got.shape == (1, *content.shape)
        np.testing.assert_allclose(got[0], wanted, atol=1e-4)


def test_a_batch_is_its_pictures(folder):
    """Two contents with a style each: what each pair gives alone; at alpha 0 and in its own style it is the content."""
    run, contents = load_style_graph(folder, "onnx"), np.stack([_image(34, 27, seed) for seed in (0, 1)])
    styles = np.stack([_image(25, 38, seed) for seed in (2, 3)])
    both = run(contents, styles, 1)
    for i in range(2):
        np.testing.assert_allclose(both[i : i + 1], run(contents[i : i + 1], styles[i : i + 1], 1), atol=1e-5)
    assert np.abs(both - contents).max() > 0.01 and np.abs(both).max() <= 1
    np.testing.assert_allclose(run(contents, styles, 0), contents, atol=1e-6)
    np.testing.assert_allclose(run(contents, contents, 1), contents, atol=2e-5)


@pytest.mark.parametrize("which", ["content", "style", "both"])
def test_flat_images_stay_finite(folder, which):
    """A single colour has no covariance to divide by."""
    run, flat = load_style_graph(folder, "onnx"), np.full((1, 20, 33, 3), 0.3, np.float32)
    given = [flat if which in (name, "both") else _image(23, 18, 0)[None] for name in ("content", "style")]
    assert np.isfinite(run(*given, 1)).all()


def test_the_folder_is_still_a_network(folder, plain, tmp_path, capsys):
    """It says how far its graphs are and how they are called, keeps its weights, and stylises pictures."""
    manifest, card = (json.loads((folder / name).read_text()) for name in ("manifest.json", "card.json"))
    for name in ("model.onnx", "model.stablehlo"):
        measured = manifest["files"][name]["parity"]
        assert 0 <= measured["max_relative"] <= 1e-4
        assert measured["inputs"] == [[[1, 73, 98, 3], [1, 67, 50, 3], []], [[1, 67, 50, 3], [1, 73, 98, 3], []]]
    assert card["name"] == "test" and card["graph"]["min_size"] == 5
    assert card["graph"]["inputs"]["style"] == ["batch", "style_height", "style_width", 3]
    assert "statistics" in card["graph"]["tiling"]["whole"]
    for name in ("model.safetensors", "arch.json"):
        assert (folder / name).read_bytes() == (plain / name).read_bytes()
    assert sorted(p.name for p in folder.parent.iterdir()) == ["network"] and (folder / "notes.txt").is_file()
    for i in range(2):
        Image.fromarray(np.uint8(127.5 * (_image(5, 30, i) + 1))).save(tmp_path / f"{i}.png")
    pictures = [str(tmp_path / name) for name in ("0.png", "1.png", "out.png")]
    assert main(["stylize", *pictures, "--network", str(folder), "--no-smooth"]) == 0
    assert capsys.readouterr().out.strip() == pictures[-1]


def test_a_graph_that_differs_is_not_written(plain):
    """The error names the file and the difference; the folder stays as it was, with nothing beside it."""
    given = (_image(34, 27, 0)[None], _image(25, 38, 1)[None], np.array(1, np.float32))
    wrong = [Sample(given, np.ones_like(given[0]))]
    before = {p.name: p.read_bytes() for p in plain.iterdir()}
    with pytest.raises(ValueError, match="model.onnx: differs from the network"):
        write_style_graphs(plain, wrong, formats=("onnx",))
    assert {p.name: p.read_bytes() for p in plain.iterdir()} == before
    assert [p.name for p in plain.parent.iterdir()] == ["network"]


def test_a_copy_keeps_the_graphs_there_are(folder, tmp_path):
    """One format again, smoothed, into another folder: the other one and its parity come along."""
    x = (_image(34, 27, 0)[None], _image(25, 38, 1)[None], np.array(1, np.float32))
    wanted = [Sample(x, stylize(x[0][0], x[1][0], StyleOptions(network=folder))[None])]
    assert np.abs(wanted[0].y - load_style_graph(folder, "onnx")(*x)).max() > 0.01
    manifest = write_style_graphs(folder, wanted, output=tmp_path / "copy", formats=("onnx",))
    assert manifest["files"]["model.onnx"]["parity"]["inputs"] == [[[1, 34, 27, 3], [1, 25, 38, 3], []]]
    kept = json.loads((folder / "manifest.json").read_text())["files"]["model.stablehlo"]
    assert manifest["files"]["model.stablehlo"] == kept
    assert load_style_network(tmp_path / "copy").card["graph"]["smooth"]


def test_what_cannot_be_exported_is_named(plain, tmp_path, capsys):
    """The shipped network in place, a format that is unknown, a folder inside itself, graphs that are not there."""
    assert main(["export"]) == 2 and "--to FOLDER" in capsys.readouterr().err
    with pytest.raises(ValueError, match="unknown export format 'tflite'; allowed: stablehlo, onnx"):
        write_style_graphs(plain, [], formats=("tflite",))
    with pytest.raises(ValueError, match="needs a sample"):
        write_style_graphs(plain, [])
    with pytest.raises(ValueError, match="lies inside"):
        write_style_graphs(plain, [Sample(np.zeros(1), np.zeros(1))], output=plain / "graphs")
    with pytest.raises(ValueError, match="has no model.onnx; `nasjax export .*` writes it"):
        load_style_graph(plain, "onnx")
    with pytest.raises(ValueError, match="no stylising network; a run has one"):
        export_style_network(tmp_path)


def test_the_network_of_a_run_is_found(plain, tmp_path):
    """In `export`, or in `network` as earlier versions wrote it; what has none is told from them."""
    assert style_folder(plain) == plain and style_folder(tmp_path) is None
    for place in ("network", "export"):  # as runs of earlier versions have it, and as they have it now
        shutil.copytree(plain, tmp_path / place)
        assert style_folder(tmp_path) == tmp_path / place
