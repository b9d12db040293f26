"""Files through a bundle: formats, what travels with the pixels, and bad input."""

import errno

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageCms

from nasjax.apply import apply_bundle
from nasjax.apply.files import bundle_folder
from nasjax.apply.plan import FileOptions
from nasjax.export.bundle import Bundle
from tests.apply.profiles import linear_grey

# A bundle by hand that repeats each pixel: what comes out can be said without running a network.
DOUBLE = Bundle(
    lambda x: jnp.repeat(jnp.repeat(x, 2, 1), 2, 2), {"scale": 2, "size_multiple": 1, "min_size": 1}, "none", {}
)
RGB = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
GREY = RGB[..., 0]
ALPHA = np.full((5, 7), 128, np.uint8)


def _run(tmp_path, image, name="in.png", out="out.png", **save):
    image.save(tmp_path / name, **save)
    assert apply_bundle(DOUBLE, tmp_path / name, tmp_path / out) == [tmp_path / out]
    with Image.open(tmp_path / out) as result:
        result.load()
        return result


def _double(array):
    return array.repeat(2, 0).repeat(2, 1)


def _image(mode):
    made = {
        "RGB": lambda: Image.fromarray(RGB),
        "RGBA": lambda: Image.fromarray(np.dstack([RGB, ALPHA])),
        "L": lambda: Image.fromarray(GREY),
        "LA": lambda: Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(ALPHA)]),
        "1": lambda: Image.fromarray(GREY > 127),
        "P": lambda: Image.fromarray(RGB).quantize(8),
        "I;16": lambda: Image.fromarray(GREY.astype(np.uint16) * 257),
    }
    return made[mode]()


@pytest.mark.parametrize(
    "mode, expected",
    [("RGB", "RGB"), ("RGBA", "RGBA"), ("L", "L"), ("LA", "LA"), ("1", "L"), ("P", "RGB"), ("I;16", "I;16")],
)
def test_every_mode_of_picture(tmp_path, mode, expected):
    """Grey stays grey, transparency and 16 bits stay, palettes become colours; every pixel keeps its value."""
    image = _image(mode)
    result = _run(tmp_path, image)
    assert result.mode == expected and result.size == (14, 10)
    source = image if mode == "I;16" else image.convert(expected)
    np.testing.assert_array_equal(np.asarray(result), _double(np.asarray(source)))


def test_transparency_is_enlarged_as_the_colours_are(tmp_path):
    """Through the network, as a grey picture: one that repeats pixels repeats those of alpha.

    Visible colours stay, and none is left of those that cannot be seen.
    """
    alpha = np.where(np.arange(7) < 3, 0, 255).astype(np.uint8) * np.ones((5, 1), np.uint8)
    result = np.asarray(_run(tmp_path, Image.fromarray(np.dstack([RGB, alpha]))))
    np.testing.assert_array_equal(result[:, 6:, :3], _double(RGB)[:, 6:])
    assert np.abs(result[:, :6, :3].astype(int) - _double(RGB)[:, :6]).max() > 50
    np.testing.assert_array_equal(result[..., 3], _double(alpha))


def test_a_transparent_palette_keeps_its_transparency(tmp_path):
    """A palette with one transparent entry becomes RGBA."""
    image = Image.fromarray(RGB).quantize(4)
    result = _run(tmp_path, image, "in.gif", transparency=1)
    assert result.mode == "RGBA" and set(np.unique(np.asarray(result)[..., 3])) >= {0, 255}


def test_jpeg_has_no_transparency(tmp_path):
    """What is transparent becomes white there."""
    clear = Image.fromarray(np.dstack([np.zeros_like(RGB), np.zeros_like(ALPHA)]))
    result = _run(tmp_path, clear, out="out.JPG")
    assert result.format == "JPEG" and result.mode == "RGB" and np.asarray(result).min() == 255


@pytest.mark.parametrize("out", ["out.png", "out.jpg", "out.jpeg", "out.webp"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_formats(tmp_path, out, mode):
    """The suffix chooses the format, and the lossy ones stay close on a smooth picture."""
    ramp = np.linspace(40, 200, 16 * 16).reshape(16, 16)
    smooth = Image.fromarray(np.stack([ramp, ramp.T, ramp[::-1]], -1).astype(np.uint8)).convert(mode)
    result = _run(tmp_path, smooth, out=out)
    assert result.format == {"png": "PNG", "webp": "WEBP"}.get(out[4:], "JPEG")
    difference = np.asarray(result.convert(mode)).astype(int) - _double(np.asarray(smooth))
    assert np.abs(difference).mean() < 3


@pytest.mark.parametrize("out", ["out.png", "out.jpg", "out.webp"])
def test_profile_and_exif_travel_and_the_picture_stands_upright(tmp_path, out):
    """The orientation is applied and reset, other tags are kept, those that state a size are corrected."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x0100] = 6, "maker", 7
    exif.get_ifd(0x8769)[0xA002] = 7
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    result = _run(tmp_path, Image.fromarray(RGB), out=out, exif=exif.tobytes(), icc_profile=profile)
    assert result.size == (10, 14)
    assert result.info["icc_profile"] == profile
    kept = result.getexif()
    assert kept.get(0x0112, 1) == 1 and kept[0x010F] == "maker"
    assert kept[0x0100] == 10 and kept.get_ifd(0x8769)[0xA002] == 10
    if out.endswith("png"):
        np.testing.assert_array_equal(np.asarray(result), _double(np.rot90(RGB, -1)))


def test_a_profile_of_converted_colours_is_dropped(tmp_path):
    """CMYK becomes RGB: its profile would be wrong."""
    image = Image.fromarray(RGB).convert("CMYK")
    result = _run(tmp_path, image, "in.jpg", icc_profile=b"profile of inks")
    assert result.mode == "RGB" and "icc_profile" not in result.info


def test_a_folder_of_files(tmp_path):
    """Files keep their names and formats, others become PNG, hidden inputs in sub-folders are left alone."""
    (tmp_path / "in" / "deeper").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    for name in ("a.png", "b.jpg", "c.bmp", "deeper/d.png"):
        Image.fromarray(RGB).save(tmp_path / "in" / name)
    (tmp_path / "in" / "notes.txt").write_text("no image")
    seen = []
    written = apply_bundle(DOUBLE, tmp_path / "in", tmp_path / "out", on_written=lambda *pair: seen.append(pair))
    assert (
        [p.name for p in written]
        == ["a.png", "b.jpg", "c.png"]
        == sorted(p.name for p in (tmp_path / "out").glob("*.*g"))
    )
    assert [target for _, target in seen] == written


def test_unreadable_files_are_named_after_the_others_are_done(tmp_path):
    """One broken file of many costs only itself."""
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(b"no picture")
    Image.fromarray(RGB).save(tmp_path / "in" / "b.png")
    with pytest.raises(ValueError, match="1 of 2 pictures failed, the others are done: .*a.png: not a picture"):
        apply_bundle(DOUBLE, tmp_path / "in", tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").glob("*.png")] == ["b.png"]


@pytest.mark.parametrize(
    "image, out, message",
    [
        ("missing.png", "out.png", "image .*missing.png: there is no such file or folder"),
        ("broken.png", "out.png", "broken.png: not a picture of a format that is read"),
        ("cut.png", "out.png", "cannot read image .*cut.png: "),
        ("float.tiff", "out.png", "float pixels have no agreed range"),
        ("good.png", "nowhere/out.png", "the folder .*nowhere does not exist"),
        ("good.png", "out.gif", "unknown image format '.gif'; allowed: .png, .jpg, .jpeg, .webp"),
        ("good.png", "out", "output .*out: there is no such folder, and the name of a file ends in one of .png"),
        ("empty", "out.png", "empty: no image is in there"),
        ("pictures", "out.png", "must be an existing folder"),
        ("pictures", "pictures", "good.png would replace the input .*good.png"),
    ],
)
def test_bad_input_is_named(tmp_path, image, out, message):
    """Each mistake gets one line, and nothing is written."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "pictures").mkdir()
    good = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    good.save(tmp_path / "good.png")
    good.save(tmp_path / "pictures" / "good.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (tmp_path / "cut.png").write_bytes((tmp_path / "good.png").read_bytes()[:3000])
    Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / "float.tiff")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match=message):
        apply_bundle(DOUBLE, tmp_path / image, tmp_path / out)
    assert sorted(tmp_path.rglob("*")) == before


def test_two_outputs_of_one_name_are_refused(tmp_path):
    """Pictures of two folders that share a name would overwrite each other."""
    for folder in ("a", "b", "out"):
        (tmp_path / folder).mkdir()
    for folder in ("a", "b"):
        Image.fromarray(RGB).save(tmp_path / folder / "x.png")
    with pytest.raises(ValueError, match="would both become .*x.png"):
        apply_bundle(DOUBLE, [tmp_path / "a", tmp_path / "b"], tmp_path / "out")


def test_a_missing_bundle_is_named(tmp_path):
    """A folder that is not there, and one that is none."""
    Image.fromarray(RGB).save(tmp_path / "in.png")
    with pytest.raises(ValueError, match="bundle .*nothing: there is no such folder"):
        apply_bundle(tmp_path / "nothing", tmp_path / "in.png", tmp_path / "out.png")
    with pytest.raises(ValueError, match="is not a bundle: it has no manifest.json"):
        apply_bundle(tmp_path, tmp_path / "in.png", tmp_path / "out.png")


def test_a_run_gives_its_bundle(tmp_path):
    """A folder that is no bundle and has one as `export` is taken for that one."""
    (tmp_path / "run" / "export").mkdir(parents=True)
    assert bundle_folder(tmp_path / "run") == tmp_path / "run" / "export"
    (tmp_path / "run" / "manifest.json").touch()
    assert bundle_folder(tmp_path / "run") == tmp_path / "run"


def test_an_animation_and_what_it_is_made_of(tmp_path):
    """Frames are read one by one from Python too."""
    frames = [Image.fromarray(np.full((4, 6, 3), 60 * i, np.uint8)) for i in range(3)]
    frames[0].save(tmp_path / "in.webp", save_all=True, append_images=frames[1:], lossless=True)
    (tmp_path / "out").mkdir()
    options = FileOptions(frames="all", format="png")
    written = apply_bundle(DOUBLE, tmp_path / "in.webp", tmp_path / "out", options=options)
    assert [p.name for p in written] == ["in_1.png", "in_2.png", "in_3.png"]
    assert [np.asarray(Image.open(p))[0, 0, 0] for p in written] == [0, 60, 120]


def test_a_grey_profile_goes_where_greys_do(tmp_path):
    """A PNG keeps greys and their profile; in a WebP, which has colours only, they are converted to sRGB."""
    profile = linear_grey()
    half = Image.fromarray(np.full((4, 6), 128, np.uint8))
    result = _run(tmp_path, half, out="out.png", icc_profile=profile)
    assert result.mode == "L" and result.info["icc_profile"] == profile and result.getpixel((3, 3)) == 128
    result = _run(tmp_path, half, out="out.webp", icc_profile=profile)
    assert "icc_profile" not in result.info and abs(result.getpixel((3, 3))[1] - 188) <= 2


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    """An output that cannot be written in full does not replace what was there."""
    Image.fromarray(RGB).save(tmp_path / "in.png")
    (tmp_path / "out.png").write_bytes(b"before")

    def full(self, file, *args, **kwargs):
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(ValueError, match="cannot write .*out.png: No space left on device"):
        apply_bundle(DOUBLE, tmp_path / "in.png", tmp_path / "out.png", options=FileOptions(overwrite=True))
    assert (tmp_path / "out.png").read_bytes() == b"before"
    assert len(list(tmp_path.iterdir())) == 2
