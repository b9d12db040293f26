"""What `nasjax upscale` alone takes: a picture without an output, names of models, and how sharp."""

import numpy as np
import pytest
from PIL import Image

from nasjax.apply.upscalers import PERCEPTUAL, upscalers
from nasjax.cli import main
from tests.commands.cases import CASES, SCENE


@pytest.fixture
def photo(tmp_path):
    """A small picture in a folder of its own."""
    Image.fromarray(SCENE).save(tmp_path / "photo.jpg")
    return tmp_path / "photo.jpg"


def test_a_picture_alone_is_written_beside_itself(photo, capsys):
    """As a PNG that says how much larger it is, once; with leave again, and in the format that is asked for."""
    command = ["upscale", "--model", "small", str(photo)]
    assert main(command) == 0
    target = photo.with_name("photo_x4.png")
    assert capsys.readouterr().out == f"{target}\n"
    with Image.open(target) as image:
        assert image.size == (4 * SCENE.shape[1], 4 * SCENE.shape[0])
    assert main(command) == 2 and "photo_x4.png exists and would be replaced" in capsys.readouterr().err
    assert main([*command, "--overwrite", "--scale", "2", "--model", "medium", "--format", "jpg"]) == 0
    assert photo.with_name("photo_x2.jpg").is_file()


def test_pictures_of_one_name_do_not_replace_each_other(photo, capsys):
    """Alone, the second of photo.jpg and photo.png finds an output that exists; in a folder both have one."""
    command = ["upscale", "--model", "small"]
    other = photo.with_suffix(".png")
    Image.fromarray(SCENE[::-1]).save(other)
    assert main([*command, str(photo)]) == 0
    first = photo.with_name("photo_x4.png").read_bytes()
    assert main([*command, str(other)]) == 2 and "photo_x4.png exists" in capsys.readouterr().err
    assert photo.with_name("photo_x4.png").read_bytes() == first
    photo.with_name("photo_x4.png").unlink()
    (out := photo.with_name("out")).mkdir()
    assert main([*command, str(photo.parent), str(out), "--format", "png"]) == 0
    assert sorted(path.name for path in out.glob("*.png")) == ["photo.png", "photo_jpg.png"]


def test_frames_of_a_file_alone_need_a_folder(tmp_path, capsys):
    """Which is said: the name that a single picture would have had is not one."""
    CASES["moving.gif"].write(tmp_path / "moving.gif")
    assert main(["upscale", "--model", "small", str(tmp_path / "moving.gif"), "--frames", "all"]) == 2
    assert "all frames of a file go to a folder" in (said := capsys.readouterr().err)
    assert "give an existing one as the output" in said and [p.name for p in tmp_path.iterdir()] == ["moving.gif"]


def test_a_folder_alone_needs_an_output(photo, capsys):
    """Its pictures are not written among one another."""
    assert main(["upscale", str(photo.parent)]) == 2
    assert "needs at least one input and the output" in capsys.readouterr().err


@pytest.mark.parametrize("sharpness", ["0", "0.5"])
def test_perceptual_weights_and_another_sharpness_are_refused(photo, capsys, sharpness):
    """One of the two would have to be dropped."""
    assert main(["upscale", "--perceptual", "--sharpness", sharpness, str(photo), str(photo.with_suffix(".png"))]) == 2
    message = f"--perceptual is --sharpness 1, and --sharpness {sharpness} was given"
    assert message in capsys.readouterr().err and not photo.with_suffix(".png").exists()


def test_perceptual_weights_are_sharpness_1(photo):
    """Said once or twice."""
    outputs = []
    for name, options in (("a", []), ("b", ["--sharpness", "1"])):
        outputs.append(photo.with_name(f"{name}.png"))
        assert main(["upscale", "--perceptual", *options, str(photo), str(outputs[-1])]) == 0
    first, second = (np.asarray(Image.open(path)) for path in outputs)
    np.testing.assert_array_equal(first, second)


def test_help_lists_what_there_is(capsys):
    """Every model with its scales, but those that --perceptual stands for."""
    with pytest.raises(SystemExit):
        main(["upscale", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    for name, scales in upscalers().items():
        assert (f"{name} ({', '.join(f'x{s}' for s in scales)})" in said) == (not name.endswith(PERCEPTUAL))
