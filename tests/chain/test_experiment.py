"""The whole chain on a tiny quick start: every file of a run folder, resuming, and the commands on it."""

import csv
import json
import math
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageDraw

import nasjax
from nasjax.chain import experiment, live
from nasjax.chain.configs import as_dict, from_dict, load_config, shipped
from nasjax.chain.experiment import run_experiment
from nasjax.chain.folder import RunFolder, begin, open_run
from nasjax.chain.phases import search_stage
from nasjax.chain.problem import Problem, make_problem, validation_pairs
from nasjax.cli import main
from nasjax.config import Config
from nasjax.ops.params import merge_params
from nasjax.ops.resize import upscale
from nasjax.report import write_report
from nasjax.search.archive import Archive
from nasjax.search.coarse_to_fine import coarse_to_fine
from nasjax.tasks.super_resolution import MARGIN, degrade

STAGES = ("path", "operator", "channel")


class Finished(NamedTuple):
    """A finished run: what it returned, said and compiled (when), and which moments its report showed."""

    path: Path
    results: dict[str, Any]
    said: list[str]
    compiled: list[float]
    pages: list[tuple[str, int]]


def drawn(seed: int) -> Image.Image:
    """A picture with edges, just as large as the tests need."""
    noise = np.random.default_rng(seed)
    image = Image.new("RGB", (256, 192), (90, 140, 190))
    pen = ImageDraw.Draw(image)
    for x, y, size, *colour in noise.integers(0, 255, (150, 6)).tolist():
        pen.ellipse((x, y - 20, x + size // 6, y - 20 + size // 4), tuple(colour))
    return image


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> Config:
    """The quick start with two operators and two widths on twelve small pictures: few programs, little to decode."""
    pictures = tmp_path_factory.mktemp("pictures")
    for i in range(12):
        drawn(i).save(pictures / f"{i}.png")
    tiny = load_config("quickstart").tiny()
    space = replace(tiny.space, ops=("res", "ir2k3"), trunk=(12, 16), inner=(8, 16))
    data = replace(tiny.data, source=str(pictures))
    # On a busy machine a checkpoint by time would come between two steps, and compile programs of its own.
    train = replace(tiny.final.train, checkpoint_seconds=0.0)
    stages = tuple(replace(stage, train=train) for stage in tiny.stages)
    return replace(tiny, space=space, data=data, stages=stages, final=replace(tiny.final, train=train, scratch=False))


@pytest.fixture(scope="module", autouse=True)
def _largest_wins():
    """Decisions take the feasible arch of most params: one without a block would leave the operator stage nothing."""

    def largest(objectives: np.ndarray, violation: np.ndarray) -> int:
        return int(np.lexsort((-objectives[:, 1], violation))[0])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment, "coarse_to_fine", partial(coarse_to_fine, choose=largest))
        yield


@pytest.fixture(scope="module")
def problem(config) -> Problem:
    """What that config is about."""
    return make_problem(config)


@pytest.fixture(scope="module")
def run(config, tmp_path_factory) -> Finished:
    """One finished run, its report written at every occasion, which fails while the operator stage is trained."""
    path = tmp_path_factory.mktemp("run") / "tiny"
    said, compiled, pages = [], [], []

    def listen(event: str, seconds: float, **metadata: Any) -> None:
        if event.endswith("backend_compile_duration"):
            compiled.append(time.time())

    def page(folder: Path) -> Path:
        file = folder / "status.json"
        status = json.loads(file.read_text()) if file.is_file() else {"phase": "", "step": 0}
        pages.append((status["phase"], status["step"]))
        if status["phase"] == "supernet/operator":
            raise OSError(28, "No space left on device")
        return write_report(folder)

    jax.monitoring.register_event_duration_secs_listener(listen)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(live, "write_report", page)
        for name, value in {"_EVERY_S": 0.0, "_SHARE": math.inf, "_SHARE_AT_ONCE": math.inf}.items():
            patch.setattr(live, name, value)
        results = nasjax.run_experiment(config, path, say=said.append)
    return Finished(path, results, said, list(compiled), pages)


def ledger(path: Path) -> dict[str, dict[str, Any]]:
    """The rows of a run's ledger by phase, in its order."""
    return {row["phase"]: row for row in json.loads((path / "ledger.json").read_text())}


def lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a run's metrics."""
    return [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]


def test_a_run_leaves_the_whole_record(run):
    """Every file of the run-folder contract is there and readable."""
    path, results = run.path, run.results
    for name in ("config", "environment", "status", "stages", "fairness", "ledger", "results", "diagram", "images"):
        assert json.loads((path / f"{name}.json").read_text()), name
    assert json.loads((path / "status.json").read_text())["done"] is True
    assert [s["stage"] for s in json.loads((path / "stages.json").read_text())] == list(STAGES)
    assert {r["name"] for r in results["rows"]} == {"found, fine-tuned", "found, inherited", "hand-made", "bicubic"}
    for name in ("report.html", "before_after.png", "export/model.onnx", "export/model.stablehlo"):
        assert (path / name).stat().st_size > 1000, name


def test_fairness_of_every_stage_is_exact(run):
    """Strict-fair stages trained every option equally often."""
    stages = json.loads((run.path / "fairness.json").read_text())["stages"]
    assert [s["gap"] for s in stages] == [0, 0, 0]
    assert all(s["rounds"] == 2 for s in stages)


def test_the_found_arch_is_in_budget_and_costs_what_the_table_says(run, config):
    """Counted on the deployed network, by the cost table, and on the export: three times the same."""
    path, results = run.path, run.results
    found = next(r for r in results["rows"] if r["name"] == "found, fine-tuned")
    with open(path / "archive.csv", newline="") as file:
        row = next(r for r in csv.DictReader(file) if r["arch"] == results["arch"] and r["stage"] == "channel")
    card = json.loads((path / "export" / "card.json").read_text())
    assert int(row["params"]) == found["params"] == card["params"] <= 27_000
    assert int(row["macs"]) == found["macs"] == card["macs"]["value"]


def test_compilation_is_counted_apart(run):
    """Each phase's ledger row splits off compile time, and says how many programs were compiled."""
    trained = ledger(run.path)["supernet/path"]
    assert trained["compile_s"] > 0 and trained["compiles"] > 0 and trained["steps"] == 2


def test_the_report_is_written_while_it_runs(run):
    """Every look at a training and every generation of a search was shown, the last page when all was done."""
    shown = [("", 0), *((row["phase"], row["step"]) for row in lines(run.path))]
    assert set(shown) <= set(run.pages)
    assert {f"{kind}/{stage}" for kind in ("supernet", "search") for stage in STAGES} <= {phase for phase, _ in shown}
    assert run.pages[-1][0] == "done"


def test_a_failing_report_does_not_stop_the_run(run):
    """The pages of the operator stage could not be written: one line says so, and the run went on to its end."""
    assert sum("could not be written" in line for line in run.said) == 1
    assert ("supernet/operator", 2) in run.pages
    assert "found, fine-tuned" in (run.path / "report.html").read_text()


def test_new_plans_compile_nothing(run):
    """A training compiles before its first step is logged, and nothing from then on: each step has a new plan."""
    assert len(run.compiled) >= sum(row["compiles"] for row in ledger(run.path).values()) > 100
    for phase in (*(f"supernet/{stage}" for stage in STAGES), "finetune", "handmade"):
        times = [row["time"] for row in lines(run.path) if row["phase"] == phase]
        assert len(times) == 2
        assert not [t for t in run.compiled if times[0] < t < times[-1]], phase


def test_more_generations_compile_nothing_more(run, config, problem, tmp_path):
    """Three generations of new archs need exactly the programs that one generation needs."""
    shared = problem.supernet.init(jax.random.fold_in(problem.key, 0))
    shared = merge_params(shared, RunFolder(run.path).load_params("supernet/path"))
    counts = {}
    for generations in (1, 3):
        again = begin(tmp_path / str(generations), problem, lambda text: None)
        stage = replace(config.stages[0], generations=generations)
        archive = Archive.open(again.run.path / "archive.csv", problem.supernet.space).at("path")
        space = problem.supernet.space.at_stage("path")
        archive = search_stage(again, stage, space, params=shared, archive=archive)
        assert len({row.generation for row in archive.rows}) == generations
        counts[generations] = ledger(again.run.path)["search/path"]["compiles"]
    assert counts[1] == counts[3] >= 1


def test_networks_are_scored_like_candidates(run, config):
    """`search_score` of the inherited weights is what the search saw; that of bicubic follows by hand."""
    scores = {row["name"]: row["search_score"] for row in run.results["rows"]}
    with open(run.path / "archive.csv", newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["arch"] == run.results["arch"] and r["stage"] == "channel"]
    assert scores["found, inherited"] == pytest.approx(float(rows[0]["psnr_y"]), abs=2e-3)
    assert len(set(scores.values())) == len(run.results["rows"]) == 4
    pairs = validation_pairs(config)
    low, _ = degrade(jnp.asarray(pairs, jnp.float32) / 127.5 - 1, 4)
    large = np.clip(np.round((np.asarray(upscale(low, 4, "bicubic")) + 1) * 127.5), 0, 255)
    cut = 4 * MARGIN + 4  # what degrading cuts off, and the four pixels of the protocol
    weights = np.array([65.481, 128.553, 24.966]) / 255
    error = (large[:, 4:-4, 4:-4].astype(np.float64) - pairs[:, cut:-cut, cut:-cut]) @ weights
    by_hand = np.mean(10 * np.log10(255**2 / np.square(error).mean((1, 2))))
    assert scores["bicubic"] == pytest.approx(by_hand, abs=1e-3)


def test_what_figures_stand_for_is_stated(run, config):
    """MACs say at which size, pictures are in the order to compare them in, and the time is that of all phases."""
    results = run.results
    assert results["macs_at"] == list(config.macs_at) and "256x192 px" in results["protocol"]
    assert results["seconds"] == pytest.approx(sum(row["wall_s"] for row in ledger(run.path).values()), abs=0.1)
    assert json.loads((run.path / "results.json").read_text()) == results
    panels = json.loads((run.path / "images.json").read_text())[0]["panels"]
    assert [p["label"] for p in panels] == ["input", "bicubic", "hand-made", "found", "ground truth"]
    stage = json.loads((run.path / "stages.json").read_text())[0]
    assert stage["stands_for"] == {"b1": {"res": ["res", "ir2k3"]}}


def test_calling_again_trains_nothing(run, config, monkeypatch):
    """All that was trained and searched is read back: the same network with the same weights goes into evaluation."""
    before, phases = (run.path / "archive.csv").read_text(), ledger(run.path)
    given = []
    monkeypatch.setattr(experiment, "compare", lambda experiment, outcome: given.append(outcome) or dict(run.results))
    monkeypatch.setattr(experiment, "export_network", lambda experiment, outcome, results: {})
    again = run_experiment(config, run.path, say=lambda text: None)
    assert again["arch"] == run.results["arch"] and (run.path / "archive.csv").read_text() == before
    assert {phase: row["steps"] for phase, row in ledger(run.path).items()} == {
        p: r["steps"] for p, r in phases.items()
    }
    assert list(ledger(run.path)) == list(phases)
    tuned = RunFolder(run.path).load_params("finetune")
    jax.tree.map(np.testing.assert_array_equal, given[0].tuned, tuned)
    assert not all(
        np.array_equal(*pair) for pair in zip(*map(jax.tree.leaves, (given[0].inherited, tuned)), strict=True)
    )


def test_a_run_of_another_config_is_refused(run, config):
    """The first differing fields are named, and nothing is touched."""
    before = (run.path / "config.json").read_text()
    with pytest.raises(ValueError, match=r"seed was 0, now 1"):
        run_experiment(replace(config, seed=1), run.path, say=lambda text: None)
    assert (run.path / "config.json").read_text() == before


def test_a_run_from_before_a_field_existed_goes_on(tmp_path):
    """A field that an older run did not know had its default; one that is unknown now is named."""
    config = Config()
    old = json.loads(json.dumps(as_dict(config)))
    del old["final"]["train"]["remat"], old["cost"]
    (tmp_path / "config.json").write_text(json.dumps(old))
    with pytest.raises(ValueError, match=r"final\.train\.remat was False, now True"):
        open_run(tmp_path, replace(config, final=replace(config.final, train=replace(config.final.train, remat=True))))
    assert open_run(tmp_path, config).read("config.json")["final"]["train"]["remat"] is False
    (tmp_path / "config.json").write_text(json.dumps(old | {"colour": "blue"}))
    with pytest.raises(ValueError, match="colour was 'blue'"):
        open_run(tmp_path, config)


def test_commands_on_a_run(run, tmp_path, capsys):
    """`report`, `export`, `evaluate` and `apply` work on the folder a search left."""
    picture = tmp_path / "in.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (17, 23, 3), dtype=np.uint8)).save(picture)
    assert main(["report", str(run.path)]) == 0
    assert main(["apply", str(run.path / "export"), str(picture), str(tmp_path / "out.png")]) == 0
    with Image.open(tmp_path / "out.png") as enlarged:
        assert enlarged.size == (92, 68)
    folder = tmp_path / "pictures"
    folder.mkdir()
    with Image.open(picture) as small:
        for i in range(3):
            small.resize((64, 48)).save(folder / f"{i}.png")
    capsys.readouterr()
    assert main(["evaluate", str(run.path), "--data", str(folder), "--split", "all"]) == 0
    assert json.loads(capsys.readouterr().out)["psnr_y"] > 5


def test_every_shipped_config_survives_json():
    """config.json is enough to build the config again."""
    assert shipped()
    for name in shipped():
        config = load_config(name)
        assert from_dict(json.loads(json.dumps(as_dict(config)))) == config
