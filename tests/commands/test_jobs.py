"""How every image command finds, names, keeps and goes on with its files, whatever it computes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nasjax.apply import workers
from nasjax.cli import main
from tests.commands.cases import CASES, SCENE


def _pictures(folder: Path, *names: str) -> Path:
    """A folder of pictures, each a little brighter than the one before."""
    for i, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(SCENE + np.uint8(2 * i)).save(folder / name)
    return folder


@pytest.fixture
def out(tmp_path) -> Path:
    """An empty folder for outputs."""
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def _names(folder: Path) -> list[str]:
    """What is in a folder, but for the manifest."""
    files = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in files if not name.endswith(".jsonl"))


def test_a_single_picture_goes_to_a_file_and_is_not_replaced(command, tmp_path):
    """The second time it exists; with leave it is written again; an input is replaced with no leave at all."""
    images = _pictures(tmp_path / "in", "a.png")
    code, written, said = command(images / "a.png", tmp_path / "o.png")
    assert (code, written, said) == (0, f"{tmp_path / 'o.png'}\n", "")
    before = (tmp_path / "o.png").stat().st_mtime_ns
    code, written, said = command(images / "a.png", tmp_path / "o.png")
    assert (code, written) == (2, "") and "o.png exists and would be replaced; allow that with --overwrite" in said
    assert (tmp_path / "o.png").stat().st_mtime_ns == before
    assert command(images / "a.png", tmp_path / "o.png", "--overwrite")[0] == 0
    assert (tmp_path / "o.png").stat().st_mtime_ns > before
    (tmp_path / "link.png").symlink_to(images / "a.png")
    code, _, said = command(images / "a.png", tmp_path / "link.png", "--overwrite")
    assert code == 2 and "link.png would replace the input" in said
    with Image.open(images / "a.png") as image:
        assert image.size == (32, 32)


def test_the_same_command_goes_on(command, tmp_path, out):
    """What is done is not done again; a new picture is; an output that vanished is made again."""
    images = _pictures(tmp_path / "in", "a.png", "b.png")
    assert command(images, out)[0] == 0
    times = {name: (out / name).stat().st_mtime_ns for name in _names(out)}
    Image.fromarray(SCENE[::-1]).save(images / "c.png")
    (out / f"b{command.tag}.png").unlink()
    code, written, said = command(images, out)
    assert code == 0 and [Path(line).name for line in written.splitlines()] == [f"{s}{command.tag}.png" for s in "bc"]
    assert f"nasjax {command.name}: 2 written, 1 done before" in said
    assert (out / f"a{command.tag}.png").stat().st_mtime_ns == times[f"a{command.tag}.png"]
    assert command(images, out) == (0, "", f"nasjax {command.name}: 3 done before\n")


def test_what_was_made_otherwise_is_not_replaced(command, tmp_path, out):
    """Of a changed input, and by another command, there is an output already: it is named, and nothing is done."""
    images = _pictures(tmp_path / "in", "a.png", "b.png")
    (out / f"a{command.tag}.png").write_bytes(b"somebody else's")
    code, written, said = command(images, out)
    assert (code, written) == (2, "") and f"a{command.tag}.png exists and would be replaced" in said
    assert _names(out) == [f"a{command.tag}.png"]
    assert command(images, out, "--overwrite")[0] == 0
    Image.fromarray(SCENE[::-1]).save(images / "a.png")
    code, written, said = command(images, out)
    assert (code, written) == (2, "") and "exists" in said
    code, written, _ = command(images, out, "--overwrite")
    assert code == 0 and len(written.splitlines()) == 1


def test_shards_share_the_work(command, tmp_path, out):
    """Each of two does its own pictures, together all, into one folder with one manifest."""
    images = _pictures(tmp_path / "in", *(f"{i}.png" for i in range(5)))
    first, second = (command(images, out, "--shard", f"{k}/2")[1].splitlines() for k in (1, 2))
    assert (len(first), len(second)) == (3, 2) and len({*first, *second}) == 5
    assert command(images, out)[2].endswith("5 done before\n")
    code, _, said = command(images, out, "--shard", "3/2")
    assert code == 2 and "the shard must be K/N with K from 1 to N, got 3/2" in said


def test_folders_are_kept_and_outputs_are_no_inputs(command, tmp_path):
    """With --recursive pictures of inner folders go to the same folders, and the output folder inside is left out."""
    images = _pictures(tmp_path / "in", "a.png", "deep/er/b.png", ".hidden/c.png")
    out = images / "out"
    out.mkdir()
    tag = command.tag
    assert command(images, out)[0] == 0 and _names(out) == [f"a{tag}.png"]
    assert command(images, out, "--recursive")[0] == 0
    assert _names(out) == [f"a{tag}.png", f"deep/er/b{tag}.png"]
    assert command(images, out, "--recursive") == (0, "", f"nasjax {command.name}: 2 done before\n")


def test_all_frames(command, tmp_path, out):
    """Each frame has its file; to a single file they do not go."""
    CASES["moving.gif"].write(tmp_path / "moving.gif")
    code, _, said = command(tmp_path / "moving.gif", out, "--frames", "all")
    assert code == 0 and "frames" not in said
    assert _names(out) == [f"moving{command.tag}_{i}.png" for i in (1, 2, 3, 4)]
    assert len({(out / name).read_bytes() for name in _names(out)}) == 4
    code, _, said = command(tmp_path / "moving.gif", tmp_path / "o.png", "--frames", "all")
    assert code == 2 and "all frames of a file go to a folder" in said


def test_limits_are_checked_before_work(command, tmp_path, out):
    """What its format cannot hold, and what is too large, is named; the rest is done."""
    images = _pictures(tmp_path / "in", "a.png")
    Image.fromarray(SCENE[:2].repeat(550, 1)).save(images / "wide.png")
    code, written, said = command(images, out, "--format", "webp")
    assert (code, len(written.splitlines())) == (1, 1)
    assert "wide.png" in said and f"is {17600 * command.scale}x" in said and "WEBP has at most 16383 a side" in said
    code, written, said = command(images, out, "--format", "jpg", "--max-pixels", "10K")
    assert (code, len(written.splitlines())) == (1, 1)
    assert "17600x2 is 0.0352 megapixels, more than the 0.01 allowed" in said


def test_what_memory_does_not_suffice_for_is_refused_before_work(command, tmp_path, out, monkeypatch):
    """By name, with what it would take and what there is; the rest is done."""
    images = _pictures(tmp_path / "in", "a.png")
    Image.new("1", (8000, 6000)).save(images / "large.png")
    # What a window takes, and a little: the picture alone would be more.
    monkeypatch.setattr("nasjax.apply.memory.free_memory", lambda: 530 << 20)
    code, written, said = command(images, out)
    assert (code, [Path(line).name for line in written.splitlines()]) == (1, [f"a{command.tag}.png"])
    assert "large.png" in said and "a picture of 8000x6000 pixels needs about" in said and "0.6 GB are free" in said


@pytest.mark.slow
def test_memory_is_bounded_whatever_the_picture(command, tmp_path):
    """24 megapixels in a process of its own: 1.5 GB by `apply`, 1.2 GB by `stylize`, the interpreter included."""
    noise = np.random.default_rng(0).integers(0, 256, (400, 600, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((6000, 4000)).save(tmp_path / "in.jpg")
    words = [*command.before, tmp_path / "in.jpg", *command.behind, tmp_path / "out.jpg"]
    argv = [sys.executable, "-m", "nasjax.cli", command.name, *command.options, "--", *map(str, words)]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    assert usage.ru_maxrss * 1024 < (1.2e9 if command.name == "stylize" else 1.5e9)


def test_metadata_that_a_format_has_no_room_for_is_named(command, tmp_path):
    """70 KB of EXIF: a PNG keeps them, a JPEG is written without."""
    exif = Image.Exif()
    exif[0x010E] = "x" * 70_000
    Image.fromarray(SCENE).save(tmp_path / "in.png", exif=exif)
    code, _, said = command(tmp_path / "in.png", tmp_path / "o.jpg")
    assert code == 0 and "o.jpg: EXIF of 70052 bytes does not fit into JPEG and is left out" in said
    code, _, said = command(tmp_path / "in.png", tmp_path / "o.png")
    assert (code, said) == (0, "")
    with Image.open(tmp_path / "o.png") as image:
        assert image.getexif()[0x010E] == "x" * 70_000


def test_an_output_that_cannot_be_written_costs_only_itself(command, tmp_path, out, monkeypatch):
    """One file that fails while it is written is named, the others are done, nothing half is left."""
    images = _pictures(tmp_path / "in", "a.png", "b.png", "c.png")
    replace = Path.replace

    def failing(self, target):
        if Path(target).name.startswith("b"):
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    code, _, said = command(images, out)
    assert code == 1 and f"cannot write {out / f'b{command.tag}.png'}: No space left on device" in said
    assert _names(out) == [f"a{command.tag}.png", f"c{command.tag}.png"]
    monkeypatch.undo()
    assert command(images, out)[2].endswith("1 written, 2 done before\n")


def test_names_that_begin_with_a_dash(command, tmp_path, monkeypatch, capsys):
    """Behind -- they are names; without it the message says what to do."""
    monkeypatch.chdir(_pictures(tmp_path, "-a.png"))
    assert command("-a.png", "-o.png")[0] == 0
    assert _names(tmp_path) == ["-a.png", "-o.png"]
    with pytest.raises(SystemExit) as stop:
        main(["apply", "bundle", "in.png", "out.png", "-a.png"])
    assert stop.value.code == 2
    assert "names that begin with a dash stand behind --, or are written ./-a.png" in capsys.readouterr().err


def test_options_may_stand_between_names(command, tmp_path, out, capsys):
    """And names behind --; a folder that follows an unknown option is not taken for one."""
    images = _pictures(tmp_path / "in", "deep/a.png")
    words = [command.name, *command.options, *command.before, str(images), "--recursive", *command.behind]
    assert main([*words, "--jobs", "1", str(out)]) == 0
    assert _names(out) == [f"deep/a{command.tag}.png"]
    assert main([*words, "--jobs", "1", "--", str(out)]) == 0 and "1 done before" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*words, "--nothing", str(out)])
    said = capsys.readouterr().err
    assert f"nasjax {command.name}: error: unrecognised arguments: --nothing" in said and "dash" not in said


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_and_the_same_command_goes_on(command, tmp_path, out, monkeypatch, number, code):
    """What was said to be written is, nothing half is left, and the rest is done the next time."""
    images = _pictures(tmp_path / "in", *(f"{i}.png" for i in range(4)))
    settle, calls = workers._settle, []

    def stopping(writing, events, *, until):
        calls.append(None)
        if len(calls) == 3:  # when the third is about to be computed
            signal.raise_signal(number)
        settle(writing, events, until=until)

    monkeypatch.setattr(workers, "_settle", stopping)
    if number == signal.SIGINT:  # a shell starts what it leaves in the background with this one ignored
        signal.signal(signal.SIGINT, signal.default_int_handler)
    found, written, said = command(images, out, "--jobs", "1")
    assert found == code
    assert f"nasjax {command.name}: stopped; 2 written, 2 not; the same command goes on from there" in said
    assert sorted(written.split()) == [str(out / f"{i}{command.tag}.png") for i in (0, 1)]
    assert _names(out) == [f"{i}{command.tag}.png" for i in (0, 1)]
    monkeypatch.undo()
    assert command(images, out)[2].endswith("2 written, 2 done before\n")


def test_a_single_picture_that_was_stopped_is_not_said_to_go_on(command, tmp_path, monkeypatch):
    """There is no manifest and nothing to go on from: it says that nothing was written, and nothing is."""
    monkeypatch.setattr(workers, "_fits", lambda others, item, most: signal.raise_signal(signal.SIGTERM))
    code, written, said = command(_pictures(tmp_path / "in", "a.png") / "a.png", tmp_path / "o.png")
    assert (code, written) == (143, "") and said == f"nasjax {command.name}: stopped; nothing was written\n"
    assert _names(tmp_path) == ["in/a.png"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to(command, tmp_path, out):
    """Said before any work."""
    out.chmod(0o500)
    code, _, said = command(_pictures(tmp_path / "in", "a.png"), out)
    assert code == 2 and "may not be written to" in said


def test_permissions_are_those_of_any_new_file(command, tmp_path):
    """Outputs are readable for whoever the umask lets."""
    before = os.umask(0o022)
    try:
        assert command(_pictures(tmp_path / "in", "a.png") / "a.png", tmp_path / "o.png")[0] == 0
    finally:
        os.umask(before)
    assert (tmp_path / "o.png").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    "images, output, message",
    [
        ("nowhere", "o.png", "nowhere: there is no such file or folder"),
        ("a.png", "nowhere/o.png", "the folder nowhere does not exist"),
        ("a.png", "o.gif", "unknown image format '.gif'; allowed: .png, .jpg, .jpeg, .webp"),
        ("empty", "empty", "in there"),
        ("outer", "empty", "--recursive looks into the folders inside"),
        ("a.png", "new/", "the output new/: there is no such folder; make it first"),
        ("a.png", "new", "the output new: there is no such folder, and the name of a file ends in one of .png, "),
        (".", "nothing", "must be an existing folder; nothing is not one"),
    ],
)
def test_what_is_missing_is_said_before_any_work(command, tmp_path, monkeypatch, images, output, message):
    """One line, exit code 2, and nothing is written."""
    monkeypatch.chdir(_pictures(tmp_path, "a.png", "b.png", "outer/inner/c.png"))
    Path("empty").mkdir()
    before = _names(tmp_path)
    code, written, said = command(images, output)
    assert (code, written, said.count("\n")) == (2, "", 1) and message in said
    assert said.startswith("nasjax: error: ") and _names(tmp_path) == before


def test_a_format_and_a_name_that_contradict_each_other_are_refused(command, tmp_path):
    """The format is for outputs in a folder; two names of one format are no contradiction."""
    images = _pictures(tmp_path / "in", "a.png")
    code, written, said = command(images / "a.png", tmp_path / "o.png", "--format", "jpg")
    assert (code, written) == (2, "") and "the format jpg contradicts the output" in said
    assert command(images / "a.png", tmp_path / "o.jpeg", "--format", "jpg")[0] == 0
