"""What a user gets wrong: one clear line that names it, a non-zero exit code, no traceback."""

import pytest
from nasjax.chain.handmade import handmade, plain_size
from PIL import Image

from nasjax.chain.problem import make_problem
from nasjax.cli import main
from nasjax.config import Config, SpaceConfig, StageConfig

SMALL = ["--space.blocks", "1", "--space.ops", "res", "ir2k3"]


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
    file.write_text("from nasjax.config import Config\n\n\ndef config():\n    return Config(nmae='x')\n")
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
    assert not (tmp_path / "run").exists()


def test_malformed_budget(capsys, tmp_path):
    """The malformed part is quoted."""
    assert "parms" in fails(capsys, "search", "quickstart", *SMALL, "--budget", "parms<=60K")


def test_archs(capsys, tmp_path):
    """A malformed arch, an unknown option, and an arch of another space are told apart."""
    run = ["finetune", "quickstart", "--run", tmp_path / "run", *SMALL, "--from-scratch", "--arch"]
    assert "sr_cell_x4" in fails(capsys, *run, "toy:trunk=16")
    assert "malformed" in fails(capsys, *run, "sr_cell_x4:trunk")
    assert "unknown option" in fails(capsys, *run, "sr_cell_x4:trunk=17,att=none,tail=conv,image=bicubic,b1=off")


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
    assert "40" in fails(capsys, *run, tmp_path / "c", "--data.source", broken)


def test_stage_names(capsys, tmp_path):
    """Stages of a config are those of the space, in order."""
    with pytest.raises(ValueError, match="in order"):
        make_problem(Config(stages=(StageConfig("operator"),)))
    said = fails(capsys, "train", "quickstart", "--stage", "paths", "--run", tmp_path / "run", *SMALL)
    assert "path, operator, channel" in said


def test_missing_bundle_and_run(capsys, tmp_path):
    """Folders that are no bundle or no run are said to be so."""
    picture = tmp_path / "in.png"
    Image.new("RGB", (8, 8)).save(picture)
    assert str(tmp_path) in fails(capsys, "apply", tmp_path, picture, tmp_path / "out.png")
    assert str(tmp_path) in fails(capsys, "report", tmp_path)
    assert "not a finished run" in fails(capsys, "export", tmp_path)


def test_nominal_widths_fit_the_budget():
    """The widths that stand in before the channel stage grow with the budget."""
    space = SpaceConfig(blocks=4, ops=("res", "ir2k3"))
    problems = [make_problem(Config(space=space, budget=(b,))) for b in ("params<=20K", "params<=200K")]
    assert problems[0].arguments["nominal"] < problems[1].arguments["nominal"]


@pytest.mark.parametrize("size", [15_000, 26_000, 60_000])
def test_the_handmade_network_has_the_size(size):
    """The plain baseline is within five per cent, and its formula is the count of its space's own network."""
    found = handmade(4, size)
    assert abs(found.params / size - 1) < 0.05
    assert found.params == plain_size(4, found.arguments["blocks"], found.arguments["trunk"][0])
