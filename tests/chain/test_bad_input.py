"""What a user gets wrong: one clear line that names it, a non-zero exit code, no traceback."""

import json

import pytest
from PIL import Image

from nasjax.chain.configs import as_dict, load_config
from nasjax.chain.folder import owned
from nasjax.cli import main

SMALL = ["--system.blocks", "1", "--system.ops", "res", "ir2k3"]


def fails(capsys, *argv):
    """The exit code is 2 and the complaint one line; returns it."""
    assert main([str(a) for a in argv]) == 2
    complaint = capsys.readouterr().err.strip().splitlines()
    assert len(complaint) == 1 and complaint[0].startswith("nasjax: error: ")
    return complaint[0]


def test_unknown_config(capsys):
    """The shipped ones are listed."""
    assert "quickstart" in fails(capsys, "search", "quickstrat")


def test_config_file_with_an_unknown_field(capsys, tmp_path):
    """The file and the field are named."""
    file = tmp_path / "mine.py"
    file.write_text("import nasjax\n\n\ndef config():\n    return nasjax.Experiment(None, nmae='x')\n")
    assert "nmae" in fails(capsys, "search", file)


def test_a_system_is_one_file(capsys, tmp_path):
    """A module beside it would be missing in the run folder, and its changes unseen: it is named, and what is wrong."""
    (tmp_path / "my_space.py").write_text("WIDTHS = (8, 12)\n")
    (tmp_path / "mine.py").write_text("from my_space import WIDTHS\n\n\ndef config():\n    return WIDTHS\n")
    said = fails(capsys, "search", tmp_path / "mine.py")
    assert "mine.py" in said and "'my_space'" in said and "a system is one file" in said


def _changed(*names, value):
    """A change of a config's JSON, by where the value stands in it."""

    def change(config):
        inner = config
        for name in names[:-1]:
            inner = inner[name]
        inner[names[-1]] = value
        return config

    return change


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (lambda config: [config], ["holds a list"]),
        (lambda config: {"version": 2}, ["needs 'kind'", "None"]),
        (lambda config: config | {"system": 3}, ["needs 'system'", "3"]),
        (lambda config: config | {"kind": {}}, ["unknown system", "super_resolution"]),
        (lambda config: config | {"stages": [{"batch": 4}]}, ["'stages.0.stage' is missing"]),
        (lambda config: config | {"final": 3}, ["final must be", "FinalConfig", "3"]),
        (_changed("nmae", value="x"), ["unknown field 'nmae'", "name"]),
        (_changed("final", "formats", value=["onx"]), ["final.formats", "'onx'", "stablehlo, onnx"]),
        (_changed("stages", 1, "sampler", value="strict_fair"), ["sampler", "'strict_fair'", "strict-fair"]),
        (_changed("stages", 1, "train", "steps", value="many"), ["stages.1.train.steps must be int", "'many'"]),
        (_changed("stages", 1, "train", "steps", value=True), ["stages.1.train.steps must be int", "True"]),
        (_changed("data", "test_crop", value=[64]), ["data.test_crop must be tuple[int, int] | None", "[64]"]),
        (_changed("system", "scale", value="2"), ["system.scale must be", "'2'"]),
    ],
)
def test_what_a_json_config_may_not_hold(capsys, tmp_path, change, wanted):
    """The file is named, with what is missing, or the field, its value and what is allowed."""
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(change(as_dict(load_config("quickstart")))))
    said = fails(capsys, "profile", file)
    assert "mine.json" in said and all(word in said for word in wanted)


def test_unknown_override(capsys):
    """The command line's typed overrides refuse a field that does not exist."""
    with pytest.raises(SystemExit) as error:
        main(["search", "quickstart", "--data.pach", "24"])
    assert error.value.code != 0
    assert "pach" in capsys.readouterr().err


def test_impossible_budget(capsys, tmp_path):
    """The reachable range is named, and no run folder is left."""
    said = fails(capsys, "search", "quickstart", "--run", tmp_path / "run", *SMALL, "--budget", "params<=100")
    assert "params<=100" in said and "reaches" in said
    assert not (tmp_path / "run" / "config.json").exists()


def test_malformed_budget(capsys, tmp_path):
    """The malformed part is quoted."""
    assert "parms" in fails(capsys, "search", "quickstart", *SMALL, "--budget", "parms<=60K")


def test_archs(capsys, tmp_path):
    """A malformed arch, an unknown option, and an arch of another space are told apart."""
    run = ["finetune", "quickstart", "--run", tmp_path / "run", *SMALL, "--from-scratch", "--arch"]
    assert "sr_cell_x4" in fails(capsys, *run, "toy:trunk=16")
    assert "malformed" in fails(capsys, *run, "sr_cell_x4:trunk")
    assert "unknown option" in fails(capsys, *run, "sr_cell_x4:trunk=17,att=sa,tail=conv,image=bicubic,b1=off")


def test_data_folders(capsys, tmp_path):
    """An empty folder, an unreadable file, and pictures smaller than the patch are each named."""
    empty = tmp_path / "empty"
    empty.mkdir()
    run = ["train", "quickstart", "--stage", "path", *SMALL, "--run"]
    assert "empty" in fails(capsys, *run, tmp_path / "a", "--data.source", empty)
    broken = tmp_path / "broken"
    broken.mkdir()
    for i in range(4):
        Image.new("RGB", (200, 200)).save(broken / f"{i}.png")
    (broken / "bad.png").write_bytes(b"not a picture")
    assert "bad.png" in fails(capsys, *run, tmp_path / "b", "--data.source", broken)
    (broken / "bad.png").unlink()
    for i in range(4):
        Image.new("RGB", (40, 40)).save(broken / f"{i}.png")
    whole = ("--data.test-crop", "None")
    assert "40" in fails(capsys, *run, tmp_path / "c", "--data.source", broken, *whole)


def test_stage_names(capsys, tmp_path):
    """The stages there are, are named."""
    said = fails(capsys, "train", "quickstart", "--stage", "paths", "--run", tmp_path / "run", *SMALL)
    assert "path, operator, channel" in said


def test_a_stage_is_asked_for(capsys, tmp_path):
    """Without one, those that there are, are named."""
    said = fails(capsys, "train", "quickstart", "--run", tmp_path / "run")
    assert "--stage" in said and "path, operator, channel" in said


def test_nothing_is_measured_into_a_folder_in_use(capsys, tmp_path, monkeypatch):
    """Its owner is named at once: minutes of measuring would disturb it, and overwrite what it goes by."""
    monkeypatch.setattr("nasjax.chain.problem.run_latency", None)
    run = ["quickstart", "--run", tmp_path, *SMALL]
    with owned(tmp_path):
        assert "in use by process" in fails(capsys, "profile", *run, "--latency")
        assert "in use by process" in fails(capsys, "train", *run, "--stage", "path", "--cost", "latency")


@pytest.mark.parametrize("command", [["search"], ["train", "--stage", "path"], ["finetune"]])
def test_processes_meet_before_a_config_is_read(capsys, command):
    """A config file runs the user's code, which may use a device: too late to meet others."""
    assert "--coordinator" in fails(capsys, *command, "quickstrat", "--processes", "2")


def test_algorithms(capsys, tmp_path):
    """An unknown algorithm is refused before anything is trained, and those there are, are named."""
    with pytest.raises(SystemExit) as error:
        main(["search", "quickstart", "--run", str(tmp_path / "run"), "--stages.0.algorithm", "nsga3"])
    said = capsys.readouterr().err
    assert error.value.code != 0 and "nsga3" in said and "nsga2" in said
    assert not (tmp_path / "run").exists()


def test_a_run_of_an_older_layout(capsys, tmp_path):
    """Its config is refused in one line that names the version."""
    (tmp_path / "config.json").write_text('{"name": "quickstart", "space": {"scale": 4}}')
    said = fails(capsys, "search", tmp_path)
    assert "version 1" in said and "reads 2" in said
    assert "version 1" in fails(capsys, "search", "quickstart", "--run", tmp_path)


def test_a_config_is_asked_for(capsys):
    """Without one, what may be given is named."""
    assert "quickstart" in fails(capsys, "search")


def test_a_damaged_file_of_a_run_is_named(capsys, tmp_path):
    """So that it can be looked at."""
    (tmp_path / "config.json").write_text("{")
    assert "config.json" in fails(capsys, "search", "quickstart", "--run", tmp_path)


def test_missing_bundle_and_run(capsys, tmp_path):
    """Folders that are no bundle or no run are said to be so."""
    picture = tmp_path / "in.png"
    Image.new("RGB", (8, 8)).save(picture)
    assert str(tmp_path) in fails(capsys, "apply", tmp_path, picture, tmp_path / "out.png")
    assert str(tmp_path) in fails(capsys, "report", tmp_path)
    for place in (tmp_path, tmp_path / "mistyped"):
        assert f"{place} is neither a run folder nor a stylising network" in fails(capsys, "export", place)


def test_options_that_do_not_belong_to_what_was_named(capsys, tmp_path):
    """A bundle has one arch; a network is exported as it is, a run as its config says: nothing is ignored."""
    bundle, run = tmp_path / "bundle", tmp_path / "run"
    bundle.mkdir(), run.mkdir()
    (bundle / "card.json").write_text("{}")
    (run / "config.json").write_text("{}")
    assert "--arch is for a run folder" in fails(capsys, "evaluate", bundle, "--arch", "toy:trunk=16")
    assert "--arch is for a run folder" in fails(capsys, "export", "--arch", "toy:trunk=16", "--to", bundle)
    assert "--trainable is for a run folder" in fails(capsys, "export", "--trainable", "--to", bundle)
    assert f"{run / 'export'} --no-smooth" in fails(capsys, "export", run, "--no-smooth")
