"""What a run takes over from another one, beside what the laws of the chain look at."""

from dataclasses import replace

from nasjax.chain.configs import load_config
from nasjax.chain.folder import RunFolder
from nasjax.chain.phases import claim
from nasjax.chain.problem import known_of
from nasjax.chain.reuse import reuse


def test_what_candidates_were_judged_by_comes_along(tmp_path):
    """Times, where the config asks for them, and what trained candidates left; of a search that holds alone."""
    experiment = replace(load_config("quickstart").tiny(), cost="latency")
    theirs, known = RunFolder(tmp_path / "theirs"), known_of(experiment)
    for stage in ("path", "operator"):
        claim(theirs, experiment, f"search/{stage}", known=known)
        (theirs.path / "trials" / stage).mkdir(parents=True)
        (theirs.path / "trials" / stage / "trials.json").write_text("{}")
    (theirs.path / "latency.json").write_text("{}")
    later = experiment.stages[1]
    other = replace(experiment, stages=(experiment.stages[0], replace(later, population=9), *experiment.stages[2:]))
    said: list[str] = []
    assert reuse(other, tmp_path / "mine", theirs.path, say=said.append) == ["search/path"]
    mine = tmp_path / "mine"
    assert [path.name for path in (mine / "trials").iterdir()] == ["path"]
    assert (mine / "latency.json").is_file() and (mine / "trials" / "path" / "trials.json").is_file()
    assert reuse(other, mine, theirs.path, say=said.append) == []
    assert said[0].startswith("taken over from") and "goes on as it is" in said[1]


def test_other_times_stay_where_they_are(tmp_path):
    """Where nothing is judged by latency, another machine's times are not this one's."""
    experiment = load_config("quickstart").tiny()
    theirs = RunFolder(tmp_path / "theirs")
    claim(theirs, experiment, "search/path", known=known_of(experiment))
    (theirs.path / "latency.json").write_text("{}")
    assert reuse(experiment, tmp_path / "mine", theirs.path, say=str) == ["search/path"]
    assert not (tmp_path / "mine" / "latency.json").exists()
