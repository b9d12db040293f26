"""A run folder as one object: what is in it, what is broken in it, and its tables as data frames."""

import json
import re
import sys

import pytest

from nasjax.report.run import load_run
from tests.report.folders import run_with, system, table
from tests.report.make_run import ARCH, make_live_run, make_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A finished run without pictures."""
    return make_run(tmp_path_factory.mktemp("run") / "quickstart", num_pictures=0)


def test_a_run_knows_its_table_and_measures(folder):
    """Rows have their figures apart from those of the search's protocol; what decides is described."""
    run = load_run(str(folder))
    assert run.found is run.rows[0] and run.found.arch == ARCH and run.found.trainings == 2
    assert run.found.values["psnr_y"] == 28.87 and run.found.search == {"psnr_y": 28.95}
    assert "search_score" not in run.found.values and run.found.spread["psnr_y"] == 0.03
    assert run.decides is run.measures["psnr_y"] and (run.decides.unit, run.decides.noise) == ("dB", 0.05)
    assert (run.title, run.name, run.state) == (run.results["title"], "quickstart", "done")


def test_its_repr_is_one_line(folder):
    """It says where the run is, how it stands, and what it found, in under 200 letters."""
    said = repr(load_run(folder))
    assert "\n" not in said and len(said) < 200
    assert "quickstart" in said and "done, 181 candidates, found 28.87 dB Y-PSNR" in said


def test_it_cannot_be_changed(folder):
    """The object is frozen: it is what the folder held when it was read."""
    with pytest.raises(AttributeError):
        load_run(folder).state = "running"  # pyright: ignore[reportAttributeAccessIssue]


def test_archive_and_metrics_are_data_frames(folder):
    """One row a candidate and a reading; counts are whole, flags are booleans, hashes stay text, gaps are missing."""
    run = load_run(folder)
    archive, metrics = run.archive, run.metrics
    assert len(archive) == 181 and archive.loc[archive.feasible, "params"].max() <= 30000
    kinds = {name: archive[name].dtype.kind for name in ("params", "generation", "psnr_y", "feasible", "front")}
    assert kinds == {"params": "i", "generation": "i", "psnr_y": "f", "feasible": "b", "front": "b"}
    assert archive.hash.iloc[1] == "000001" and archive[archive.arch == ARCH].psnr_y.tolist() == [28.66]
    assert metrics.psnr_y.isna().any() and metrics[metrics.phase == "search/path"].step.max() == 15


def test_frames_without_pandas_name_the_extra(folder, monkeypatch):
    """Everything else of a run can be read without it."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    run = load_run(folder)
    with pytest.raises(ImportError, match=re.escape("pip install 'nasjax[frames]'")):
        _ = run.archive


@pytest.mark.parametrize(
    ("name", "content", "wrong"),
    [
        ("results.json", '{"rows": [', "is no JSON (Expecting value: line 1 column 11"),
        ("results.json", "", "is empty"),
        ("stages.json", "{}", "holds no list but {}"),
        ("archive.csv", "id,stage\n1,path\n2\n3,path\n", "has 1 row cut off or too long"),
        ("archive.csv", "id,stage\n1,path\n2,pa", "has 1 row cut off or too long"),
        ("metrics.jsonl", '{"a": 1}\n{"b"\n[]\n{"c": 3}\n', "has 2 lines that cannot be read"),
    ],
)
def test_a_broken_file_is_named(tmp_path, name, content, wrong):
    """The error says which file and what is wrong with it; `partial` reads the rest and keeps it in mind."""
    run_with(tmp_path, {"config": {"name": "x"}})
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=re.escape(f"{tmp_path}: {name} {wrong}")):
        load_run(tmp_path)
    run = load_run(tmp_path, partial=True)
    assert run.problems[name].startswith(wrong) and run.name == "x" and "1 broken file" in repr(run)
    assert [row["id"] for row in run.candidates] == ([1, 3] if "3,path" in content else [1] * (name == "archive.csv"))


def test_an_unreadable_file_is_named(tmp_path):
    """A folder in the place of a file is broken too."""
    run_with(tmp_path, {"config": {}})
    (tmp_path / "results.json").mkdir()
    with pytest.raises(ValueError, match=r"results.json cannot be read \(Is a directory\)"):
        load_run(tmp_path)


def test_a_line_that_is_being_written_is_no_fault(tmp_path):
    """The last line of the metrics of a running search ends in its middle; the lines before are read."""
    folder = make_live_run(tmp_path, now=0.0)
    (folder / "archive.csv").unlink()
    run = load_run(folder)
    assert run.state == "running" and len(run.readings) == 76 and run.found is None


def test_a_run_that_says_nothing_of_itself_keeps_its_names(tmp_path):
    """Without system.json measures have the names of their columns, and costs the labels that they always have."""
    rows = table(("a", "found", {"odd.name": 0.5, "params": 3.0}), decides="odd.name")
    run = run_with(tmp_path, {"results": rows})
    assert run.decides is not None and (run.decides.label, run.decides.digits) == ("odd.name", 4)


def test_which_way_is_better_is_checked(tmp_path):
    """A measure whose direction is no known word has none, and digits beyond reason are cut."""
    described = system(("a", "sideways", 2), ("b", "lower", 99))
    measures = run_with(tmp_path, {"system": described}).measures
    assert (measures["a"].better, measures["b"].digits) == ("", 9)


def test_counted_costs_are_counts_whatever_the_run_says(tmp_path):
    """Parameters declared with no digits are still written with letters."""
    described = {"measures": [{"name": "params", "label": "params", "digits": 0, "better": "lower"}]}
    assert run_with(tmp_path, {"system": described}).measures["params"].digits is None
    assert json.loads((tmp_path / "system.json").read_text()) == described
