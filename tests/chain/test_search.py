"""The whole chain on a tiny quick start: every file of a run folder, resuming, and the commands on it."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from nasjax.chain.configs import as_dict, from_dict, load_config, shipped
from nasjax.chain.search import search
from nasjax.cli import main


@pytest.fixture(scope="module")
def config():
    """The quick start with two operators and two widths: few programs to compile."""
    tiny = load_config("quickstart").tiny()
    space = replace(tiny.space, ops=("res", "ir2k3"), trunk=(12, 16), inner=(8, 16))
    return replace(tiny, space=space, final=replace(tiny.final, scratch=False))


@pytest.fixture(scope="module")
def run(config, tmp_path_factory):
    """One finished run folder, and what `search` returned."""
    path = tmp_path_factory.mktemp("run") / "tiny"
    return path, search(config, path, say=lambda text: None)


def test_a_run_leaves_the_whole_record(run):
    """Every file of the run-folder contract is there and readable."""
    path, results = run
    for name in ("config", "environment", "status", "stages", "fairness", "ledger", "results", "diagram", "images"):
        assert json.loads((path / f"{name}.json").read_text()), name
    assert json.loads((path / "status.json").read_text())["done"] is True
    assert [s["stage"] for s in json.loads((path / "stages.json").read_text())] == ["path", "operator", "channel"]
    assert {r["name"] for r in results["rows"]} == {"found, fine-tuned", "found, inherited", "hand-made", "bicubic"}
    for name in ("report.html", "before_after.png", "export/model.onnx", "export/model.stablehlo"):
        assert (path / name).stat().st_size > 1000, name


def test_fairness_of_every_stage_is_exact(run):
    """Strict-fair stages trained every option equally often."""
    stages = json.loads((run[0] / "fairness.json").read_text())["stages"]
    assert [s["gap"] for s in stages] == [0, 0, 0]
    assert all(s["rounds"] == 2 for s in stages)


def test_the_found_arch_is_in_budget_and_costs_what_the_table_says(run, config):
    """Counted on the deployed network, by the cost table, and on the export: three times the same."""
    path, results = run
    found = next(r for r in results["rows"] if r["name"] == "found, fine-tuned")
    with open(path / "archive.csv", newline="") as file:
        row = next(r for r in csv.DictReader(file) if r["arch"] == results["arch"] and r["stage"] == "channel")
    card = json.loads((path / "export" / "card.json").read_text())
    assert int(row["params"]) == found["params"] == card["params"] <= 27_000
    assert int(row["macs"]) == found["macs"] == card["macs"]["value"]


def test_compilation_is_counted_apart(run):
    """Each phase's ledger row splits off compile time, and says how many programs were compiled."""
    ledger = {r["phase"]: r for r in json.loads((run[0] / "ledger.json").read_text())}
    trained = ledger["supernet/path"]
    assert trained["compile_s"] > 0 and trained["compiles"] > 0 and trained["steps"] == 2


def test_calling_again_trains_nothing(run, config):
    """A finished run is read back: the same results, no phase longer than before in steps."""
    path, results = run
    before = (path / "archive.csv").read_text()
    again = search(config, path, say=lambda text: None)
    assert (path / "archive.csv").read_text() == before
    assert again["arch"] == results["arch"]
    assert [r["psnr_y"] for r in again["rows"]] == [r["psnr_y"] for r in results["rows"]]


def test_a_run_of_another_config_is_refused(run, config):
    """The first differing fields are named, and nothing is touched."""
    before = (run[0] / "config.json").read_text()
    with pytest.raises(ValueError, match=r"seed was 0, now 1"):
        search(replace(config, seed=1), run[0], say=lambda text: None)
    assert (run[0] / "config.json").read_text() == before


def test_commands_on_a_run(run, tmp_path, capsys):
    """`report`, `export`, `evaluate` and `apply` work on the folder a search left."""
    picture = tmp_path / "in.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (17, 23, 3), dtype=np.uint8)).save(picture)
    assert main(["report", str(run[0])]) == 0
    assert main(["apply", str(run[0] / "export"), str(picture), str(tmp_path / "out.png")]) == 0
    with Image.open(tmp_path / "out.png") as enlarged:
        assert enlarged.size == (92, 68)
    folder = tmp_path / "pictures"
    folder.mkdir()
    with Image.open(picture) as small:
        for i in range(3):
            small.resize((64, 48)).save(folder / f"{i}.png")
    capsys.readouterr()
    assert main(["evaluate", str(run[0]), "--data", str(folder), "--split", "all"]) == 0
    assert json.loads(capsys.readouterr().out)["psnr_y"] > 5


def test_every_shipped_config_survives_json():
    """config.json is enough to build the config again."""
    assert shipped()
    for name in shipped():
        config = load_config(name)
        assert from_dict(json.loads(json.dumps(as_dict(config)))) == config
