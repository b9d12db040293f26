"""Single steps on run folders that hold no more than they need: nothing is trained here."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nasjax.chain.configs import as_dict, load_config
from nasjax.chain.folder import RunFolder
from nasjax.chain.problem import make_problem
from nasjax.chain.steps import evaluate_arch
from nasjax.cli import main
from nasjax.config import Experiment
from nasjax.export.manifest import write_manifest
from nasjax.export.weights import write_weights
from tests.chain.members import member, own_file


def begun(folder: Path, experiment: Experiment) -> tuple[Path, str]:
    """A run whose shared weights are random, and its smallest arch."""
    problem, run = make_problem(experiment, say=lambda text: None), RunFolder(folder / "run")
    run.write("config.json", as_dict(experiment))
    run.save_params(f"supernet/{problem.space.stages[0]}", problem.init())
    return run.path, problem.space.text(problem.table.minimum("params").arch)


def test_other_pictures_score_a_system_of_ones_own(tmp_path):
    """The tutorial's tests on as many patches as it searches on, whatever pictures they are of."""
    run, arch = begun(tmp_path, load_config(own_file(tmp_path)).tiny())
    (tmp_path / "others").mkdir()
    for i in range(4):
        pixels = np.random.default_rng(i).integers(0, 255, (24, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "others" / f"{i}.png")
    own = evaluate_arch(run, arch, say=lambda text: None)
    others = evaluate_arch(run, arch, data=str(tmp_path / "others"), say=lambda text: None)
    assert others["protocol"] == own["protocol"] and others["psnr"] != own["psnr"]


def test_a_system_that_scores_its_own_pairs_refuses_others(tmp_path):
    """Scores of the run's own pairs would be taken for those of the pictures that were named."""
    (tmp_path / "pictures").mkdir()
    run, arch = begun(tmp_path, member("style_transfer", tmp_path / "pictures"))
    for other in ({"split": "val"}, {"data": str(tmp_path / "pictures")}):
        with pytest.raises(ValueError, match=r"is compared on 2 pairs of .*--data and --split"):
            evaluate_arch(run, arch, say=lambda text: None, **other)


def test_what_is_shipped_is_said_behind_export(tmp_path, capsys):
    """Graphs and weights to train on from, whatever the run's config says, which stays as it is."""
    run, arch = begun(tmp_path, load_config(own_file(tmp_path)).tiny())
    before = (run / "config.json").read_bytes()
    words = ["export", str(run), "--arch", arch, "--to", str(tmp_path / "bundle")]
    assert main([*words, "--formats", "stablehlo", "--trainable"]) == 0
    files = json.loads(capsys.readouterr().out)["files"]
    assert {"model.stablehlo", "trainable.safetensors"} <= {*files} and "model.onnx" not in files
    assert (run / "config.json").read_bytes() == before


@pytest.mark.parametrize(
    ("asked", "missing"),
    [
        ([], None),
        (["--final.formats", "stablehlo"], None),
        (["--final.formats", "stablehlo", "onnx"], "no model.onnx; nasjax export {run} --formats stablehlo onnx adds"),
        (
            ["--final.trainable"],
            "no weights to train on from; nasjax export {run} --formats stablehlo --trainable adds",
        ),
    ],
)
def test_what_a_finished_run_did_not_ship_is_said(tmp_path, capsys, asked, missing):
    """With the command that makes it, beside the results, which stay those of the run."""
    experiment, run = load_config("quickstart").tiny(), RunFolder(tmp_path / "run")
    config = as_dict(experiment)
    run.write("config.json", config | {"final": config["final"] | {"formats": ["stablehlo"]}})
    run.write("results.json", {"weights": "finalist/0-0", "seconds": 1})
    run.save_params("finalist/0-0", {"branch": np.zeros(2, np.float32)})
    write_weights({"folded": np.zeros(1, np.float32)}, run.path / "export" / "model.safetensors", {})
    (run.path / "export" / "model.stablehlo").write_bytes(b"graph")
    write_manifest(run.path / "export", dict.fromkeys(("model.safetensors", "model.stablehlo")))
    assert main(["search", str(run.path), *asked, "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == run.read("results.json")
    assert printed.err == "" if missing is None else missing.format(run=run.path) in printed.err
    assert len(printed.err.splitlines()) == (missing is not None)


def test_weights_that_were_not_folded_are_to_train_on_from(tmp_path, capsys):
    """Where the bundle's own are those that were trained, nothing is missing."""
    experiment, run = load_config("quickstart").tiny(), RunFolder(tmp_path / "run")
    run.write("config.json", as_dict(experiment))
    run.write("results.json", {"weights": "finalist/0-0", "seconds": 1})
    for path in (run.weights("finalist/0-0"), run.path / "export" / "model.safetensors"):
        write_weights({"conv": np.zeros(2, np.float32)}, path, {})
    write_manifest(run.path / "export", {"model.safetensors": None})
    assert main(["search", str(run.path), "--final.trainable", "--json"]) == 0
    assert capsys.readouterr().err == ""
