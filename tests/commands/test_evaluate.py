"""`nasjax evaluate` over the table of files: it takes the same pictures as every command, and names what it cannot."""

import contextlib
import io
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from nasjax.apply import engine, images
from nasjax.chain.configs import as_dict
from nasjax.chain.steps import evaluate_bundle
from nasjax.cli import main
from nasjax.config import Experiment
from nasjax.data import embedded_photos
from nasjax.export.bundle import write_bundle
from nasjax.export.card import Card
from nasjax.systems import SuperResolution
from tests.commands.cases import CASES, FAILING, IGNORED
from tests.export.networks import sr_cell


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    """A network that enlarges by bicubic, found by an experiment on small pictures."""
    network = sr_cell(2, {"b1": "off", "b2": "off", "image": "bicubic"})
    # Of its space nothing is asked: the costs of a narrow one are counted soonest.
    experiment = Experiment(SuperResolution(2, blocks=1, trunk=(8,), inner=(8,), ops=("res",), attention=("none",)))
    folder = tmp_path_factory.mktemp("network") / "bundle"
    network = network._replace(params=jax.tree.map(jnp.zeros_like, network.params))
    write_bundle(folder, network, card=Card("x2", experiment=as_dict(experiment)), formats=())
    return folder


def _evaluate(bundle: Path, data: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["evaluate", str(bundle), "--data", data, "--split", "all"])
    return code, out.getvalue(), err.getvalue()


def test_the_pictures_of_a_folder_are_those_of_every_command(bundle, tmp_path):
    """The scores are those of the plain pictures that the files are; what cannot be read is named, and costs only that.

    Pictures are found by content, in folders inside too. One of which no pixel is left when it is reduced is left out.
    """
    cases, plain = tmp_path / "cases" / "inner", tmp_path / "plain"
    cases.mkdir(parents=True), plain.mkdir()
    lossless = {name: case for name, case in CASES.items() if case.near <= 1}
    for name, case in lossless.items():
        case.write(cases / name)
        Image.fromarray(_over_white(case.right)).save(plain / f"{len(list(plain.iterdir())):02d}.png")
    for name, content in (IGNORED | {name: content for name, (content, _) in FAILING.items()}).items():
        (cases / name).write_bytes(content)
    Image.fromarray(np.zeros((1, 20, 3), np.uint8)).save(cases / "small.png")
    code, written, said = _evaluate(bundle, str(tmp_path / "cases"))
    wanted_code, wanted, _ = _evaluate(bundle, f"folder:{plain}")
    assert (code, wanted_code) == (1, 0), said
    found, expected = json.loads(written), json.loads(wanted)
    assert found["psnr_y"] == pytest.approx(expected["psnr_y"], abs=0.02)
    assert repr(str(tmp_path / "cases")) in found["protocol"] and f"{len(lossless)} held-out" in found["protocol"]
    lines = said.splitlines()
    assert lines[-1].startswith(f"nasjax evaluate: {len(lossless) + 1} read, {len(FAILING)} failed: ")
    for name, (_, reason) in FAILING.items():
        (line,) = [line for line in lines if line.startswith("failed: ") and f"/{name}" in line]
        assert reason in line
    assert len(lines) == 1 + len(FAILING) + sum(bool(case.says) for case in lossless.values())


def test_large_pictures_are_scored_in_windows(bundle, tmp_path, monkeypatch):
    """The scores are those of the whole pictures, which no program is made for."""
    for i, (height, width) in enumerate(((120, 96), (97, 151), (100, 100))):
        photo = embedded_photos("test")[i]["image"][:height, :width]
        Image.fromarray(photo).save(tmp_path / f"{i}.png")
    whole = evaluate_bundle(bundle, f"folder:{tmp_path}", "all")
    windows, outputs = [], engine.outputs

    def watched(*given, **options):
        for tile, y in outputs(*given, **options):
            windows.append(y.shape)
            yield tile, y

    monkeypatch.setattr(images, "outputs", watched)
    monkeypatch.setattr(engine, "SIDES", (16, 24))
    engine._studies.clear()
    parts = evaluate_bundle(bundle, f"folder:{tmp_path}", "all")
    engine._studies.clear()
    assert len(parts["pictures"]) == 3 and set(windows) == {(48, 48, 3)} and len(windows) >= 9 * len(parts["pictures"])
    for name in ("psnr_y", "ssim_y"):
        assert parts[name] == pytest.approx(whole[name], rel=1e-5)


def _over_white(right: np.ndarray) -> np.ndarray:
    image = Image.fromarray(right.astype(np.uint8)).convert("RGBA")
    return np.asarray(Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB"))
