"""Label pictures: integers as they are stored, colours before blur and compression, labels that one side lacks."""

import numpy as np
import pytest
from PIL import Image

from nasjax.apply.masks import colour_name, read_masks
from tests.commands.cases import png

RED, GREEN, BLUE = (255, 0, 0), (0, 128, 0), (0, 0, 255)


def _stripes(*colours, width=40, height=60):
    return np.concatenate([np.full((height, width, 3), colour, np.uint8) for colour in colours], 1)


def _save(path, pixels, **options):
    Image.fromarray(pixels).save(path, **options)
    return path


def test_sixteen_bit_labels_are_integers(tmp_path):
    """0, 1 and 300 are three regions, the same in a picture of 8 bits as far as it has them."""
    ids = np.repeat(np.array([0, 1, 300], np.uint16), 8)[None].repeat(9, 0)
    (tmp_path / "a.png").write_bytes(png(ids[..., None]))
    _save(tmp_path / "b.png", np.minimum(ids, 1).astype(np.uint8))
    found = read_masks(tmp_path / "a.png", tmp_path / "b.png")
    assert [len(np.unique(mask)) for mask in found[:2]] == [3, 2]
    np.testing.assert_array_equal(found.content[:, :16], found.style[:, :16])
    assert found.notes == ((str(tmp_path / "b.png"), "no level 300 in it: there the whole style counts"),)


def test_sixteen_bits_of_eight_are_those(tmp_path):
    """A colour picture that was saved with 16 bits has the labels of the same one with 8."""
    pixels = _stripes(RED, BLUE)
    (tmp_path / "a.png").write_bytes(png(pixels.astype(np.uint16) * 257))
    found = read_masks(tmp_path / "a.png", _save(tmp_path / "b.png", pixels))
    np.testing.assert_array_equal(found.content, found.style)
    assert not found.notes


def test_clean_pictures_stay_as_they_are(tmp_path):
    """Neighbouring greys, thin lines, a single pixel: each colour is a region, and nothing is said."""
    pixels = np.zeros((30, 40), np.uint8)
    pixels[:, 20:], pixels[:, 30:], pixels[4], pixels[9, 9] = 1, 2, 7, 200
    found = read_masks(_save(tmp_path / "a.png", pixels), _save(tmp_path / "b.png", pixels[::-1]))
    assert len(np.unique(found.content)) == 5 and not found.notes
    np.testing.assert_array_equal(found.content, found.style[::-1])


@pytest.mark.parametrize("harm", ["blurred", "jpeg", "antialiased"])
def test_what_blur_and_compression_did_is_undone(tmp_path, harm):
    """Three regions come out as they were, but for a pixel or two at their borders; one line says so.

    Halfway between red and blue is the third region's colour: borders must not be taken for it.
    """
    clean = _stripes(RED, BLUE, (128, 0, 128))
    image = Image.fromarray(clean)
    if harm == "blurred":
        noise = np.random.default_rng(0).integers(-2, 3, clean.shape)
        rows = np.pad(clean[0].astype(float), ((5, 5), (0, 0)), "edge")
        soft = np.stack([np.convolve(rows[:, c], np.hanning(13)[1:-1] / 6, "valid") for c in range(3)], -1)
        image = Image.fromarray((soft[None] + noise).clip(0, 255).astype(np.uint8))
    if harm == "antialiased":
        image = (
            image.resize((720, 360)).rotate(0.3, Image.Resampling.BILINEAR).crop((20, 20, 700, 340)).resize((120, 60))
        )
        clean = np.asarray(Image.fromarray(clean).resize((680, 320), Image.Resampling.NEAREST).resize((120, 60), 0))
    name = "a.jpg" if harm == "jpeg" else "a.png"
    path = tmp_path / name
    image.save(path, **({"quality": 60} if harm == "jpeg" else {}))
    found = read_masks(path, _save(tmp_path / "b.png", clean))
    assert (found.content != found.style).mean() < 0.05 and len(np.unique(found.content)) == 3
    inner = [slice(5, 35), slice(45, 75), slice(85, 115)]
    assert all((found.content[:, s] == found.style[:, s]).mean() > 0.97 for s in inner)
    ((where, line),) = found.notes
    assert where == str(path) and "as of a blurred or compressed picture; taken for 3: " in line


def test_labels_that_one_side_lacks_are_named_as_a_person_writes_them(tmp_path):
    """The content's takes the whole style, the style's is not used."""
    a, b = _save(tmp_path / "a.png", _stripes(RED, BLUE)), _save(tmp_path / "b.png", _stripes(RED, GREEN))
    assert read_masks(a, b).notes == (
        (str(b), "no blue (#0000ff) in it: there the whole style counts"),
        (str(a), "no green (#008000) in it: that of the style is not used"),
    )


@pytest.mark.parametrize(
    "colour, name",
    [((255, 0, 0), "red (#ff0000)"), ((1, 2, 3), "#010203"), ((7,), "level 7"), ((0, 0, 0), "level 0 (black)")],
)
def test_colours_have_names(colour, name):
    """One that everybody knows, or the code that programs show; greys are levels."""
    assert colour_name(np.array(colour)) == name


def test_too_many_regions_are_named(tmp_path):
    """Twenty flat colours are twenty regions, however clean."""
    path = _save(tmp_path / "a.png", _stripes(*((12 * i, 255 - 12 * i, 40) for i in range(20)), width=10))
    with pytest.raises(ValueError, match="a.png has 20 regions; at most 16"):
        read_masks(path, path)
