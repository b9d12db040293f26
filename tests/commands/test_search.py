"""`nasjax search`: what is given beside the config, and its help."""

from argparse import Namespace
from pathlib import Path

import pytest

from nasjax.chain.configs import load_config
from nasjax.chain.folder import owned
from nasjax.cli import main
from nasjax.commands.given import run_path


class Board:
    """A writer that is seen."""

    made: list["Board"]

    def __init__(self, folder):
        self.folder, self.rows, self.closed = folder, [], 0
        self.made.append(self)

    def write(self, step, values):
        self.rows.append((step, values))

    def close(self):
        self.closed += 1


@pytest.fixture
def boards(monkeypatch):
    """Those that were made."""
    made = []
    monkeypatch.setattr(Board, "made", made, raising=False)
    monkeypatch.setattr("nasjax.commands.search.TensorBoard", Board)
    monkeypatch.setattr("nasjax.commands.search.load_extra", lambda *extra: None)
    return made


def test_no_writer_is_made_where_nothing_runs(boards, tmp_path, capsys):
    """A folder in use gets no files of a second search, and a service no run of it."""
    words = ["search", "quickstart", "--tiny", "--run", str(tmp_path), "--writers", "tensorboard"]
    with owned(tmp_path):
        assert main(words) == 2
    assert "in use" in capsys.readouterr().err and boards == []


def test_a_writer_is_made_with_the_first_numbers(boards, tmp_path, monkeypatch):
    """Once, in the run's own folder, and closed when the run ends, however that is."""

    def stopped(experiment, path, *, say, writers):
        for step in (1, 2):
            writers[0].write(step, {"supernet/path/loss": 0.5})
        raise ValueError("stopped")

    monkeypatch.setattr("nasjax.chain.experiment.run_experiment", stopped)
    assert main(["search", "quickstart", "--run", str(tmp_path), "--writers", "tensorboard"]) == 2
    (board,) = boards
    assert board.folder == tmp_path / "tensorboard" and [step for step, _ in board.rows] == [1, 2]
    assert board.closed == 1


@pytest.mark.parametrize(
    ("command", "options"),
    [
        (["search", "quickstart"], ["--run", "--tiny", "--from", "--writers"]),
        (["quickstart"], ["--run", "--tiny", "--from", "--writers"]),
        (["train", "quickstart"], ["--run", "--stage", "--decided"]),
        (["finetune", "quickstart"], ["--arch", "--from-scratch"]),
        (["profile", "quickstart"], ["--latency"]),
    ],
)
def test_help_behind_a_config(command, options, capsys):
    """The command's own options, and then the fields of the config, whatever the command needs beside."""
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    said = capsys.readouterr().out
    assert ended.value.code == 0
    assert all(f"  {option} " in said for option in options) and "--final.train.steps" in said


@pytest.mark.parametrize("command", ["search", "compress", "apply"])
def test_help_promises_what_there_is(command, capsys):
    """Fields are listed behind a config: not where none is taken."""
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert ("behind a config" in " ".join(capsys.readouterr().out.split())) == (command == "search")


def test_a_config_in_a_folder_of_other_things_is_not_a_run(tmp_path):
    """A run folder or its config.json names the run; a config.json that somebody wrote elsewhere stays as it is."""
    experiment = load_config("quickstart")
    for name in ("run", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
    (tmp_path / "run" / "system.json").write_text("{}")

    def found(config):
        return run_path(Namespace(config=config, config_file=None, run=None), experiment)

    assert found(tmp_path / "run" / "config.json") == found(tmp_path / "run") == tmp_path / "run"
    assert found(tmp_path / "other" / "config.json") == Path("runs") / experiment.name
