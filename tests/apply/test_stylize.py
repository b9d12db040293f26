"""Stylising pictures: arrays and files in, the same kind out, and every input that does not fit is named."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from PIL import Image

from nasjax.apply.stylize import StyleOptions, stylize
from nasjax.apply.stylize_files import stylize_files
from nasjax.cli import main
from nasjax.export.stylist import write_style_network
from nasjax.spaces.photonet import photonet

ARGUMENTS = {"widths": [4, 6, 8], "convs": [1, 1, 1], "ops": ["conv"]}


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    """A network with one transfer, at full resolution: quick to compile."""
    net = photonet(**ARGUMENTS)
    arch = net.space.encode({c.name: c.options[0] for c in net.space.choices} | {"d1.cat": "on", "d1.skip": "on"})
    params = net.extract_params(net.init(jax.random.key(0)), arch)
    folder = tmp_path_factory.mktemp("network") / "n"
    write_style_network(folder, ARGUMENTS, arch=arch, params=params, card={"name": "test"})
    return StyleOptions(network=folder)


def _photo(seed, height=24, width=28):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def test_the_output_is_of_the_contents_kind(options):
    """uint8 gives uint8, float gives float; sizes of content and style are independent."""
    out = stylize(_photo(0), _photo(1), options)
    assert out.dtype == np.uint8 and out.shape == (24, 28, 3)
    floats = stylize(_photo(0).astype(np.float32) / 127.5 - 1, _photo(1), options)
    assert floats.dtype == np.float32
    assert np.abs((floats + 1) * 127.5 - out).max() < 0.51


def test_hard_inputs_are_stylised(options):
    """A flat style, an identical one, one pixel, grey: finite, and not all black or white."""
    content = _photo(0)
    flat = np.full((24, 28, 3), 77, np.uint8)
    for style in (flat, content, content[:1, :1], np.repeat(content[..., :1], 3, -1)):
        assert stylize(content, style, options).shape == content.shape
    assert stylize(content[:1, :1], content, options).shape == (1, 1, 3)
    assert np.ptp(stylize(content, content, options)) > 20


def test_regions_follow_their_labels(options):
    """The left takes its statistics from the style's left alone."""
    content, left = _photo(0), np.zeros((24, 28), np.int64)
    left[:, 14:] = 7
    bright, dark = _photo(1) // 4 + 180, _photo(2) // 4
    style = np.concatenate([bright[:, :14], dark[:, 14:]], 1)
    whole = stylize(content, style, options).astype(float)
    split = stylize(content, style, options, content_labels=left, style_labels=left).astype(float)
    gap = split[:, :12].mean() - split[:, 16:].mean()
    assert abs(gap) > 2 * abs(whole[:, :12].mean() - whole[:, 16:].mean())


def test_a_label_that_the_style_lacks_takes_the_whole_style(options):
    """The content's second region gets what it would get of a style without labels; the first one its own."""
    content, labels = _photo(0), np.zeros((24, 28), np.int64)
    labels[:, 14:] = 7
    style = np.concatenate([_photo(1)[:, :14] // 4 + 180, _photo(2)[:, 14:] // 4], 1)
    # Columns near the border see the other region, and have their part in the statistics that colours are matched by.
    known, options = np.where(labels == 7, 5, 0), replace(options, smooth=False, match=False)
    found = stylize(content, style, options, content_labels=labels, style_labels=known)
    whole = stylize(content, style, options, content_labels=labels, style_labels=labels * 0 + 7)
    wanted = stylize(content, style, options, content_labels=labels, style_labels=labels)
    assert np.abs(found[:, 18:].astype(int) - whole[:, 18:]).max() <= 2
    assert np.abs(found[:, :10].astype(int) - wanted[:, :10]).max() <= 2


def test_what_is_invisible_does_not_count(options):
    """Of a content and a style that are half transparent, only the visible halves matter; they give what they gave."""
    content, style = _photo(0) // 8 + np.uint8(60), _photo(1) // 8 + np.array([40, 150, 90], np.uint8)
    alpha = np.zeros((24, 28), np.float32)
    alpha[:, :14] = 1
    hidden = [image.copy() for image in (content, style)]
    for image, colour in zip(hidden, [(255, 0, 0), (0, 0, 0)], strict=True):
        image[:, 14:] = colour
    both = {"content_alpha": alpha, "style_alpha": alpha}
    found = stylize(content, style, options, **both)
    np.testing.assert_array_equal(stylize(*hidden, options, **both), found)
    # Near the edge the network sees something else beside the halves than where there is nothing beside them.
    alone = stylize(content[:, :14], style[:, :14], options)
    far = [np.abs(out[:, :10].mean((0, 1)) - alone[:, :10].mean((0, 1))) for out in (found, stylize(*hidden, options))]
    assert far[0].max() < 3 and far[1].max() > 20


def test_what_is_half_visible_is_moved_in_full(options):
    """An even alpha changes nothing: it says how much pixels count, not how far they are moved."""
    content, style = _photo(0), _photo(1) // 2 + 100
    half = np.full((24, 28), 0.5, np.float32)
    found = stylize(content, style, options, content_alpha=half, style_alpha=half)
    assert np.abs(found.astype(int) - stylize(content, style, options)).max() <= 1


def test_arrays_and_labels_that_do_not_fit_are_named(options):
    """Shapes, types, one-sided labels, too many of them."""
    content, labels = _photo(0), np.zeros((24, 28), np.int64)
    for bad in (content[..., 0], content[..., :2], np.zeros((0, 4, 3), np.uint8)):
        with pytest.raises(ValueError, match="content must be"):
            stylize(bad, content, options)
    with pytest.raises(ValueError, match=r"style must be uint8, uint16, or float in \[-1, 1\]"):
        stylize(content, content.astype(np.float32), options)
    with pytest.raises(ValueError, match="the style is .* its alpha is"):
        stylize(content, content, options, style_alpha=np.ones((28, 24), np.float32))
    with pytest.raises(ValueError, match=r"alpha of the content must be float in \[0, 1\], got uint8"):
        stylize(content, content, options, content_alpha=content[..., 0])
    with pytest.raises(ValueError, match="both content and style"):
        stylize(content, content, options, content_labels=labels)
    with pytest.raises(ValueError, match="the content is .* its labels are"):
        stylize(content, content, options, content_labels=labels[1:], style_labels=labels)
    with pytest.raises(ValueError, match="24 regions; at most 16"):
        rows = labels + np.arange(24)[:, None]
        stylize(content, content, options, content_labels=rows, style_labels=rows)


def test_options_out_of_range_are_named():
    """alpha, size and method."""
    for given, word in (({"alpha": 1.5}, "alpha"), ({"size": 0}, "size"), ({"method": "qr"}, "newton-schulz")):
        with pytest.raises(ValueError, match=word):
            StyleOptions(**given)


@pytest.fixture
def files(tmp_path):
    """Two contents, of which one has transparency, and two styles."""
    for k in range(2):
        Image.fromarray(_photo(k)).save(tmp_path / f"c{k}.png")
        Image.fromarray(_photo(k + 5)).save(tmp_path / f"s{k}.png")
    clear = Image.fromarray(_photo(1))
    clear.putalpha(128)
    clear.save(tmp_path / "c1.png")
    return tmp_path


def test_every_content_meets_every_style(files, options):
    """Several pictures go to a folder under both names; transparency stays."""
    (files / "out").mkdir()
    contents, styles = ([files / f"{kind}{k}.png" for k in range(2)] for kind in "cs")
    written = stylize_files(contents, styles, files / "out", options=options)
    assert sorted(p.name for p in written) == ["c0_s0.png", "c0_s1.png", "c1_s0.png", "c1_s1.png"]
    with Image.open(files / "out" / "c1_s0.png") as picture:
        assert picture.mode == "RGBA"
    with pytest.raises(ValueError, match="existing folder"):
        stylize_files(contents, styles, files / "out.png", options=options)


def test_the_command(files, options, capsys):
    """One pair by command, with masks; a mask that does not fit is named and nothing is written."""
    mask = np.zeros((24, 28, 3), np.uint8)
    mask[:, 14:] = 255
    Image.fromarray(mask).save(files / "mask.png")
    command = ["stylize", str(files / "c0.png"), str(files / "s0.png"), str(files / "o.png")]
    command += ["--network", str(options.network), "--alpha", "0.5"]
    masks = ["--content-mask", str(files / "mask.png"), "--style-mask"]
    assert main([*command, *masks, str(files / "mask.png"), "--no-smooth"]) == 0
    with Image.open(files / "o.png") as picture:
        assert picture.size == (28, 24)
    Image.fromarray(mask[:10]).save(files / "short.png")
    (files / "o.png").unlink()
    assert main([*command, *masks, str(files / "short.png")]) == 1
    assert "the mask of the style is 28x10 pixels, its picture 28x24" in capsys.readouterr().err
    assert main([*command, "--content-mask", str(files / "mask.png")]) == 2
    assert "go together" in capsys.readouterr().err
    assert main([*command[:-4], "--network", str(files)]) == 2
    assert not (files / "o.png").exists()


def test_a_bad_style_costs_its_own_pictures_only(files, options, capsys):
    """Of three styles one is broken inside: the others are done, by name of content and style."""
    (files / "out").mkdir()
    (files / "styles").mkdir()
    whole = (files / "s0.png").read_bytes()
    (files / "s1.png").rename(files / "styles" / "good.png")
    (files / "styles" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (files / "styles" / "empty.png").touch()
    command = ["stylize", "--network", str(options.network), str(files / "c0.png"), str(files / "styles")]
    assert main([*command, str(files / "out")]) == 1
    out, err = capsys.readouterr()
    assert out == f"{files / 'out' / 'c0_good.png'}\n"
    assert f"failed: {files / 'c0.png'} by {files / 'styles' / 'cut.png'}: " in err
    assert f"failed: cannot read image {files / 'styles' / 'empty.png'}: the file is empty" in err
    assert "1 written, 2 failed" in err


def test_a_run_gives_its_network_and_a_missing_one_is_named(files, options, capsys):
    """`--network RUN` finds RUN/network."""
    (files / "run").mkdir()
    (files / "run" / "network").symlink_to(options.network)
    command = ["stylize", str(files / "c0.png"), str(files / "s0.png"), str(files / "o.png"), "--network"]
    assert main([*command, str(files / "run")]) == 0
    assert main([*command, str(files / "nowhere"), "--overwrite"]) == 2
    assert f"network {files / 'nowhere'}: there is no such folder" in capsys.readouterr().err


def test_masks_are_settings_of_their_output(files, options, capsys):
    """In a folder, the same masks are done before, other ones are not; what is done to them is said once."""
    (files / "out").mkdir()
    mask = np.zeros((24, 28, 3), np.uint8)
    mask[:, 14:] = 255
    for name, pixels in (("a", mask), ("b", mask // 3)):
        Image.fromarray(pixels).save(files / f"{name}.png")
    masks = ["--content-mask", str(files / "a.png"), "--style-mask"]
    command = ["stylize", "--network", str(options.network), str(files / "c0.png"), str(files / "s0.png")]
    assert main([*command, str(files / "out"), *masks, str(files / "b.png")]) == 0
    said = capsys.readouterr().err
    assert "note: " in said and said.count("level 255 (white) in it: there the whole style counts") == 1
    assert main([*command, str(files / "out"), *masks, str(files / "b.png")]) == 0
    assert "1 done before" in capsys.readouterr().err
    assert main([*command, str(files / "out"), *masks, str(files / "a.png")]) == 2


def test_the_shipped_network_gives_a_photograph_another_light():
    """Without any option: colours go to the style's, edges stay, and half as much is half as far."""
    from nasjax.data.embedded import embedded_photos
    from nasjax.data.style_pairs import square
    from nasjax.metrics.style import edge_ssim

    photos = embedded_photos("test")
    content, style = (square(photos[i]["image"][:192, :192], 96) for i in (3, 4))  # halved, as in training
    outs = {alpha: stylize(content, style, StyleOptions(alpha=alpha)).astype(float) for alpha in (1.0, 0.5, 0.0)}
    means = {alpha: out.mean((0, 1)) for alpha, out in outs.items()}
    wanted = style.mean((0, 1)).astype(float)
    far = {alpha: np.abs(mean - wanted).sum() for alpha, mean in means.items()}
    assert far[1.0] < 0.5 * far[0.0] and far[1.0] < far[0.5] < far[0.0]
    assert (outs[0.0] == content).all()
    unmatched = stylize(content, style, StyleOptions(match=False))
    similarity = jax.jit(edge_ssim)
    for out, least in ((unmatched, 0.6), (outs[1.0], 0.55)):  # colours that differ more have edges that differ more
        images = (np.asarray(a, np.float32)[None] / 127.5 - 1 for a in (out, content))
        assert float(similarity(*images)[0]) > least
