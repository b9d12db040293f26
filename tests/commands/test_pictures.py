"""Every image command over one table of files: what comes out is what comes of the plain picture that the file is."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from nasjax.apply.reading import read_levels
from tests.commands.cases import CASES, FAILING, IGNORED
from tests.commands.members import Command


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
