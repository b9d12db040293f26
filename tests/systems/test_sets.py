"""Two sets of pictures compared by command: what is worse is further, and FID asks for the file it is defined on."""

import json

import numpy as np
import pytest
from PIL import Image

from nasjax.cli import main
from nasjax.data import furniture
from nasjax.systems import sets


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Real pictures, others as real, and the latter blurred; of several sizes."""
    root, source = tmp_path_factory.mktemp("sets"), furniture("train")
    for name, first in (("real", 0), ("others", 1), ("blurred", 1)):
        (root / name).mkdir()
        for i in range(first, 24, 2):
            image = Image.fromarray(source[10 * i]["target"]).resize((128, 128 + 4 * (i % 3)))
            small = image.resize((20, 20)) if name == "blurred" else image
            small.resize(image.size).save(root / name / f"{i:02d}.png")
    return root


def _distances(capsys, *words):
    return _said(capsys, *words)[0]


def _said(capsys, *words):
    """The distances, and what is said beside them."""
    capsys.readouterr()
    assert main(["distance", *map(str, words), "--json"]) == 0
    printed = capsys.readouterr()
    return json.loads(printed.out), printed.err


def test_what_is_worse_is_further(folders, capsys):
    """Blurred pictures are further from real ones than other real ones are, but for what takes hundreds to tell."""
    (near, said), (far, _) = (
        _said(capsys, folders / "real", folders / name, "--side", 64) for name in ("others", "blurred")
    )
    assert near["made"] == far["made"] == 12
    for name in ("alexnet_gram", "vgg16_gaussian", "vgg16_kernel"):
        assert far[name] > near[name], name
    assert not any(name.startswith(("fid", "kid")) for name in near)
    # Twelve pictures are too few for a Frechet distance: said once, in a line.
    assert said.count("from 12 pictures: it needs 513") == len(said.splitlines()) == 1


def test_other_data_sets_and_sets_that_are_too_small(folders, monkeypatch, capsys, tmp_path):
    """Of pairs the targets are compared; one picture is no set, and the folder and its number are named."""
    for side, name in (("input", "blurred"), ("target", "real")):
        (tmp_path / "pairs" / side).mkdir(parents=True)
        for i, path in enumerate(sorted((folders / name).iterdir())):
            Image.open(path).resize((128, 128)).save(tmp_path / "pairs" / side / f"{i:02d}.png")
    seen = []
    monkeypatch.setattr(sets, "set_distances", lambda real, made, **how: seen.append((real, made)) or {})
    for spec, side in (("pairs:", "target"), ("reversed:pairs:", "input")):
        found = _distances(capsys, f"{spec}{tmp_path / 'pairs'}", folders / "blurred")
        assert found == {"real": 12, "made": 12, "side": 128}
        real, made = seen.pop()
        for i, path in enumerate(sorted((tmp_path / "pairs" / side).iterdir())):
            np.testing.assert_array_equal(real[i]["image"], np.asarray(Image.open(path)))
        np.testing.assert_array_equal(made[0]["image"], np.asarray(Image.open(folders / "blurred" / made.name(0))))
    monkeypatch.setattr(sets, "set_distances", lambda real, made, **how: {"alexnet_gram": 0.125})
    assert main(["distance", str(folders / "real"), str(folders / "blurred")]) == 0
    assert capsys.readouterr().out == f"12 made pictures against 12 real ones\n{'alexnet_gram':<28} 0.1250\n"
    (tmp_path / "one").mkdir()
    Image.new("RGB", (70, 70)).save(tmp_path / "one" / "a.png")
    assert main(["distance", str(folders / "real"), str(tmp_path / "one")]) == 2
    assert f"{tmp_path / 'one'} has 1 pictures; a set takes 4 or more" in capsys.readouterr().err


def test_fid_needs_the_file_it_is_defined_on(folders, capsys, tmp_path):
    """Without it one line says which it is; another file is no FID; and nothing else is kept."""
    for place in (tmp_path / "missing.pth", folders / "real" / "00.png"):
        assert main(["distance", str(folders / "real"), str(folders / "others"), "--inception", str(place)]) == 2
    said = capsys.readouterr().err
    assert "pt_inception-2015-12-05-6726825d.pth" in said and "with other weights the figure is no FID" in said
    assert main(["distance", str(folders), str(folders), "--kept", "x.npz"]) == 2
    assert "--kept keeps the features of --inception" in capsys.readouterr().err


def test_fid_and_kid_of_folders(folders, capsys, tmp_path, monkeypatch):
    """By pixels instead of the network: named by protocol; the reference is kept, and refused by another protocol."""
    monkeypatch.setattr(sets, "load_inception", lambda path: {})
    monkeypatch.setattr(sets, "inception_features", lambda params, x: x[:, ::100, ::100].reshape(len(x), -1))
    monkeypatch.setattr(sets, "set_distances", lambda real, made, **how: {"alexnet_gram": 0.125})
    words = (folders / "real", folders / "blurred", "--inception", "x", "--kept", tmp_path / "real.npz", "--side", 64)
    first = _distances(capsys, *words)
    assert {"fid_clean", "kid_clean", "alexnet_gram"} <= set(first) and first["fid_clean"] > 0
    assert (tmp_path / "real.npz").is_file()
    assert _distances(capsys, *words)["fid_clean"] == first["fid_clean"]
    others = (folders / "others", *words[1:])
    assert main(["distance", *map(str, others)]) == 2 and "holds statistics of" in capsys.readouterr().err
    assert main(["distance", *map(str, words), "--protocol", "legacy-pytorch"]) == 2
    assert "holds statistics of 'inception clean" in capsys.readouterr().err
