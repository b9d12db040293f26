"""The laws of the chain, for every shipped system and for one that a user wrote."""

import json
import re
import shlex
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

from nasjax.chain.configs import as_dict, load_config
from nasjax.chain.experiment import run_experiment
from nasjax.chain.problem import Problem, make_problem
from nasjax.chain.steps import evaluate_arch, evaluate_bundle, export_arch, finetune_arch, train_one
from nasjax.cli import main
from nasjax.config import Experiment
from nasjax.export.trainable import load_trainable
from nasjax.export.weights import flatten
from nasjax.search.archive import Archive
from tests.chain.members import MEMBERS, member
from tests.chain.started import heard, started
from tests.chain.stopped import assert_same_run, stopped_everywhere
from tests.conftest import forget, give_back
from tests.report.browser import browser, find_chromium


class Finished(NamedTuple):
    """A run that went through without a stop: its experiment, problem, folder, results, and what was said."""

    experiment: Experiment
    problem: Problem
    path: Path
    results: dict[str, Any]
    said: list[str]


@pytest.fixture(scope="module", params=list(MEMBERS))
def finished(request, tmp_path_factory) -> Finished:
    """One run of each system, to the end; its programs are forgotten before the next one's."""
    forget()  # here, where nobody holds the one before any more
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "pictures").mkdir()
    experiment, said = member(request.param, folder / "pictures"), []
    problem = make_problem(experiment, folder / "run", say=said.append)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nasjax.chain.experiment.make_problem", lambda *args, **more: problem)
        results = run_experiment(experiment, folder / "run", say=said.append)
    return Finished(experiment, problem, folder / "run", results, said)


@pytest.fixture(autouse=True)
def trimmed() -> Iterator[None]:
    """What a law has compiled for itself is not kept until Python looks for it."""
    yield
    give_back()


@pytest.fixture(scope="module")
def problem(finished) -> Problem:
    """What the run worked on, and what it compiled: for the laws that read it, or run it again."""
    return finished.problem


@pytest.fixture
def steps_of_one(finished, monkeypatch) -> None:
    """What single steps work on is made of the folder's config by the first of them, and the next ones take it."""
    made: dict[bool, Problem] = {True: finished.problem}

    def once(experiment: Experiment, path: Path, *, decides: bool = True, say: Callable[[str], None]) -> Problem:
        if decides not in made:
            made[decides] = make_problem(experiment, path, decides=decides, say=say)
        return made[decides]

    monkeypatch.setattr("nasjax.chain.steps.make_problem", once)


def another_final(problem: Problem, **changes: Any) -> Problem:
    """The same with other final settings: what these do not change is compiled already."""
    experiment = problem.experiment
    other = replace(problem, experiment=replace(experiment, final=replace(experiment.final, **changes)))
    vars(other)["kept"] = problem.kept
    return other


def content(path: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {str(p.relative_to(path)): p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}


def record(path: Path, name: str) -> Any:
    """A JSON file of a run."""
    return json.loads((path / f"{name}.json").read_text(encoding="utf-8"))


def needed(formats: Sequence[str]) -> tuple[Any, ...]:
    """Of the formats of a bundle, the one that a user's own space cannot do without; all are in the finished run."""
    return tuple(name for name in formats if name == "stablehlo")


def test_a_run_leaves_the_whole_record(finished):
    """Every file of the run-folder contract is there; what is a number is finite; the run says that it is done."""
    path, results = finished.path, finished.results
    names = ("config", "environment", "system", "status", "stages", "fairness", "ledger", "images", "phases", "results")
    for name in names:
        assert record(path, name), name
    assert record(path, "results") == results and not {"NaN", "Infinity"} & set((path / "results.json").read_text())
    status = record(path, "status")
    assert status["done"] is True and status["state"] == "done" and status["phase"] == "done"
    files = {panel["file"] for row in record(path, "images") for panel in row["panels"] + row["beside"]}
    assert files and all((path / file).stat().st_size > 0 for file in files)
    assert (path / "report.html").stat().st_size > 1000 and (path / "before_after.png").stat().st_size > 100
    assert {row["phase"] for row in record(path, "environments")} == {row["phase"] for row in record(path, "ledger")}


def test_how_many_pictures_decide_is_said(finished):
    """Of every shipped system: patches may be many where the pictures behind them are few."""
    said = record(finished.path, "results")["search_protocol"]
    assert type(finished.experiment.system).__module__.endswith("my_task") or re.search(
        r"\b\d+ (\w+ )?(pictures|pairs)", said
    )


def test_fairness_of_every_stage_is_exact(finished):
    """Strict-fair stages trained every option equally often."""
    stages = record(finished.path, "fairness")["stages"]
    assert stages and all(s["gap"] == 0 and s["rounds"] == 2 for s in stages)


def test_the_found_network_keeps_the_budget_and_costs_what_the_table_says(finished, problem):
    """Counted on the network itself, and by the cost table: the same."""
    found, arch = finished.results["rows"][0], problem.space.parse(finished.results["arch"])
    assert found["role"] == "found" and found["arch"] == finished.results["arch"]
    costs = problem.table(arch)
    assert {n: found["values"][n] for n in ("params", "macs")} == {n: int(costs[n]) for n in ("params", "macs")}
    assert problem.budgets.kept(problem.table(arch[None])).all()


def test_networks_are_scored_like_candidates(finished, problem):
    """What decides, of the inherited weights, is what the search saw last."""
    rows = {row["role"]: row for row in finished.results["rows"]}
    archive = Archive.open(finished.path / "archive.csv", problem.space)
    seen = [row.columns["total"] for row in archive.rows if row.text == finished.results["arch"]][-1]
    assert rows["inherited"]["values"]["total"] == pytest.approx(seen, rel=1e-4)


def test_every_row_is_measured_and_trained_as_often_as_asked(finished):
    """Networks that were trained have as many trainings as seeds, with the spread of each measure beside the mean."""
    seeds = finished.experiment.final.seeds
    measures = {m["name"] for m in record(finished.path, "system")["measures"]}
    for row in finished.results["rows"]:
        assert set(row["values"]) <= measures
        assert all(np.isfinite(v) for v in row["values"].values())
        if row["role"] in ("found", "finalist", "scratch", "rival"):
            assert row["trainings"] == seeds and ("total" in row["spread"]) == (seeds > 1)


def test_a_stopped_run_goes_on_to_the_bit(finished, problem, tmp_path, monkeypatch, capfd):
    """Stopped before every single phase and called again, it makes the same archive, weights and scores, silently."""
    # Graphs of all formats are in the finished run.
    problem = another_final(problem, formats=needed(problem.experiment.final.formats))
    capfd.readouterr()
    stops = stopped_everywhere(problem, tmp_path / "run", monkeypatch)
    assert capfd.readouterr() == ("", "") and len(stops) > 4
    assert_same_run(tmp_path / "run", finished.path, stops)


def test_a_finished_run_is_read_and_not_touched(finished, monkeypatch):
    """Called again it trains nothing, returns its results, and leaves every byte of its folder as it was."""
    before = content(finished.path)
    monkeypatch.setattr("nasjax.chain.experiment.make_problem", None)
    assert run_experiment(finished.experiment, finished.path, say=None) == finished.results
    assert content(finished.path) == before


def test_another_config_is_refused_by_field_and_its_folder_stays(finished):
    """The phase and the field are named, and what was, and is, in it."""
    before = content(finished.path)
    other = replace(finished.experiment, seed=1)
    with pytest.raises(ValueError, match=r"supernet/\w+ of another config: seed was 0, now 1.*--from"):
        run_experiment(other, finished.path, say=None)
    assert content(finished.path) == before


def test_a_budget_out_of_reach_is_refused_before_anything(finished, tmp_path):
    """It names the range; nothing is compiled and no run is begun."""
    seen: list[str] = []

    def listen(event: str, seconds: float, **metadata: Any) -> None:
        seen.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        with pytest.raises(ValueError, match="params<=9.* cannot be met.*reaches"):
            run_experiment(replace(finished.experiment, budget=("params<=9",)), tmp_path / "run", say=None)
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    assert not [event for event in seen if event.endswith("backend_compile_duration")]
    assert not (tmp_path / "run" / "config.json").exists()


def test_what_still_holds_is_taken_over(finished, problem, tmp_path, monkeypatch):
    """With another final training, supernets and searches come from the other run, to the byte, not repeated."""
    final = finished.experiment.final
    train, formats = replace(final.train, lr=1e-4), needed(final.formats)
    other = another_final(problem, number=1, seeds=1, train=train, rivals=False, scratch=False, formats=formats)
    monkeypatch.setattr("nasjax.chain.experiment.make_problem", lambda *args, **more: other)
    file = tmp_path / "config.json"
    file.write_text(json.dumps(as_dict(other.experiment)))
    run = tmp_path / "run"
    assert main(["search", str(file), "--run", str(run), "--from", str(finished.path), "--json"]) == 0
    assert (run / "archive.csv").read_bytes() == (finished.path / "archive.csv").read_bytes()
    old = {row["phase"]: row for row in record(finished.path, "ledger")}
    new = {row["phase"]: row for row in record(run, "ledger")}
    kept = [phase for phase in old if phase.startswith(("supernet/", "search/", "confirm/"))]
    assert kept and all(new[phase] == old[phase] for phase in kept)
    assert new["finalist/0-0"] != old["finalist/0-0"]


def test_the_config_comes_back_from_the_run(finished):
    """A run folder is a config; so is its JSON. A system of one's own comes from the copy of its file there."""
    mine = as_dict(finished.experiment)
    for place in (finished.path, finished.path / "config.json"):
        theirs = as_dict(load_config(place))
        assert theirs | {"kind": mine["kind"]} == mine and theirs["kind"]["name"] == mine["kind"]["name"]


@pytest.mark.usefixtures("steps_of_one")
def test_any_arch_can_be_tuned_scored_and_shipped(finished, problem, tmp_path):
    """Another network than the found one: trained by command, scored by the same protocol, exported to a bundle."""
    path = tmp_path / "run"
    shutil.copytree(finished.path, path)
    arch = problem.space.text(problem.table.minimum("params").arch)
    inherited = evaluate_arch(path, arch, say=lambda text: None)
    assert inherited["weights"] == "shared weights as they are"
    finetune_arch(load_config(path), path, arch, say=lambda text: None)
    tuned = evaluate_arch(path, arch, say=lambda text: None)
    name = next(name for name, weight in problem.ground.weights.items() if weight)
    assert tuned["weights"].startswith("finetune-") and tuned[name] != inherited[name]
    assert record(path, "status")["state"] == "done"  # a finished run stays one
    formats = needed(finished.experiment.final.formats)
    manifest = export_arch(path, arch, tmp_path / "bundle", formats=formats, trainable=True, say=lambda text: None)
    graphs = {file for file in manifest["files"] if file.startswith("model.")}
    assert graphs == {"model.safetensors", *(f"model.{name}" for name in formats)}
    net, trained = problem.networks.supernet, load_file(path / "checkpoints" / f"{tuned['weights']}.safetensors")
    like = net.extract_params(problem.init(), problem.space.parse(arch))
    kept = flatten(load_trainable(tmp_path / "bundle", like))
    for leaf, value in trained.items():  # a stylising network is kept with 16 bits
        np.testing.assert_allclose(kept[leaf], value, rtol=1e-3, atol=1e-7)


@pytest.mark.usefixtures("steps_of_one")
def test_weights_are_read_back_for_what_they_were_trained_on_alone(finished, problem, tmp_path, monkeypatch):
    """A stage that is trained by command after other decisions, and an arch from another start: refused, in words."""
    path, said, stage = tmp_path / "run", [], problem.space.stages[-1]
    shutil.copytree(finished.path, path)
    ends = [problem.table.minimum("params").arch, problem.table.maximum("params").arch]
    found, experiment = problem.space.parse(finished.results["arch"]), load_config(path)
    others = [arch for arch in ends if problem.space.at_stage(stage, arch) != problem.space.at_stage(stage, found)]
    if (path / "checkpoints" / f"supernet-{stage}.safetensors").is_file():
        before = content(path / "checkpoints")
        train_one(experiment, path, stage, decided=finished.results["arch"], say=said.append)
        assert f"supernet/{stage}: trained before" in said and content(path / "checkpoints") == before
        with pytest.raises(ValueError, match=f"holds supernet/{stage} of another kind: .* was .*, now "):
            train_one(experiment, path, stage, decided=problem.space.text(others[0]), say=said.append)
    phases = record(path, "phases")
    row = next(row for row in phases if row["phase"] == "finalist/0-0")
    assert row["given"]["arch"] in {r["arch"] for r in finished.results["rows"] if "arch" in r}
    row["given"]["arch"] = "another"
    (path / "phases.json").write_text(json.dumps(phases))
    (path / "results.json").unlink()
    monkeypatch.setattr("nasjax.chain.experiment.make_problem", lambda *args, **more: problem)
    with pytest.raises(ValueError, match="holds finalist/0-0 of another kind: arch was 'another', now"):
        run_experiment(experiment, path, say=None)


@pytest.mark.skipif(find_chromium() is None, reason="needs Chromium")
def test_the_report_opens(finished, tmp_path):
    """In a browser: it draws on a phone, complains about nothing, loads nothing, and shows the strips of the run."""
    with browser(tmp_path) as page:
        page.open(finished.path / "report.html", width=360)
        assert page.errors == []
        own = (finished.path / "report.html").as_uri()
        assert [url for url in page.requests if not url.startswith("data:")] == [own]
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        text = page.evaluate("document.body.innerText")
    assert finished.experiment.system.title in text
    assert all(row["name"] in text for row in finished.results["rows"])


def test_the_bundle_is_scored_by_its_own_system(finished, problem):
    """Where a system tests finished networks alone, its bundle gives what the table of the run says."""
    bundle, found = finished.path / "export", finished.results["rows"][0]
    ground = problem.ground
    if ground.test is None:
        with pytest.raises(ValueError, match="nasjax evaluate RUN"):
            evaluate_bundle(bundle, say=lambda text: None)
        return
    scores = evaluate_bundle(bundle, say=lambda text: None)
    names = [m.name for m in ground.measures if m.name in scores]
    assert names
    for name in names:
        low, high = (found["values"][name] + s * found["spread"].get(name, 0) for s in (-1, 1))
        assert low - 1e-3 <= scores[name] <= high + 1e-3, name


def test_the_bundle_is_applied_to_a_photograph(finished, tmp_path):
    """`nasjax apply` or `stylize`, whatever channels the network takes: a picture of colours of the stated size."""
    photo, out = tmp_path / "in.png", tmp_path / "out.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 56, 3), dtype=np.uint8)).save(photo)
    words = shlex.split(finished.results["use"])
    given = iter([str(photo)] * (len([word for word in words if word.endswith((".png", ".jpg"))]) - 1) + [str(out)])
    argv = [next(given) if word.endswith((".png", ".jpg")) else word for word in words[1:]]
    assert main(argv) == 0
    with Image.open(out) as picture:
        assert picture.mode == "RGB" and picture.size[0] % 56 == picture.size[1] % 40 == 0


@pytest.mark.parametrize("finished", ["own"], indirect=True)
def test_a_folder_has_one_owner_and_a_killed_one_is_replaced(finished, problem, tmp_path, monkeypatch, capfd):
    """A second search is refused in one line that names the first; killed, its lock and its phases are taken over.

    What comes out is to the bit what a run that nobody killed makes.
    """
    run, whole = tmp_path / "run", finished.path
    short = ("--final.formats", "stablehlo", "--final.no-rivals", "--final.no-scratch")
    words = ("search", str(whole / "config.json"), "--run", str(run), *short)
    first = started(*words)
    heard(first, "search/path 1/2")
    try:
        first.send_signal(signal.SIGSTOP)  # what owns the folder stays, and takes no time
        capfd.readouterr()
        assert main(words) == 2
        refused = capfd.readouterr().err
    finally:
        first.send_signal(signal.SIGKILL)
        first.communicate()
    assert len(refused.strip().splitlines()) == 1
    assert f"in use by process {first.pid}" in refused and "since" in refused
    # It has all that the killed one had to make for itself, compiled.
    monkeypatch.setattr("nasjax.chain.experiment.make_problem", lambda *args, **more: problem)
    assert main(words) == 0
    steps = {line.split()[0] for line in capfd.readouterr().err.splitlines() if line.startswith("  ")}
    assert steps and "supernet/path" not in steps
    names = sorted(p.name for p in (run / "checkpoints").glob("*.safetensors"))
    assert "supernet-channel.safetensors" in names and "finalist-0-0.safetensors" in names
    for name in ("archive.csv", *(f"checkpoints/{name}" for name in names)):
        assert (run / name).read_bytes() == (whole / name).read_bytes(), name
