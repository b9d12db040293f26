"""What is to be made in bulk: found by name, known again by the manifest, on this machine and behind URLs."""

import io
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from PIL import Image

from nasjax.apply.files import Change, picture_job
from nasjax.apply.job import run_job
from nasjax.apply.photo import repaint
from nasjax.apply.plan import FileOptions
from nasjax.apply.stylize import StyleOptions
from nasjax.apply.stylize_files import style_change, style_job
from nasjax.bulk.editing import edit
from nasjax.bulk.places import pictures, place_of
from nasjax.bulk.todo import Beside, look, named, output_names, write_down
from tests.commands.cases import SCENE
from tests.commands.members import COMMANDS

fsspec = pytest.importorskip("fsspec")
NEGATIVE = Change(lambda picture: repaint(picture, -picture.rgb), lambda size: size, {"command": "negative"})
SETTINGS = {**NEGATIVE.settings, "frames": "first"}
OPTIONS = FileOptions()


@pytest.fixture
def memory():
    """An empty file system behind memory:// URLs."""
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    fs.pseudo_dirs[:] = [""]
    yield fs
    fs.store.clear()


@pytest.fixture
def folders(tmp_path):
    """Three pictures, one that is broken, and two files that are none; and a folder for outputs."""
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    for i, name in enumerate(("a.png", "b.bmp", "deep/c.png")):
        Image.fromarray(SCENE + np.uint8(2 * i)).save(tmp_path / "in" / name)
    (tmp_path / "in" / "broken.png").write_bytes(b"not a picture")
    (tmp_path / "in" / "notes.txt").write_text("none")
    (tmp_path / "in" / ".hidden.png").write_bytes(b"none")
    return tmp_path / "in", tmp_path / "out"


def _copied(folder: Path, fs, root: str) -> str:
    for path in folder.rglob("*"):
        if path.is_file():
            fs.pipe_file(f"{root}/{path.relative_to(folder).as_posix()}", path.read_bytes())
    return f"memory://{root}"


def _look(images, output, options=OPTIONS, settings=SETTINGS):
    return look(named(images, output, options), settings=settings, options=options)


def _all(images, output, options=OPTIONS) -> tuple[dict[str, str], list[str]]:
    """Errors of what was to be done, by the target's name, and what was done before."""
    todo = _look(images, output, options)
    write_down(todo, SETTINGS)
    edited = [edit(entry, NEGATIVE, output=todo.output, options=options) for entry in todo.entries]
    return {each.target: each.error for each in edited}, todo.done


@pytest.mark.parametrize("where", ["here", "there"])
def test_pictures_are_edited_once_wherever_they_are(folders, memory, where):
    """All of a folder and those in it, by name, broken ones named; the second time only those are tried again."""
    images, output = folders
    if where == "there":
        images, output = _copied(images, memory, "/shop/in"), "memory:///shop/out"
    options = FileOptions(recursive=True)
    found, done = _all(images, output, options)
    assert done == [] and list(found) == [f"{output}/{name}" for name in ("a.png", "b.png", "broken.png", "deep/c.png")]
    wrong = {target: error for target, error in found.items() if error}
    assert wrong == {
        f"{output}/broken.png": f"cannot read image {images}/broken.png: not a picture of a format that is read"
    }
    with fsspec.open(f"{output}/deep/c.png") as file:
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(file.read()))), 255 - (SCENE + np.uint8(4)))
    again, done = _all(images, output, options)
    assert list(again) == list(wrong) and len(done) == 3
    root = "shop/out" if where == "there" else output
    files = fsspec.filesystem("memory" if where == "there" else "file").find(str(root))
    assert not [name for name in files if name.endswith(".tmp")]


def test_the_command_on_one_machine_goes_on_from_there_and_back(folders):
    """They share the manifest: what one has made is done for the other."""
    images, output = folders
    (images / "broken.png").unlink()
    _all(images, output)
    job = picture_job(images, output, NEGATIVE, options=FileOptions(recursive=True))
    assert ([i.target.name for i in job.plan.items], len(job.plan.done)) == (["c.png"], 2)
    run_job(job)
    found, done = _all(images, output, FileOptions(recursive=True))
    assert (found, len(done)) == ({}, 3)


@pytest.fixture
def style(tmp_path):
    """A style beside the folders, a tiny network, and what `nasjax stylize` is given."""
    command = COMMANDS["stylize"](tmp_path / "style")
    return Path(command.behind[0]), StyleOptions(network=command.options[1], match=False)


def _styled(images, output, style, options):
    """What was to be done in bulk, with one style, and was done before; as the command does it."""
    found = pictures(place_of(style), recursive=False, without=place_of(output))
    beside, change = Beside((found[0].noted,), f"_{found[0].inside.stem}"), style_change(style, options)
    settings = {**change.settings, "frames": "first"}
    todo = look(named(images, output, OPTIONS, beside=beside), settings=settings, options=OPTIONS)
    write_down(todo, settings)
    return [edit(entry, change, output=todo.output, options=OPTIONS) for entry in todo.entries], todo.done


def test_styles_are_noted_and_named_after(folders, style):
    """As by the command on one machine, which goes on from there and writes the same; a changed style is another."""
    images, output = folders
    (images / "broken.png").unlink()
    edited, _ = _styled(images, output, *style)
    assert [Path(each.target).name for each in edited] == ["a_style.png", "b_style.png"]
    assert not any(each.error for each in edited)
    bulk = (output / "b_style.png").read_bytes()
    job = style_job(images, style[0], output, options=style[1], files=OPTIONS)
    assert (job.plan.items, len(job.plan.done)) == ([], 2)
    (output / "b_style.png").unlink()
    run_job(style_job(images, style[0], output, options=style[1], files=OPTIONS))
    assert (output / "b_style.png").read_bytes() == bulk
    assert _styled(images, output, *style) == ([], [str(output / f"{name}_style.png") for name in "ab"])
    Image.fromarray(SCENE).save(style[0])
    with pytest.raises(ValueError, match="exist and would be replaced"):
        _styled(images, output, *style)


def test_an_attempt_of_which_nobody_could_tell_is_seen(folders):
    """A picture that was made before its worker was lost is not made again, by another worker or another command."""
    images, output = folders
    todo = _look(images / "a.png", output)
    write_down(todo, SETTINGS)
    (entry,) = todo.entries
    times = []
    for _ in range(2):
        assert edit(entry, NEGATIVE, output=todo.output, options=OPTIONS).error == ""
        times.append((output / "a.png").stat().st_mtime_ns)
    assert times[0] == times[1]
    assert _look(images / "a.png", output).done == [str(output / "a.png")]


def test_what_was_made_otherwise_is_replaced_only_if_allowed(folders, memory):
    """By other settings, or of an input that has changed; with leave it is made once, not at each attempt."""
    images, output = _copied(folders[0], memory, "/in"), "memory:///out"
    _all(f"{images}/a.png", output)
    memory.pipe_file("/in/a.png", (folders[0] / "deep" / "c.png").read_bytes())
    with pytest.raises(ValueError, match=r"memory:///out/a\.png exists and would be replaced"):
        _look(f"{images}/a.png", output)
    with pytest.raises(ValueError, match="exists"):
        _look(f"{images}/a.png", output, OPTIONS, {**SETTINGS, "frames": "all"})
    options = FileOptions(overwrite=True)
    (entry,) = _look(f"{images}/a.png", output, options).entries
    assert _all(f"{images}/a.png", output, options) == ({"memory:///out/a.png": ""}, [])
    found = np.asarray(Image.open(io.BytesIO(memory.cat_file("/out/a.png"))))
    np.testing.assert_array_equal(found, 255 - (SCENE + np.uint8(4)))


def test_what_cannot_be_meant_is_said_before_any_work(folders, memory):
    """A place that is not there, one without pictures, outputs over inputs or one another, a URL of no known kind."""
    images, output = folders
    for given, to, message in (
        ("memory:///nowhere", output, "memory:///nowhere: there is no such file or folder"),
        (output, output, "no file in there is called like a picture"),
        (images, images, "a.png would replace an input"),
        ([images / "a.png", images / "deep" / "c.png", images / "deep"], output, "would both become"),
        (images, output / "none", "must be an existing folder"),
        ("nothing://at/all", output, "nothing"),
    ):
        with pytest.raises(ValueError, match=message):
            _look(given, to)


@pytest.mark.parametrize("format", [None, "webp"])
def test_outputs_are_called_as_by_the_command_on_one_machine(tmp_path, format):
    """Of names that differ in their suffix alone, that are too long, in folders."""
    names = ("a.png", "a.jpg", "a.bmp", "b.gif", "B.JPEG", f"{'long' * 62}x.tiff", "in.ner/c.d.png", "in.ner/c.d.gif")
    (tmp_path / "out").mkdir()
    for name in names:
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(SCENE).save(tmp_path / "in" / name)
    options = FileOptions(recursive=True, format=format)
    planned = picture_job(tmp_path / "in", tmp_path / "out", NEGATIVE, options=options).plan
    wanted = {i.sources[0].relative_to(tmp_path / "in"): i.target.relative_to(tmp_path / "out") for i in planned.items}
    found = output_names([PurePosixPath(each) for each in wanted], format)
    assert [str(each) for each in found] == [str(each) for each in wanted.values()]
