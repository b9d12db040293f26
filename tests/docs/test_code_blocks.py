"""The documentation is executed: Python blocks run, the output shown is theirs, commands and pictures exist."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import jax
import pytest

from nasjax.cli import _parser
from nasjax.commands.given import experiment_of
from tests.chain.members import own_file, pairs
from tests.contracts.own_generator import own
from tests.docs.blocks import ROOT, blocks, commands, pages
from tests.docs.running import run_blocks
from tests.report.make_run import make_run

_PAGES = {page.relative_to(ROOT).as_posix(): page for page in pages()}
# Run where what it makes is there already, with the very same experiment.
_ELSEWHERE = {"docs/tutorials/compress.md": "tests/commands/test_compress.py"}
_WITH_PYTHON = [name for name, page in _PAGES.items() if blocks(page, "python") and name not in _ELSEWHERE]
_NASJAX = [(name, command) for name, page in _PAGES.items() for command in commands(page, "nasjax ")]
_SCRIPTS = [(name, command) for name, page in _PAGES.items() for command in commands(page, "scripts/")]
_PARSER = _parser()
# What a reader of a page is assumed to have in the current folder.
_GIVEN = {
    "docs/tutorials/read_runs.md": lambda folder: _runs(folder / "runs", "quickstart", "again"),
    "docs/tutorials/translate.md": lambda folder: pairs(folder / "mine"),
}


@pytest.fixture
def forgotten() -> Iterator[None]:
    """Programs of a page are forgotten before the next page's: those of all pages take gigabytes."""
    yield
    jax.clear_caches()


@pytest.mark.parametrize("name", _WITH_PYTHON)
@pytest.mark.usefixtures("forgotten")
def test_python_blocks_run(name, tmp_path, monkeypatch):
    """A page's Python blocks run in order in one namespace, in an empty folder, and print what the page shows."""
    monkeypatch.chdir(tmp_path)
    _GIVEN.get(name, lambda folder: None)(tmp_path)
    run_blocks(_PAGES[name], name)


def test_the_tutorial_writes_the_generator_of_the_law_tests():
    """ "Bring your own generator" builds the space that every law is tested over, in under 80 lines."""
    texts = [block.text for block in blocks(_PAGES["docs/tutorials/own_generator.md"], "python")]
    last = next(i for i, text in enumerate(texts) if "Supernet(space, forward)" in text)
    source = "\n".join(texts[: last + 1])
    namespace: dict = {}
    exec(source, namespace)
    assert namespace["own"].space == own.space
    assert len(source.splitlines()) < 80


@pytest.mark.parametrize(("page", "command"), _NASJAX)
def test_commands_exist(page, command, tmp_path, monkeypatch, capsys):
    """Every `nasjax` line names a sub-command, its arguments, and fields of the config."""
    monkeypatch.chdir(tmp_path)
    own_file(tmp_path)  # the config file that pages speak of
    words = shlex.split(command, comments=True)[1:]
    try:
        args, rest = _PARSER.parse_known_args(words)
        assert not rest or getattr(args, "overrides", False), f"{page}: {command}: unknown {rest}"
        if rest:
            experiment_of(args, rest)
    except SystemExit:
        pytest.fail(f"{page}: {command}\n{capsys.readouterr().err}", pytrace=False)


@pytest.mark.parametrize(("page", "command"), _SCRIPTS)
def test_scripts_exist(page, command):
    """Every script that a page tells to run is there and may be executed."""
    script = ROOT / shlex.split(command, comments=True)[0]
    assert script.is_file() and script.stat().st_mode & 0o100, f"{page}: {command}"


def test_pictures_are_there_and_shown():
    """Pictures that pages show exist, and none lies in docs/images without being shown."""
    shown = {
        (page.parent / target).resolve()
        for page in _PAGES.values()
        for target in re.findall(r"!\[[^\]]*\]\(([^)#\s]+)\)", page.read_text(encoding="utf-8"))
        if "://" not in target
    }
    assert not [str(path) for path in shown if not path.is_file()]
    assert not {path.resolve() for path in (ROOT / "docs" / "images").iterdir()} - shown


def _runs(folder: Path, *names: str) -> None:
    for name in names:
        make_run(folder / name, num_pictures=0)
