"""The repository around the package: public names, package data, documentation pages, and what no text may mention."""

import ast
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
import yaml

import nasjax

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@cache
def _files() -> tuple[Path, ...]:
    """All files of the repository that are not ignored; in an unpacked source archive, all files."""
    command = ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard", "-z"]
    listed = subprocess.run(command, capture_output=True, check=False)
    names = listed.stdout.decode().split("\0") if listed.returncode == 0 else [str(p) for p in ROOT.rglob("*")]
    return tuple(path for name in names if name and (path := ROOT / name).is_file())


def test_no_path_of_a_particular_machine():
    """The repository speaks of itself: no path of the machine on which somebody worked on it."""
    # Written in pieces, since this file is searched too.
    words = [b"/wor" + b"k/", b"/roo" + b"t/", b"../shared/" + b"design"]
    texts = {path: content for path in _files() if b"\0" not in (content := path.read_bytes())[:8192]}
    found = [
        f"{path.relative_to(ROOT)}:{number} {word.decode()}"
        for path, content in texts.items()
        for number, line in enumerate(content.splitlines(), 1)
        for word in words
        if word in line
    ]
    assert not found, "\n".join(found)


def test_the_version_is_stated_once_more_only_in_the_changelog():
    """The package states it, pyproject.toml reads it from there, and the newest changelog entry agrees."""
    entries = re.findall(r"^## \[(\d[^\]]*)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert entries[0] == nasjax.__version__
    assert "version" not in PROJECT and PROJECT["dynamic"] == ["version"]


def test_import_costs_next_to_nothing():
    """`import nasjax` loads neither jax nor any module of its own; names load theirs at first use."""
    code = "import sys, nasjax; print(sorted(m for m in sys.modules if m.split('.')[0] in ('jax', 'numpy', 'nasjax')))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ast.literal_eval(done.stdout) == ["nasjax"]


@pytest.mark.parametrize("name", nasjax.PUBLIC)
def test_public_name(name):
    """Every public name is defined, with a docstring, by the module that the table gives, and is no submodule too."""
    value = getattr(nasjax, name)
    assert getattr(value, "__module__", nasjax.PUBLIC[name]) == nasjax.PUBLIC[name]
    assert value.__doc__, f"{name} has no docstring"
    assert not (ROOT / "nasjax" / name).exists() and not (ROOT / "nasjax" / f"{name}.py").exists(), (
        f"{name} is also a submodule: importing that would replace the public name"
    )


def test_unknown_public_name():
    """A misspelt name is an AttributeError that lists the public names, and dir() shows them."""
    with pytest.raises(AttributeError, match="SearchSpace"):
        _ = nasjax.SerchSpace
    assert set(nasjax.PUBLIC) <= set(dir(nasjax))


def test_dependencies_are_bounded():
    """Every dependency has a lower and an upper bound, or is exact; an extra of this package itself needs none."""
    extras = [requirement for listed in PROJECT["optional-dependencies"].values() for requirement in listed]
    loose = [
        requirement
        for requirement in PROJECT["dependencies"] + extras
        if not requirement.startswith("nasjax[") and not re.search(r"==|>=.*,<", requirement)
    ]
    assert not loose


def _nav_files(entry) -> list[str]:
    if isinstance(entry, str):
        return [entry]
    parts = entry.values() if isinstance(entry, dict) else entry
    return [name for part in parts for name in _nav_files(part)]


def test_documentation_navigation():
    """Every page of the navigation exists, and every page under docs/ is in it."""
    nav = _nav_files(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])
    pages = [path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")]
    assert sorted(nav) == sorted(pages)


def test_reference_names_exist():
    """Every `::: name` of the reference is a module of nasjax, and every area of nasjax has its place there."""
    text = "\n".join(path.read_text() for path in (ROOT / "docs" / "reference").glob("*.md"))
    names = re.findall(r"^::: (\S+)", text, re.MULTILINE)
    paths = [ROOT.joinpath(*name.split(".")) for name in names]
    missing = [p for p in paths if not p.with_suffix(".py").is_file() and not (p / "__init__.py").is_file()]
    assert not missing
    areas = {p.stem for p in (ROOT / "nasjax").iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    documented = {name.split(".")[1] for name in names}
    assert areas - {"__init__", "__main__", "commands", "cli"} <= documented, "add the missing ones to docs/reference/"


def test_package_data():
    """The embedded photographs and their credits lie inside the package, so that the wheel holds them."""
    folder = ROOT / "nasjax" / "data" / "photos"
    assert (folder / "credits.csv").is_file()
    assert len(list(folder.glob("*.webp"))) >= 70
