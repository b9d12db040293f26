"""`nasjax compare`: what several runs found, what differs between them, and honest words."""

import json

import pytest

from nasjax.cli import main
from nasjax.report.compare import config_differences
from tests.report.folders import run_with, system, table


def make(folder, score, *, spread=None, protocol="test", decides="q", **config):
    """A run that found a network of that score."""
    folder.mkdir()
    rows = table(("mine", "found", {"q": score, "params": 25934}), protocol=protocol, budget="params<=30K", seconds=90)
    rows["rows"][0] |= {"arch": f"space:{folder.name}", "trainings": 1} | ({"spread": {"q": spread}} if spread else {})
    run_with(folder, {"system": system(("q", "higher", 2), decides=decides), "results": rows, "config": config})
    return str(folder)


def test_it_shows_networks_and_what_differs(tmp_path, capsys):
    """A row a run with its measures, time and budget; its network; the fields that differ; and a word on each."""
    paths = [make(tmp_path / "a", 1.0, seed=0, lr=0.1), make(tmp_path / "b", 1.5, seed=1, lr=0.1)]
    assert main(["compare", paths[0], "--json", paths[1]]) == 0 and json.loads(capsys.readouterr().out)
    assert main(["compare", *paths]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["a", "1.00", "25.9", "K", "1", "min", "30", "s", "params<=30K"] in lines
    assert ["b", "space:b"] in lines and ["seed", "0", "1"] in lines and "lr" not in [line[0] for line in lines if line]
    assert " ".join(lines[-1]) == (
        f"{paths[1]} against {paths[0]}, in q: 0.50 better than the first; "
        "how much another seed would change it is not known."
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"score": 1.05, "spread": 0.04}, "0.05 better than the first, less than trainings differ by chance"),
        ({"score": 1.5, "spread": 0.04}, "in q: 0.50 better than the first."),
        ({"score": 0.5, "spread": 0.04}, "0.50 worse than the first."),
        ({"score": 1.0, "spread": 0.04}, "equal to the first."),
        ({"score": 1.5, "protocol": "other"}, "scored under different protocols"),
        ({"score": 1.5, "decides": "r"}, "chosen by different measures (q and r)"),
    ],
)
def test_its_words_are_honest(tmp_path, capsys, changes, words):
    """Within the spread of both, beyond it, worse, equal, and what cannot be compared at all."""
    score = changes.pop("score")
    assert main(["compare", make(tmp_path / "a", 1.0, spread=0.03), make(tmp_path / "b", score, **changes)]) == 0
    assert words in capsys.readouterr().out.splitlines()[-1]


def test_it_prints_json(tmp_path, capsys):
    """The same for programs: runs, config and words."""
    assert main(["compare", "--json", make(tmp_path / "a", 1.0, seed=0), make(tmp_path / "b", 1.5, seed=1)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [run["values"]["q"] for run in found["runs"]] == [1.0, 1.5] and found["config"] == {"seed": [0, 1]}
    assert found["runs"][1]["arch"] == "space:b" and len(found["words"]) == 1


def test_it_refuses_what_it_cannot_compare(tmp_path, capsys):
    """One run alone; a run that found nothing yet, with its broken file by name; a folder that is none."""
    first = make(tmp_path / "a", 1.0)
    assert main(["compare", first]) == 2 and "at least two runs, got 1" in capsys.readouterr().err
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "results.json").write_text("{")
    assert main(["compare", first, str(tmp_path / "b")]) == 2
    assert "b has no found network yet (results.json is no JSON" in capsys.readouterr().err
    assert main(["compare", first, str(tmp_path / "c")]) == 2 and "is not a folder" in capsys.readouterr().err


def test_differences_are_fields_as_deep_as_both_have_them():
    """Entries of lists go by their stage; a part that one config lacks is one line, not all of its fields."""
    configs = [
        {"stages": [{"stage": "path", "steps": 1}, {"stage": "late", "steps": 2}], "data": {"a": 1, "b": [1, 2]}},
        {"stages": [{"stage": "path", "steps": 3}], "data": {"a": 1, "b": [1, 3]}},
    ]
    assert config_differences(configs) == {
        "stages.path.steps": [1, 3],
        "stages.late": [{"stage": "late", "steps": 2}, "–"],
        "data.b": [[1, 2], [1, 3]],
    }
    assert config_differences([configs[0], configs[0]]) == {}
