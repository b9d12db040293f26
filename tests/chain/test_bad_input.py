"""What a user gets wrong: one clear line that names it, a non-zero exit code, no traceback."""

import pytest
from PIL import Image

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
    assert "no stylising network" in fails(capsys, "export", tmp_path)
