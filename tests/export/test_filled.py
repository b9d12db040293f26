"""What people fill in on a card stays, under the checksum; what the network says of itself does not change."""

import json
import os

import pytest

from nasjax.cli import main
from nasjax.export.bundle import load_bundle, write_bundle
from nasjax.export.card import Card
from tests.export.networks import sr_cell

CARD = Card("x2", training_data=({"name": "photos", "licence": "fill in", "credits": "fill in"},))


@pytest.fixture(scope="module")
def network():
    return sr_cell(2, {"b1": "off", "b2": "off", "image": "bicubic"})


@pytest.fixture(autouse=True)
def umask():
    """That of most machines."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def folder(network, umask, tmp_path):
    write_bundle(tmp_path / "b", network, card=CARD, formats=())
    return tmp_path / "b"


def test_what_is_filled_in_is_on_the_card_and_stays(folder, network, capsys):
    """Entries, entries of entries, and new ones; the bundle loads, and a second export has them too."""
    values = ["licence=CC0-1.0", "training_data.0.credits=the photographers", "tested_on=[1, 2]"]
    assert main(["card", str(folder), *(f"--set={value}" for value in values)]) == 0
    assert main(["card", str(folder), "--set", "licence=MIT"]) == 0
    capsys.readouterr()
    for _ in range(2):
        card = load_bundle(folder).card
        assert (card["licence"], card["tested_on"], card["scale"]) == ("MIT", [1, 2], 2)
        assert card["training_data"] == [{"name": "photos", "licence": "fill in", "credits": "the photographers"}]
        write_bundle(folder, network, card=CARD, formats=())
    assert main(["card", str(folder)]) == 0
    assert json.loads(capsys.readouterr().out) == dict(load_bundle(folder).card)


@pytest.mark.parametrize(
    "value, message",
    [
        (
            "scale=4",
            "'scale' is derived from the network; licence, metrics, name, notes, task, training_data and new entries",
        ),
        ("training_data.1.licence=CC0", "'training_data.1.licence' leads nowhere"),
        ("nothing.here=1", "'nothing.here' leads nowhere"),
        ("licence", "--set takes NAME=VALUE, got 'licence'"),
    ],
)
def test_what_cannot_be_set_is_refused(folder, capsys, value, message):
    """By name, and the card stays as it was."""
    before = (folder / "card.json").read_bytes()
    assert main(["card", str(folder), "--set", value]) == 2
    assert message in capsys.readouterr().err and (folder / "card.json").read_bytes() == before


def test_an_edited_card_is_no_longer_the_bundle(folder, capsys):
    """Filling in by hand is noticed, as damage is."""
    path = folder / "card.json"
    path.write_text(path.read_text().replace("x2", "x3"))
    assert main(["card", str(folder), "--set", "licence=MIT"]) == 2
    assert "card.json does not have the checksum" in capsys.readouterr().err


def test_files_are_readable_as_the_umask_says(folder):
    """Weights too, after writing and after filling in."""
    main(["card", str(folder), "--set", "licence=MIT"])
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in folder.iterdir()} == dict.fromkeys(
        ("arch.json", "card.json", "manifest.json", "model.safetensors"), "0o644"
    )
