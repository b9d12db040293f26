"""The style chain on a tiny config: it runs, resumes without training again, and refuses what cannot work."""

import json
from dataclasses import replace

import jax
import numpy as np
import pytest
from nasjax.chain.style.config import PairsConfig, StyleConfig
from nasjax.chain.style.confirm import decide
from nasjax.chain.style.experiment import run_style_experiment
from nasjax.chain.style.problem import make_style_problem
from nasjax.chain.style.score import teacher_arch
from PIL import Image

from nasjax.apply.stylize import StyleOptions, stylize
from nasjax.chain.configs import as_dict, from_dict, load_config
from nasjax.chain.folder import RunFolder
from nasjax.cli import main
from nasjax.sampling import random_archs
from nasjax.search.archive import Archive, Evaluation
from nasjax.search.representatives import representatives
from nasjax.spaces.photonet import photonet


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """The shipped config at three levels and one operator, on a few small pictures."""
    pictures = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for i in range(4):
        image = Image.fromarray(rng.integers(0, 255, (6, 8, 3)).astype(np.uint8)).resize((64, 48))
        image.save(pictures / f"{i}_content.png")
        image.transpose(Image.Transpose.ROTATE_180).save(pictures / f"{i}_style.png")
    tiny = load_config("photonet").tiny()
    assert isinstance(tiny, StyleConfig)
    data = replace(tiny.data, source=f"folder:{pictures}", on_bad="skip")
    finalists = replace(tiny.finalists, number=1)
    path = replace(tiny.stages[0], population=2)  # at most two networks to confirm
    pairs = replace(tiny.pairs, search=str(pictures))
    return replace(tiny, data=data, stages=(path, *tiny.stages[1:]), finalists=finalists, pairs=pairs)


@pytest.fixture(scope="module")
def finished(config, tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "style"
    said: list[str] = []
    return path, run_style_experiment(config, path, say=said.append), said


def test_a_run_leaves_a_network_that_stylises(finished):
    """results.json, the archive, fairness and a network folder; every choice was trained equally often."""
    path, results, said = finished
    assert json.loads((path / "results.json").read_text()) == results
    [row] = results["finalists"]
    assert row["arch"] == results["arch"] and np.isfinite(row["totals"]).all() and row["params"] > 0
    [stage] = json.loads((path / "fairness.json").read_text())["stages"]
    assert stage["stage"] == "path" and stage["gap"] == 0
    assert {line.split(":")[0] for line in said} >= {"path", "transfer"}
    assert not any(line.startswith(("operator", "channel")) for line in said)  # nothing is open there
    photo = np.random.default_rng(1).integers(0, 256, (40, 36, 3)).astype(np.uint8)
    out = stylize(photo, photo[::-1], StyleOptions(network=path / "network"))
    assert out.shape == photo.shape and np.ptp(out) > 0


def test_a_run_leaves_its_report(finished):
    """The page is that of a finished run; its pictures are pairs; stages say what they decided; the time is known."""
    path, results, _ = finished
    page = (path / "report.html").read_text()
    assert "data-refresh=" not in page and f">{results['title']}</h1>" in page
    [first, second] = json.loads((path / "images.json").read_text())
    assert first["name"] == "0" and [p["label"] for p in first["panels"]] == ["content", "found"]
    files = [panel["file"] for shot in (first, second) for panel in (*shot["panels"], *shot["beside"])]
    assert page.count("image/webp") >= len(files)
    for file in files:
        with Image.open(path / file) as picture:
            assert picture.size == (96, 96)
    stages = json.loads((path / "stages.json").read_text())
    assert [s["stage"] for s in stages] == ["path", "transfer"] and stages[-1]["size_after"] == "1"
    assert all(s["decided"].keys() == s["free"].keys() and s["candidates"] > 0 for s in stages)
    ledger = json.loads((path / "ledger.json").read_text())
    assert results["seconds"] == pytest.approx(sum(row["wall_s"] for row in ledger), abs=0.1)


def test_the_result_table_has_everything_on(finished):
    """The found network before and after fine-tuning, and the network that all others are parts of."""
    _, results, _ = finished
    rows = {row["name"]: row for row in results["rows"]}
    assert list(rows) == ["found, fine-tuned", "found, inherited", "everything on"]
    assert rows["everything on"]["macs"] >= rows["found, fine-tuned"]["macs"] == rows["found, inherited"]["macs"]
    [finalist] = results["finalists"]
    assert rows["found, fine-tuned"]["total"] == finalist["total"]
    assert rows["found, inherited"]["total"] == finalist["inherited"]
    for row in rows.values():
        total = row["edge"] + row["style"] + 0.1 * row["macs"] / rows["everything on"]["macs"]
        assert row["total"] == pytest.approx(total, abs=1e-5)


def test_a_finished_run_is_read_not_repeated(finished, config, monkeypatch):
    """Called again, nothing is trained, and the results are the same."""
    path, results, _ = finished
    monkeypatch.setattr("nasjax.chain.training.fit", None)
    monkeypatch.setattr("nasjax.chain.style.experiment.search_stage", None)
    assert run_style_experiment(config, path, say=lambda text: None) == results


def test_the_first_decision_is_confirmed_by_training(finished, config, monkeypatch):
    """Every option that was met has a network trained alone; the best of them is decided, also when a run goes on."""
    path, _, _ = finished
    stage, _ = json.loads((path / "stages.json").read_text())
    tried = json.loads((path / "confirmed.json").read_text())
    assert len(tried) in (1, 2) and {row["stage"] for row in tried} == {"path"}
    problem = make_style_problem(config)
    archive = Archive.open(path / "archive.csv", problem.supernet.space).at("path")
    rows = {row.text: row for row in archive.stage_rows}
    assert min(tried, key=lambda r: r["total"])["arch"] == stage["best"]
    for row in tried:
        found = rows[row["arch"]]
        options = problem.supernet.space.decode(np.array(found.arch, np.int32))
        assert set(row["options"]) <= {f"{choice}={option}" for choice, option in options.items()}
        assert row["inherited"] == found.columns["total"] and np.isfinite(row["total"])
    monkeypatch.setattr("nasjax.chain.style.confirm.tune", None)
    run, space = RunFolder(path), problem.supernet.space.at_stage("path")
    place = decide(run, problem, space=space, params=problem.init(), archive=archive)
    assert archive.stage_rows[place].text == stage["best"]


def test_what_training_alone_says_decides(config, tmp_path, monkeypatch):
    """The last on shared weights wins where it is the best alone; networks over the budget are not even trained."""
    problem = make_style_problem(config)
    space, run = problem.supernet.space.at_stage("path"), RunFolder(tmp_path)
    archs = np.asarray(random_archs(jax.random.key(0), space, 12))
    totals, over = np.arange(12.0), np.arange(12) % 3 == 0
    found = Evaluation(totals[:, None], over.astype(float), {"total": totals})
    archive = Archive(problem.supernet.space).at("path").add(archs, found, 0)
    kept = [row for row in archive.stage_rows if row.violation <= 0]
    asked = representatives(kept, space, order=lambda row: row.columns["total"])
    names = [f"confirm/path-{place}" for place in range(len(asked))]
    known = [{"phase": n, "arch": r.row.text, "total": -i} for i, (n, r) in enumerate(zip(names, asked, strict=True))]
    run.write("confirmed.json", known)
    monkeypatch.setattr("nasjax.chain.style.confirm.tune", None)  # whatever is not known would be trained
    place = decide(run, problem, space=space, params=problem.init(), archive=archive)
    assert len(asked) > 1 and archive.stage_rows[place] == asked[-1].row != kept[0]
    unconfirmed = replace(problem, config=replace(config, confirm=replace(config.confirm, decisions=())))
    place = decide(run, unconfirmed, space=space, params=problem.init(), archive=archive)
    assert archive.stage_rows[place] == kept[0]


def test_another_config_is_refused(finished, config):
    """A run folder belongs to one config; the message names what differs."""
    with pytest.raises(ValueError, match="seed was 0, now 1"):
        run_style_experiment(replace(config, seed=1), finished[0], say=lambda text: None)


def test_the_config_survives_json(config):
    """config.json is enough to build it again."""
    assert from_dict(json.loads(json.dumps(as_dict(config)))) == config


def test_what_cannot_work_is_refused_before_training(config):
    """Budgets, sizes, stages, pairs, objectives and weights."""
    with pytest.raises(ValueError, match="macs"):
        make_style_problem(replace(config, budget=("macs<=1K",)))
    with pytest.raises(ValueError, match="data.patch must be a multiple of 4"):
        make_style_problem(replace(config, data=replace(config.data, patch=30)))
    with pytest.raises(ValueError, match="must be those of the space"):
        make_style_problem(replace(config, stages=config.stages[:1]))
    with pytest.raises(ValueError, match="not a folder with pictures"):
        make_style_problem(replace(config, pairs=PairsConfig(search="/nowhere")))
    with pytest.raises(ValueError, match="one or more of edge, style, teacher, cost"):
        replace(config, objectives=("beauty",))
    with pytest.raises(ValueError, match="confirm.decisions: 'paths' is none of the stages path, operator"):
        replace(config, confirm=replace(config.confirm, decisions=("paths",)))
    with pytest.raises(ValueError, match="weights"):
        replace(config, weights=(0.0, 0.0, 0.0, 0.0))


def test_the_teacher_has_everything():
    """Every transfer, edge, norm, extra convolution and larger reduction, at the widest."""
    space = photonet((4, 6, 8, 8), (1, 1, 1, 1), decoder=((2, 4), (6,), (8,))).space
    options = space.decode(teacher_arch(space))
    assert options.pop("w1") == "4"
    assert set(options.values()) == {"on", "norm", "conv", "3x3"}


def test_profile_and_other_commands(capsys):
    """`nasjax profile` knows the space; commands for super-resolution say that they are."""
    assert main(["profile", "photonet"]) == 0
    assert "photonet3" in capsys.readouterr().out
    assert main(["finetune", "photonet", "--arch", "x"]) == 2
    assert "style-transfer" in capsys.readouterr().err
