"""Two folders anywhere: pairs where the names match, two domains where they do not."""

import argparse

import numpy as np
import pytest
from PIL import Image

from nasjax.commands.given import experiment_of
from nasjax.data import Unpaired, open_source


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
