"""The tutorial of photo filters as a user follows it: its commands, on real photographs, at tiny size."""

import argparse
import os
import shlex
import shutil

import numpy as np
from PIL import Image

from nasjax.cli import main
from nasjax.commands.given import experiment_of
from nasjax.data import embedded_photos
from nasjax.train.schedules import cycle_ends
from tests.docs.blocks import ROOT, commands

# Programs of all colour maps and grids take minutes to compile; of operators and widths nothing is left to search.
FEWER = shlex.split(
    "--system.heads.colour curves --system.heads.grid none --system.heads.bands 0 --system.heads.restore none "
    "--system.ops res --system.widths.fine 4 --system.widths.trunk 4 --system.widths.inner 4 --system.widths.restore 4 "
    "--final.number 1 --final.formats onnx"
)
PAGE = ROOT / "docs" / "tutorials" / "filters.md"


def _words(command: str) -> list[str]:
    return shlex.split(command, comments=True)[1:]


def _photos(folder, names, change=lambda pixels: pixels):
    """Small photographs under other names than those of another folder."""
    folder.mkdir()
    photos = embedded_photos("train")
    for i, name in enumerate(names):
        image = Image.fromarray(photos[i]["image"])
        image.thumbnail((160, 160))
        Image.fromarray(change(np.asarray(image))).save(folder / f"{name}.png")


def test_a_filter_is_learned_from_two_folders_and_edits_others(tmp_path, monkeypatch, capsys):
    """The page's search of two folders in miniature, then its edits with the run: a picture, a folder, a panorama."""
    monkeypatch.chdir(tmp_path)
    _photos(tmp_path / "before", [f"day{i}" for i in range(12)])
    _photos(tmp_path / "after", [f"dusk{i}" for i in range(11)], lambda pixels: pixels // 2)
    _photos(tmp_path / "holiday", ["a", "b"])
    (tmp_path / "edited").mkdir()
    for name in ("photo.jpg", "panorama.jpg"):
        Image.open(tmp_path / "holiday" / "a.png").save(tmp_path / name)
    found = [_words(command) for command in commands(PAGE, "nasjax ")]
    (search,) = (words for words in found if words[0] == "search" and "--tiny" in words)
    assert search[search.index("--a") + 1] == "before/" and search[search.index("--b") + 1] == "after/"
    assert main([*search, *FEWER]) == 0
    run = search[search.index("--run") + 1]
    assert os.path.isfile(f"{run}/report.html") and os.path.isfile(f"{run}/export/model.onnx")
    edits = [words for words in found if words[0] == "filter" and "runs/dusk" in words]
    assert len(edits) >= 3
    shutil.copytree(run, "runs/dusk")
    for words in edits:
        assert main([*words, "--overwrite"]) == 0, capsys.readouterr().err
    assert sorted(path.name for path in (tmp_path / "edited").glob("*.png")) == ["a.png", "b.png"]
    with Image.open("edited.jpg") as edited, Image.open("panorama.jpg") as panorama:
        assert edited.size == panorama.size


def test_a_run_has_as_many_snapshots_as_the_page_averages():
    """By the settings that it is trained with; the command behind asks for some of them."""
    found = [_words(command) for command in commands(PAGE, "nasjax ")]
    (search,) = (words for words in found if "restarts" in words)
    (averaged,) = (words for words in found if "--snapshots" in words)
    run = search[search.index("--run") + 1]
    assert averaged[averaged.index("--model") + 1] == run
    named = argparse.Namespace(config="filter", a="day/", b="dusk/")
    fields = [word for i, word in enumerate(search) if "--final" in word or "--final" in search[i - 1]]
    kept = cycle_ends(experiment_of(named, fields).final.train)
    assert len(kept) >= int(averaged[averaged.index("--snapshots") + 1]) > 1
