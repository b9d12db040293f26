"""Run folders of the first layout stay readable: super-resolution and style transfer, as they were written then."""

import json
import re
from pathlib import Path

import pytest

import nasjax
from nasjax.report import render
from nasjax.report.curves import curves_view
from nasjax.report.front import views
from nasjax.report.headline import headline
from nasjax.report.ledger import ledger_notes, read_ledger
from nasjax.report.marks import marks
from nasjax.report.pictures import pictures_view
from nasjax.report.results import results_view
from nasjax.report.run import load_run
from nasjax.report.stages import stages_view
from nasjax.report.usage import usage_view
from tests.report.make_old_run import make_old_run, old_results
from tests.report.make_old_style_run import ARCH, CONFIRMED, FINALISTS, STAGES, make_old_style_run, results
from tests.report.make_run import make_run
from tests.report.outline import Outline


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """A super-resolution run of old."""
    return make_old_run(tmp_path_factory.mktemp("old"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A style run of old."""
    return make_old_style_run(tmp_path_factory.mktemp("style") / "photonet")


@pytest.fixture(scope="module")
def run(folder):
    """It, read."""
    return load_run(folder, now=0.0)


def test_super_resolution_reads_as_today(old, tmp_path):
    """The same run in both layouts has the same head, table, marks and stages; only what scores mean was not said."""
    then, now = load_run(old, now=0.0), load_run(make_run(tmp_path, num_pictures=1, side=64), now=0.0)
    assert headline(then).sentence == headline(now).sentence and headline(then).tiles == headline(now).tiles
    found = [(row.role, row.values, row.search) for row in then.rows]
    assert found == [(row.role, row.values, row.search) for row in now.rows]
    assert [row.spread for row in then.rows][3] == {"latency_ms": 2.1}
    assert marks(then, views(then)[0]) == marks(now, views(now)[0])
    assert [stage.facts for stage in stages_view(then)] == [stage.facts for stage in stages_view(now)]
    assert pictures_view(then).shots[0].pair == (1, 3) and then.system.costs_at == "1280x720" and then.state == "done"


def test_only_the_reader_of_old_knows_names():
    """Scores, rivals and commands of a system are named nowhere in the report but where old folders are read."""
    folder = Path(nasjax.__file__).parent / "report"
    files = [*folder.glob("*.py"), *folder.glob("templates/*"), folder.parent / "plots.py"]
    words = re.compile("psnr|ssim|lpips|bicubic|stylize|super-resolution|hand-made|everything on", re.IGNORECASE)
    assert [file.name for file in files if words.search(file.read_text(encoding="utf-8"))] == ["old.py"]


def test_flags_of_old_say_which_way_is_better(old, tmp_path):
    """One flag for all scores, or one a score."""
    for flag, ways in ((False, ["lower", "lower"]), ({"ssim_y": False}, ["higher", "lower"])):
        (tmp_path / "results.json").write_text(json.dumps(old_results() | {"higher_is_better": flag}))
        assert [measure.better for measure in load_run(tmp_path).measures.values()] == ways


def test_the_whole_page(folder):
    """Nothing is missing but the diagram, and nothing is of super-resolution."""
    read = Outline(page := render(folder))
    assert "Not in this run" not in read.text and "PSNR" not in read.text and "bicubic" not in read.text
    assert 'http-equiv="refresh"' not in page and len(read.ids()) == len(set(read.ids()))
    assert {"results", "pictures", "pareto", "stages", "fairness", "ledger", "usage"} <= set(read.ids())


def test_headline_of_a_style_run(run):
    """Size, the sum that decided, against everything on (1.3578 - 0.7130; 1 - 2.73 / 4.9 = 44 %), and the time."""
    head = headline(run)
    assert head.sentence.replace("\xa0", " ") == (
        "The search found a network of 44.1 K parameters and 2.73 G MACs at 512x512, whose total is 0.7130: "
        "0.6448 better than everything on, with 44 % fewer MACs."
    )
    assert head.tiles[-1][0].replace("\xa0", " ") == "9 min"


def test_results_show_finalists_with_their_spread(run):
    """Total first, with half the range of the trainings; the smallest is the best; what decides is spelled out."""
    found = results_view(run)
    assert [column.label for column in found.table.columns[1:4]] == ["Total ↓", "Edge error ↓", "Style distance ↓"]
    first, _, second, _ = found.table.rows
    assert first[1] == ("0.7130\xa0±\xa00.0004", "best of this column", True, False) and not second[1].strong
    assert (
        found.meanings[0] == ("Total", "edge + style + 0.1 cost.") and [row.role for row in run.rows][2] == "finalist"
    )


def test_candidates_of_a_style_run(run):
    """The sum against MACs; the found network alone is on the front; those of the table, scored alike, are marked."""
    view = views(run)[0]
    assert (view.y.name, view.x.name) == ("total", "macs") and [row["arch"] for row in view.front] == [ARCH]
    placed = {mark.role: (mark.x, mark.y) for mark in marks(run, view)}
    assert placed["found"] == (2.73e9, 0.7130) and placed["reference"] == (4.9e9, 1.3578) and set(placed) >= {"seen"}


def test_stages_and_curves_of_a_style_run(run):
    """Scores of each stage's winner, networks trained alone with the better one set off, finalists in one chart."""
    path, *_ = found = stages_view(run)
    assert len(found) == 4 and "total 0.9081 · edge error 0.3577 · style distance 0.4630" in path.facts
    assert [[cell.text for cell in row[1:]] for row in path.confirmed.rows] == [
        ["0.9081", "0.9012"],
        ["0.9307", "0.8874"],
    ]
    assert path.confirmed.rows[1][2].strong and run.stage_names == STAGES
    lines = {curve.title: [line.label for line in curve.lines] for curve in curves_view(run)}
    assert lines["Confirmation: loss"] == [f"path, network {i}" for i in range(1, 1 + len(CONFIRMED))]
    assert len(lines["Single networks: loss"]) == len(FINALISTS) and "Search: best total" in lines


def test_the_ledger_says_what_the_time_bought(run):
    """Candidates, supernets and networks trained alone."""
    said = " ".join(ledger_notes(run, read_ledger(run)))
    assert "16 candidates were scored on 1 trained supernet, and 6 networks trained alone." in said


def test_the_style_stands_beside(run):
    """The slider has content and found, the crops too; the style is a picture of its own."""
    (shot,) = pictures_view(run).shots
    assert [panel.label for panel in (*shot.panels, *shot.beside)] == ["content", "found", "style"]
    assert shot.pair == (0, 1) and all(len(detail.uris) == 2 for detail in shot.details)


def test_a_missing_style_leaves_the_pair(folder, tmp_path):
    """A picture that cannot be read is left out and named, the others stay."""
    make_old_style_run(tmp_path)
    (tmp_path / "images" / "pair-1_style.png").unlink()
    found = pictures_view(load_run(tmp_path))
    assert found.unread == ["images/pair-1_style.png"] and not found.shots[0].beside and found.shots[0].pair == (0, 1)


def test_networks_of_old_are_used_by_name(run):
    """The command names the network folder, whose file is listed with its size."""
    found = usage_view(run)
    assert found.snippets[0][1].endswith("--network network") and "90.7\xa0KB" in [
        row[1].text for row in found.files.rows
    ]


def test_a_dearer_network_is_not_called_cheaper(tmp_path):
    """With 10 % more MACs than everything on, the sentence says more."""
    dear = results()
    dear["rows"][0]["macs"] = 1.1 * dear["rows"][3]["macs"]
    (tmp_path / "results.json").write_text(json.dumps(dear))
    assert "10\xa0% more MACs" in headline(load_run(tmp_path)).sentence
