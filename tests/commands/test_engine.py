"""What of a command line is for one engine alone is said before any work."""

import pytest

from nasjax.cli import main


@pytest.mark.parametrize(
    "words, message",
    [
        (["s3://bucket/in", "out"], "s3://bucket/in: URLs are for --engine ray"),
        (["in", "out", "--workers", "4"], "--workers is for --engine ray; here it is --jobs"),
        (["in", "out", "--engine", "ray", "--jobs", "4"], "--jobs is for --engine local; here it is --workers"),
        (["in", "--engine", "ray"], "needs at least one input and the output"),
    ],
)
def test_an_option_of_the_other_engine_is_refused(words, message, capsys):
    """With what to write instead."""
    assert main(["filter", "--model", "any", *words]) == 2
    assert message in capsys.readouterr().err


def test_snapshots_are_of_one_machine(capsys):
    """They are in a run, which does not travel."""
    assert main(["filter", "--model", "any", "--snapshots", "2", "--engine", "ray", "in", "out"]) == 2
    assert "snapshots are averaged by --engine local only" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words, message",
    [
        (["s3://bucket/in", "style.jpg", "out"], "s3://bucket/in: URLs are for --engine ray"),
        (["in", "style.jpg", "out", "--workers", "4"], "--workers is for --engine ray"),
        (
            ["in", "style.jpg", "out", "--engine", "ray", "--content-mask", "a.png", "--style-mask", "b.png"],
            "masks go with one content and one style",
        ),
    ],
)
def test_stylize_has_the_engines_too(words, message, capsys):
    """What is for one of them is refused by the other."""
    assert main(["stylize", *words]) == 2
    assert message in capsys.readouterr().err
