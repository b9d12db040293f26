"""Every image command over one table of files: what comes out is what comes of the plain picture that the file is."""

import contextlib
import io
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from nasjax.apply.reading import read_levels
from nasjax.cli import main
from nasjax.export.bundle import write_bundle
from nasjax.export.card import Card
from nasjax.export.stylist import write_style_network
from nasjax.spaces.photonet import photonet
from tests.commands.cases import CASES, FAILING, IGNORED, SCENE
from tests.export.networks import sr_cell

_STYLE = {"widths": [4, 6, 8], "convs": [1, 1, 1], "ops": ["conv"]}


class Command(NamedTuple):
    """A command ready to be given pictures: its options, and the words before and behind them."""

    name: str
    options: tuple[str, ...]
    before: tuple[str, ...]
    behind: tuple[str, ...]
    scale: int
    tag: str  # what is added to the stem of an output
    gain: float  # by how much more than its input an output may differ

    def __call__(self, images: Path | str, output: Path | str, *options: str) -> tuple[int, str, str]:
        """Exit code, standard output and standard error."""
        out, err = io.StringIO(), io.StringIO()
        words = (*self.before, str(images), *self.behind, str(output))
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([self.name, *self.options, *options, "--", *words])
        return code, out.getvalue(), err.getvalue()


def _apply(folder: Path) -> Command:
    """A network that enlarges by bicubic: all that it has learned is nothing."""
    network = sr_cell(2, {"b1": "off", "b2": "off", "image": "bicubic"})
    write_bundle(
        folder / "bundle",
        network._replace(params=jax.tree.map(jnp.zeros_like, network.params)),
        card=Card("x2"),
        formats=(),
    )
    return Command("apply", (), (str(folder / "bundle"),), (), 2, "", 1.0)


def _stylize(folder: Path) -> Command:
    """A network with one transfer, at full resolution, and random weights."""
    net = photonet(**_STYLE)
    arch = net.space.encode({c.name: c.options[0] for c in net.space.choices} | {"d1.cat": "on", "d1.skip": "on"})
    params = net.extract_params(net.init(jax.random.key(0)), arch)
    write_style_network(folder / "network", _STYLE, arch=arch, params=params, card={"name": "test"})
    Image.fromarray(SCENE[::-1, ::-1]).save(folder / "style.png")
    return Command(
        "stylize", ("--network", str(folder / "network")), (), (str(folder / "style.png"),), 1, "_style", 4.0
    )


COMMANDS = {"apply": _apply, "stylize": _stylize}


@pytest.fixture(scope="module", params=COMMANDS)
def command(request, tmp_path_factory) -> Command:
    return COMMANDS[request.param](tmp_path_factory.mktemp("network"))


class Done(NamedTuple):
    """The outputs of all cases and of the plain pictures that they equal, and what was said."""

    command: Command
    out: Path
    plain: Path
    code: int
    written: list[str]
    said: str

    def output(self, name: str) -> Path:
        """The output of a case."""
        stem = f"{Path(name).stem[:60]}*" if len(name) > 200 else f"{Path(name).stem}{self.command.tag}.*"
        (path,) = self.out.glob(stem)
        return path


@pytest.fixture(scope="module")
def done(command, tmp_path_factory) -> Done:
    root = tmp_path_factory.mktemp(command.name)
    cases, right, out, plain = (root / name for name in ("cases", "right", "out", "plain"))
    for folder in (cases, right, out, plain):
        folder.mkdir()
    for number, (name, case) in enumerate(CASES.items()):
        case.write(cases / name)
        Image.fromarray(case.right.astype(np.uint8)).save(right / f"{number:02d}.png")
    for name, content in (IGNORED | {name: content for name, (content, _) in FAILING.items()}).items():
        (cases / name).write_bytes(content)
    code, _, said = command(right, plain)
    assert (code, said.count("failed")) == (0, 0), said
    code, written, said = command(cases, out)
    return Done(command, out, plain, code, written.splitlines(), said)


@pytest.mark.parametrize("name", CASES)
def test_a_file_is_the_picture_that_it_shows(done, name):
    """Its output is that of a plain PNG of the right pixels; what is transparent is composed over white."""
    case, number = CASES[name], list(CASES).index(name)
    found, wanted = (
        _over_white(path) for path in (done.output(name), done.plain / f"{number:02d}{done.command.tag}.png")
    )
    assert found.shape == wanted.shape == (done.command.scale * 32, done.command.scale * 32, 3)
    assert np.abs(found - wanted).max() <= case.near * done.command.gain + 1


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.deep])
def test_sixteen_bits_stay(done, name):
    """The output has 16 bits, and more levels than 8 bits have in their range."""
    levels = read_levels(done.output(name))
    assert levels.dtype == np.uint16 and len(np.unique(levels[..., 0])) > 300


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.says])
def test_what_is_not_used_is_said_in_one_line(done, name):
    """The line names the file; nothing of a library's own words reaches the terminal."""
    (line,) = [line for line in done.said.splitlines() if f"/{name}: " in line]
    assert line.startswith("note: ") and CASES[name].says in line


def test_nothing_else_is_said(done):
    """A line for each file that there is something to say about, and the summary: no warnings, no source lines."""
    lines = done.said.splitlines()
    expected = {*(n for n, c in CASES.items() if c.says), *FAILING}
    assert len(lines) == len(expected) + 1, done.said
    assert all(line.startswith(("note: ", "failed: ")) for line in lines[:-1])


@pytest.mark.parametrize("name", FAILING)
def test_what_fails_is_named_and_the_rest_is_done(done, name):
    """Each has a line with its reason, the summary names it again, and the exit code is not 0."""
    (line,) = [line for line in done.said.splitlines() if line.startswith("failed: ") and f"/{name}" in line]
    assert FAILING[name][1] in line
    summary = done.said.splitlines()[-1]
    assert f"{len(CASES)} written, {len(FAILING)} failed" in summary and f"/{name}" in summary
    assert done.code == 1


def test_written_files_are_named(done):
    """Standard output is the files written, and nothing else is in the folder but the manifest."""
    there = {path.name for path in done.out.iterdir()} - {"nasjax-manifest.jsonl"}
    assert {Path(line).name for line in done.written} == there and len(done.written) == len(CASES)


def _over_white(path: Path) -> np.ndarray:
    levels, alpha = read_levels(path), np.float32(1)
    with Image.open(path) as image:
        if "A" in image.getbands():
            alpha = np.asarray(image.getchannel("A"), np.float32)[..., None] / 255
    colours = np.broadcast_to(levels / (257 if levels.dtype == np.uint16 else 1), (*levels.shape[:2], 3))
    return colours * alpha + 255 * (1 - alpha)
