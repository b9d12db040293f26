"""Every image command on 360-degree pictures: where the seam lies does not show."""

import numpy as np
import pytest
from PIL import Image

from nasjax.cli import main

_TURN = 24  # columns; a multiple of what networks halve pictures to


def _around() -> np.ndarray:
    """Waves of 8 and of 32 columns, and a wave down: the last column goes on with the first."""
    rows, columns, colours = np.ogrid[:32, :64, :3]
    waves = 60 * np.sin(2 * np.pi * columns / 8 + colours) + 40 * np.sin(2 * np.pi * columns / 32)
    return np.round(127 + waves + 20 * np.cos(2 * np.pi * rows / 32)).astype(np.uint8)


@pytest.fixture
def outputs(command, tmp_path):
    """What a command makes of a picture and of the same one turned, with some options, as levels."""
    picture = _around()
    Image.fromarray(picture).save(tmp_path / "a.png")
    Image.fromarray(np.roll(picture, _TURN, 1)).save(tmp_path / "b.png")

    def made(*options: str) -> list[np.ndarray]:
        found = []
        for name in ("a", "b"):
            target = tmp_path / f"{name}{len(options)}.png"
            assert command(tmp_path / f"{name}.png", target, *options)[0] == 0
            found.append(np.asarray(Image.open(target).convert("RGB"), np.int32))
        return found

    return made


def test_a_turned_picture_is_the_picture_turned(command, outputs):
    """To one level; and both borders differ no more than columns that lie side by side."""
    plain, turned = outputs("--wrap")
    assert plain.shape == (32 * command.scale, 64 * command.scale, 3)
    assert np.abs(np.roll(plain, _TURN * command.scale, 1) - turned).max() <= 1
    steps = np.abs(np.diff(plain, axis=1)).mean((0, 2))
    assert np.abs(plain[:, 0] - plain[:, -1]).mean() <= steps.max()
    if command.name != "filter":  # whose network here changes nothing, so that there is nothing to see at borders
        plain, turned = outputs()
        assert np.abs(np.roll(plain, _TURN * command.scale, 1) - turned).max() > 3


def test_a_picture_that_wraps_is_not_done_by_one_that_does_not(command, tmp_path):
    """The manifest tells them apart."""
    Image.fromarray(_around()).save(tmp_path / "a.png")
    (tmp_path / "out").mkdir()
    assert command(tmp_path / "a.png", tmp_path / "out")[0] == 0
    assert "1 done before" in command(tmp_path / "a.png", tmp_path / "out")[2]
    code, _, said = command(tmp_path / "a.png", tmp_path / "out", "--wrap")
    assert code == 2 and "would be replaced" in said
    assert command(tmp_path / "a.png", tmp_path / "out", "--wrap", "--overwrite")[0] == 0
    assert "1 done before" in command(tmp_path / "a.png", tmp_path / "out", "--wrap")[2]


@pytest.mark.parametrize(("model", "levels"), [("dejpeg", 1), ("deblur", 2)])
def test_a_filter_that_reads_neighbours_has_no_seam(model, levels, tmp_path):
    """Those that come with the package, whose networks change pixels by what is beside them, also across the seam."""
    picture = _around()
    Image.fromarray(picture).save(tmp_path / "a.png")
    Image.fromarray(np.roll(picture, _TURN, 1)).save(tmp_path / "b.png")

    def apart(*options: str) -> int:
        made = []
        for name in ("a", "b"):
            target = tmp_path / f"{name}-out{len(options)}.png"
            assert main(["filter", str(tmp_path / f"{name}.png"), str(target), "--model", model, *options]) == 0
            made.append(np.asarray(Image.open(target).convert("RGB"), np.int32))
        assert np.abs(made[0] - picture).max() > 3
        return int(np.abs(np.roll(made[0], _TURN, 1) - made[1]).max())

    assert apart("--wrap") <= levels and apart() > 10
