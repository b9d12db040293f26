"""Super-resolution: what its protocol says of the pictures that candidates are compared on."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from nasjax.chain.configs import load_config
from nasjax.systems.super_resolution.system import SuperResolution, validation_pairs, validation_text


@pytest.mark.parametrize(
    ("patches", "said"),
    [
        (8, "8 textured patches of 32x32 px of 3 validation pictures"),
        (2, "2 textured patches of 32x32 px of 2 validation pictures"),
        (0, "nothing: no patches of the validation split"),
    ],
)
def test_few_pictures_are_said_to_be_few(tmp_path, patches, said):
    """Patches are many, the pictures behind them may not be; one that is too small for a patch is none of them."""
    for i, side in enumerate((80, 80, 80, 20)):
        (tmp_path / "val").mkdir(exist_ok=True)
        noise = np.random.default_rng(i).integers(0, 255, (side, side, 3), np.uint8)
        Image.fromarray(noise).save(tmp_path / "val" / f"{i}.png")
    (tmp_path / "train").mkdir()
    Image.fromarray(noise).save(tmp_path / "train" / "0.png")
    config = load_config("quickstart").tiny()
    data = replace(config.data, source=f"folder:{tmp_path}", val_patches=patches, val_patch=8, on_bad="skip")
    experiment, system = replace(config, data=data), SuperResolution(4)
    assert validation_text(system, experiment) == said
    assert len(validation_pairs(system, experiment)) == patches
