"""Two folders anywhere: pairs where the names match, two domains where they do not."""

import argparse

import numpy as np
import pytest
from PIL import Image

from nasjax.commands.given import experiment_of
from nasjax.data import Unpaired, check_data, open_source


def _fill(folder, names, level):
    folder.mkdir()
    for name in names:
        Image.fromarray(np.full((8, 8, 3), level, np.uint8)).save(folder / f"{name}.png")


def test_equal_names_are_pairs(tmp_path):
    """Every picture of the one has its partner of the other, and is held out with it."""
    for side, level in (("a", 10), ("b", 200)):
        _fill(tmp_path / side, "pqrst", level)
    spec = f"folders:{tmp_path / 'a'}|{tmp_path / 'b'}"
    train, test = (open_source(spec, split) for split in ("train", "test"))
    assert (len(train), len(test)) == (3, 1)
    assert (train[0]["input"].max(), train[0]["target"].min()) == (10, 200)


def test_other_names_are_two_domains(tmp_path):
    """Nothing belongs together, and each side has its own number of pictures."""
    _fill(tmp_path / "a", "pqrst", 10)
    _fill(tmp_path / "b", "uvwxyz", 200)
    source = open_source(f"folders:{tmp_path / 'a'}|{tmp_path / 'b'}", "train")
    assert isinstance(source, Unpaired) and (len(source.inputs), len(source.targets)) == (3, 4)


def test_names_that_match_in_part_are_refused(tmp_path):
    """What has no partner is named: whether pairs were meant cannot be known."""
    _fill(tmp_path / "a", "pqrs", 10)
    _fill(tmp_path / "b", "pqrx", 200)
    with pytest.raises(ValueError, match="no.*: s, x; take them out"):
        open_source(f"folders:{tmp_path / 'a'}|{tmp_path / 'b'}", "train")


def test_the_command_line_gives_both_or_none():
    """`--a` and `--b` become the experiment's data; one alone is refused."""

    def experiment(a, b):
        return experiment_of(argparse.Namespace(config="filter", a=a, b=b), [])

    assert experiment("x", "y").data.source == "folders:x|y"
    assert experiment(None, None).data.source == "pairs:filter"
    with pytest.raises(ValueError, match="go together"):
        experiment("x", None)


@pytest.mark.parametrize("form", ["folders", "pairs"])
def test_pairs_with_a_broken_picture_are_left_out(tmp_path, form):
    """Where that is asked for; its partner goes with it, and is not called lonely. Else the file is named."""
    for side, level in (("input", 10), ("target", 200)):
        _fill(tmp_path / side, "pqrstuv", level)
    (tmp_path / "target" / "q.png").write_bytes(b"no picture")
    places = f"{tmp_path / 'input'}|{tmp_path / 'target'}"
    spec = f"folders:{places}" if form == "folders" else f"pairs:{tmp_path}"
    source = open_source(spec, "all", on_error="skip")
    assert [source.name(i) for i in range(len(source))] == [f"{name}.png" for name in "prstuv"]
    with pytest.raises(ValueError, match="unreadable: .*q.png"):
        open_source(spec, "all")


def test_both_folders_are_checked(tmp_path):
    """Formats of all files, and a broken one once."""
    for side, level in (("a", 10), ("b", 200)):
        _fill(tmp_path / side, "pqrstuv", level)
    spec = f"folders:{tmp_path / 'a'}|{tmp_path / 'b'}"
    assert check_data(spec).modes == {"PNG RGB": 14}
    (tmp_path / "b" / "q.png").write_bytes(b"no picture")
    found = check_data(spec)
    assert found.modes == {"PNG RGB": 13} and sum("q.png" in problem for problem in found.problems) == 1
