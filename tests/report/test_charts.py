"""The charts as specifications: valid Vega-Lite, of the run's own figures, the same on the page and in a notebook."""

import re
import sys
from pathlib import Path

import altair
import pytest

import nasjax
from nasjax import plots
from nasjax.report.compare_chart import compare_chart
from nasjax.report.curves import curve_chart, curves_view
from nasjax.report.fairness import fairness_chart, fairness_view
from nasjax.report.front import views
from nasjax.report.front_chart import front_chart, front_data
from nasjax.report.ledger import ledger_chart, read_ledger
from nasjax.report.palette import DAYLIGHT
from nasjax.report.run import load_run
from tests.report.folders import run_with, system
from tests.report.make_run import ARCH, STAGES, make_run

VEGA = Path(nasjax.__file__).parent / "report" / "vega"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A finished run without pictures."""
    return make_run(tmp_path_factory.mktemp("charts") / "quickstart", num_pictures=0)


@pytest.fixture(scope="module")
def run(folder):
    """It, read."""
    return load_run(folder, now=0.0)


def layers(spec, mark):
    """The layers of a chart with that mark."""
    return [layer for layer in spec["layer"] if layer.get("mark", {}).get("type") == mark]


def test_every_chart_is_an_object_of_altair(tmp_path):
    """Altair accepts each against its schema, from a run and from its path; `nasjax.plots` needs no import."""
    folder = make_run(tmp_path, num_pictures=0)
    for name in ("metrics.jsonl", "archive.csv"):  # what Altair is slow with
        head, *rows = (folder / name).read_text().splitlines(keepends=True)
        (folder / name).write_text(head + "".join(rows[::15]))
    kinds = {
        plots.front: "LayerChart",
        plots.curves: "ConcatChart",
        plots.ledger: "Chart",
        plots.fairness: "VConcatChart",
    }
    for draw, kind in kinds.items():
        chart = draw(str(folder))
        assert type(chart).__name__ == kind and len(chart.to_json()) > 1000
    assert plots.ledger(load_run(folder)).to_dict() == plots.ledger(folder).to_dict()
    assert nasjax.plots is plots and "plots" in dir(nasjax)


def test_page_and_notebook_speak_one_grammar():
    """The scripts of the page are of the version of Vega-Lite whose schema Altair checks."""
    version = re.findall(r'n="(\d+\.\d+\.\d+)"', (VEGA / "vega-lite.min.js").read_text()[:2000])[0]
    assert f"v{version}" == altair.SCHEMA_VERSION and f"vega-lite@{version}" in (VEGA / "README.md").read_text()


def test_without_altair_the_error_names_the_extra(run, monkeypatch):
    """Charts as objects need it, the page does not."""
    monkeypatch.setitem(sys.modules, "altair", None)
    with pytest.raises(ImportError, match=re.escape("pip install 'nasjax[plots]'")):
        plots.front(run)


def test_the_front_draws_candidates_budget_and_networks(run):
    """Points by stage, faint beyond the budget of 30 K; the front; the table's networks; a level without a cost."""
    spec = front_chart(run, views(run)[0], DAYLIGHT)
    rows = front_data(run, views(run))
    assert len(rows) == 181 and {row["what"] for row in rows} == set(STAGES)
    points = next(layer for layer in spec["layer"] if "condition" in layer.get("encoding", {}).get("opacity", {}))
    domain = points["encoding"]["color"]["scale"]["domain"]
    assert domain == [*STAGES, "found, fine-tuned 28.95", "hand-made 28.60", "found, as searched 28.66"]
    assert points["encoding"]["opacity"]["condition"]["test"] == "datum.kept"
    (line,) = layers(spec, "line")
    front = [(row["params"], row["psnr_y"]) for row in line["data"]["values"]]
    assert front == sorted(front) and [y for _, y in front] == sorted(y for _, y in front)
    assert layers(spec, "rule")[0]["encoding"]["x"]["datum"] == 30000
    assert [layer["layer"][1]["mark"]["text"] for layer in spec["layer"] if "layer" in layer] == ["bicubic 27.90"]
    archs = {row["id"]: row["arch"] for row in rows}
    assert archs[spec["usermeta"]["front"][-1]] == ARCH and spec["layer"][-1]["name"] == "points"


@pytest.mark.parametrize(("bound", "align"), [(27000, "left"), (53000, "right")])
def test_the_budget_is_written_where_there_is_room(tmp_path, bound, align):
    """Beyond a limit of 27 K of at most 54 K there is room for its label, beyond one of 53 K there is none."""
    rows = [{"stage": "path", "params": p, "s": 1.0} for p in (17000, 54000)]
    files = {"system": system(("s", "higher", 2)), "config": {"budget": {"params": bound}}}
    run = run_with(tmp_path, files, archive=rows)
    (words,) = layers(front_chart(run, views(run)[0], DAYLIGHT), "text")
    assert words["mark"]["align"] == align and words["mark"]["text"] == f"budget {bound // 1000}\xa0K"


def test_outliers_do_not_flatten_the_rest(tmp_path):
    """Scores of 1 to 11 and one of -500: the axis ends near 1, and the outlier is clamped to its edge."""
    rows = [{"stage": "path", "params": 10 + i, "s": s} for i, s in enumerate([*range(1, 12), -500])]
    run = run_with(tmp_path, {"system": system(("s", "higher", 2))}, archive=rows)
    scale = layers(front_chart(run, views(run)[0], DAYLIGHT), "line")[0]["encoding"]["y"]["scale"]
    assert -1 < scale["domain"][0] < 1 and scale["clamp"]


def test_odd_names_of_measures_are_no_paths(tmp_path):
    """Dots, brackets and quotes in a column are escaped, or Vega-Lite would look for them inside of an object."""
    rows = [{"stage": "path", "params": 10, "a.b[0]'": 1.0}, {"stage": "path", "params": 20, "a.b[0]'": 2.0}]
    run = run_with(tmp_path, {"system": system(("a.b[0]'", "higher", 2))}, archive=rows)
    encoding = layers(front_chart(run, views(run)[0], DAYLIGHT), "line")[0]["encoding"]
    assert encoding["y"]["field"] == r"a\.b\[0\]\'"


def test_noisy_curves_have_a_running_mean(run):
    """Of 60 losses the mean of three on either side, beside the losses themselves; scores are drawn as they are."""
    loss, score = curves_view(run)[0], curves_view(run)[2]
    spec = curve_chart(run, loss, DAYLIGHT)
    assert spec["transform"][0]["frame"] == [-3, 3]
    assert [line["encoding"]["y"]["field"] for line in layers(spec, "line")] == ["y", "mean"]
    plain = curve_chart(run, score, DAYLIGHT)
    assert plain["transform"][0]["frame"] == [0, 0] and len(layers(plain, "line")) == 1
    assert "path ends at" in spec["description"]


def test_curves_have_the_colours_of_their_stages(run, tmp_path):
    """A stage keeps its colour in every chart, also where an earlier one is missing."""
    later = [row for row in run.readings if row["phase"] != "supernet/path"]
    spec = curve_chart(run, curves_view(run_with(tmp_path, {"stages": run.stages}, metrics=later))[0], DAYLIGHT)
    scale = spec["encoding"]["color"]["scale"]
    assert scale == {"domain": ["operator", "channel"], "range": list(DAYLIGHT.series[1:3])}


def test_the_ledger_keeps_compiling_apart(tmp_path):
    """10 s with 4 s and 300 s with 60 s of compiling, in minutes, in the order of the run."""
    rows = [{"phase": "supernet/path", "wall_s": 10, "compile_s": 4}, {"phase": "x", "wall_s": 300, "compile_s": 60}]
    spec = ledger_chart(read_ledger(run_with(tmp_path, {"ledger": rows})), DAYLIGHT)
    bars = [(row["phase"], row["what"], row["time"]) for row in spec["data"]["values"]]
    assert bars == [
        ("Supernet, path", "working", 0.1),
        ("Supernet, path", "compiling", pytest.approx(0.0667, abs=1e-4)),
        ("X", "working", 4.0),
        ("X", "compiling", 1.0),
    ]
    assert spec["encoding"]["x"]["title"] == "minutes" and spec["encoding"]["y"]["sort"] is None


def test_unfair_choices_stand_out(tmp_path):
    """Each option is a dot with its count; a choice whose counts differ is known by its gap."""
    counts = {"b1": {"res": 600, "sep3": 600}, "b2": {"res": 637, "sep3": 600}}
    run = run_with(tmp_path, {"fairness": {"stages": [{"stage": "operator", "counts": counts}]}})
    spec = fairness_chart(fairness_view(run)[0], DAYLIGHT)
    assert {(row["choice"], row["gap"]) for row in spec["data"]["values"]} == {("b1", 0), ("b2", 37)}
    assert spec["encoding"]["color"]["condition"] == {"test": "datum.gap > 0", "value": DAYLIGHT.bad}


def test_front_takes_any_two_measures(run):
    """MACs instead of parameters; a measure that the archive lacks is a ValueError that lists those it has."""
    layer = plots.front(run, x="macs").to_dict()["layer"][-1]
    assert layer["encoding"]["x"]["field"] == "macs" and layer["encoding"]["y"]["field"] == "psnr_y"
    with pytest.raises(ValueError, match="both 'params' and 'lpips'; it has: psnr_y, params, macs"):
        plots.front(run, y="lpips")


def test_fronts_of_several_runs_share_a_chart(run, tmp_path):
    """Each run has its own line and its found network; folders of one name are told apart by their paths."""
    other = load_run(make_run(tmp_path / "quickstart", num_pictures=0))
    spec = compare_chart([run, other], None, DAYLIGHT)
    lines, (dots, stars) = layers(spec, "line"), layers(spec, "point")
    assert len(lines) == 2 and len(lines[0]["data"]["values"]) * 2 == len(dots["data"]["values"])
    assert [row["params"] for row in stars["data"]["values"]] == [25934, 25934]
    assert {row["run"] for row in stars["data"]["values"]} == {str(run.folder), str(other.folder)}
    assert type(plots.compare(run, other, axes=("macs", "psnr_y"))).__name__ == "LayerChart"
    with pytest.raises(ValueError, match="at least two runs, got 1"):
        plots.compare(run)


@pytest.mark.parametrize(
    ("draw", "words"), [(plots.front, "candidates"), (plots.curves, "metrics"), (plots.ledger, "time")]
)
def test_what_a_run_does_not_have_cannot_be_drawn(tmp_path, draw, words):
    """The error names the run and what it lacks."""
    with pytest.raises(ValueError, match=f"{re.escape(str(tmp_path))} has no .*{words}"):
        draw(run_with(tmp_path, {"config": {}}))
