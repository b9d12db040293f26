"""The systems that the laws of the chain are tested on: those that are shipped, and the one that a tutorial writes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from nasjax.chain.configs import load_config
from nasjax.config import ConfirmConfig, Experiment
from nasjax.systems import ImageTranslation, PhotoFilter, StyleTransfer
from tests.docs.blocks import ROOT, blocks

TUTORIAL = ROOT / "docs" / "tutorials" / "your_own_system.md"


def own_file(folder: Path) -> Path:
    """The tutorial's file, written into a folder."""
    file = folder / "my_task.py"
    file.write_text("\n\n".join(block.text for block in blocks(TUTORIAL, "python")), encoding="utf-8")
    return file


def pictures(folder: Path) -> Path:
    """Twelve small pictures with edges; the first four are pairs for style transfer as well."""
    for i in range(12):
        noise, image = np.random.default_rng(i), Image.new("RGB", (256, 192), (90, 140, 190))
        pen = ImageDraw.Draw(image)
        for x, y, size, *colour in noise.integers(0, 255, (150, 6)).tolist():
            pen.ellipse((x, y - 20, x + size // 6, y - 20 + size // 4), tuple(colour))
        image.save(folder / f"{i}.png")
        if i < 4:
            image.save(folder / f"{i}_content.png")
            image.transpose(Image.Transpose.ROTATE_180).save(folder / f"{i}_style.png")
    return folder


def pairs(folder: Path) -> Path:
    """The same pictures, small, and their negatives, as folders of pairs."""
    folder.mkdir()
    whole = pictures(folder)
    for i in range(12):
        image = Image.open(whole / f"{i}.png").resize((40, 32))
        for side, picture in (("input", image), ("target", ImageOps.invert(image))):
            (folder / side).mkdir(exist_ok=True)
            picture.save(folder / side / f"{i}.png")
    for file in folder.glob("*.png"):
        file.unlink()
    return folder


def _super_resolution(folder: Path) -> Experiment:
    """The quick start with two operators and two widths; one finalist of two seeds, compared with all there is."""
    tiny = load_config("quickstart").tiny()
    system = replace(tiny.system, ops=("res", "ir2k3"), trunk=(12, 16), inner=(8, 16))
    return replace(tiny, system=system, final=replace(tiny.final, seeds=2, scratch=True))


def _style_transfer(folder: Path) -> Experiment:
    """The shipped config at three levels and one operator; at most two networks confirm the first decision."""
    tiny = load_config("photonet").tiny()
    assert isinstance(tiny.system, StyleTransfer)
    system = replace(tiny.system, pairs=replace(tiny.system.pairs, search=str(folder)))
    stages = (replace(tiny.stages[0], population=2, generations=1), *tiny.stages[1:])
    return replace(tiny, system=system, stages=stages, final=replace(tiny.final, number=1, formats=()))


def _perceptual(folder: Path) -> Experiment:
    """The shipped config with two widths and generations of two pairs; one finalist, one fixed discriminator."""
    tiny = load_config("tpsr").tiny()
    stages = tuple(replace(s, population=2) for s in tiny.stages)
    return replace(tiny, budget=("params<=40K",), stages=stages, final=replace(tiny.final, number=1, formats=()))


def _translation(folder: Path) -> Experiment:
    """The shipped config with one block of two operations; pairs are pictures and their negatives."""
    return _small(load_config("translation"), f"pairs:{pairs(folder / 'pairs')}")


def _cycle(folder: Path) -> Experiment:
    """Both directions of a cycle: the domains are pictures and their negatives."""
    unpaired = load_config("unpaired")
    assert isinstance(unpaired.system, ImageTranslation)
    # Of four networks in a step the programs are large: augmentation is the other one's. A pool has to be resumed.
    game = replace(unpaired.system.recipe.adversarial, augment=(), pool=50)
    recipe = replace(unpaired.system.recipe, adversarial=game)
    system = replace(unpaired.system, recipe=recipe)
    return _small(replace(unpaired, system=system), f"unpaired:pairs:{pairs(folder / 'pairs')}")


def _small(experiment: Experiment, source: str) -> Experiment:
    tiny = experiment.tiny()
    assert isinstance(tiny.system, ImageTranslation)
    widths = tuple((8,) if i != 2 else (8, 12) for i in range(5))
    system = replace(
        tiny.system, blocks=1, ops=("res", "sep"), widths=widths, inner=(8,), size=None, rivals=("narrower",)
    )
    data = replace(tiny.data, source=source, test_crop=(32, 32))
    final = replace(tiny.final, number=1, scratch=False, formats=("onnx",))
    return replace(tiny, system=system, data=data, budget=("macs<=20M",), confirm=ConfirmConfig(), final=final)


def _own(folder: Path) -> Experiment:
    """The tutorial's, with two finalists."""
    tiny = load_config(own_file(folder)).tiny()
    return replace(tiny, data=replace(tiny.data, val_patches=8, val_patch=16))


def _photo_filter(folder: Path) -> Experiment:
    """A correction of exposure, without bands: as few programs as there can be."""
    tiny = load_config("exposure").tiny()
    assert isinstance(tiny.system, PhotoFilter)
    heads = replace(tiny.system.heads, bands=("0", "1"))
    data = replace(tiny.data, patch=16, val_patch=16, test_crop=(24, 32))
    system, final = replace(tiny.system, heads=heads, size=None), replace(tiny.final, number=1, formats=("onnx",))
    return replace(tiny, system=system, data=data, confirm=ConfirmConfig(), final=final)


MEMBERS: dict[str, Callable[[Path], Experiment]] = {
    "own": _own,
    "super_resolution": _super_resolution,
    "style_transfer": _style_transfer,
    "perceptual_super_resolution": _perceptual,
    "photo_filter": _photo_filter,
    "translation": _translation,
    "cycle": _cycle,
}


def member(name: str, folder: Path) -> Experiment:
    """A tiny experiment of a system, on pictures in a folder of its own."""
    experiment = MEMBERS[name](pictures(folder))
    # On a busy machine a checkpoint by time would come between two steps, and compile programs of its own.
    stages = tuple(replace(s, train=replace(s.train, checkpoint_seconds=0.0)) for s in experiment.stages)
    source = experiment.data.source
    if str(folder) not in source:
        source = f"{source.removesuffix('embedded')}folder:{folder}"  # and what is made of the pictures
    return replace(experiment, stages=stages, data=replace(experiment.data, source=source))
