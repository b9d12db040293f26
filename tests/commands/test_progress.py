"""What a person sees while a command works: a bar in a terminal, lines in a log, and paths where they are read."""

import io
import sys
from pathlib import Path

import pytest
from PIL import Image

from nasjax.cli import main
from nasjax.commands import progress as progress_module
from nasjax.commands.progress import Progress


class _Terminal(io.StringIO):
    def isatty(self):
        return True


def _work(progress, count=3):
    with progress.over(count):
        for i in range(count):
            progress.say(f"note: {i}")
            progress.step()
            progress.path(Path(f"{i}.png"))


def test_a_terminal_has_a_bar_with_rate_and_time_left(monkeypatch):
    """Beside it paths and notes appear, whole; where the output goes elsewhere, paths go there as they are."""
    terminal, pipe = _Terminal(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(sys, "stdout", pipe)
    monkeypatch.setenv("TERM", "xterm")
    _work(Progress("apply"))
    assert pipe.getvalue() == "0.png\n1.png\n2.png\n"
    seen = terminal.getvalue()
    assert "pictures/s" in seen and "left" in seen and "3/3" in seen and "note: 1" in seen


def test_a_log_has_lines(monkeypatch, capsys):
    """A line from time to time, without any sign that moves a cursor."""
    monkeypatch.setattr(progress_module, "_SECONDS", 0.0)
    _work(Progress("apply"))
    out, err = capsys.readouterr()
    assert out == "0.png\n1.png\n2.png\n" and "\x1b" not in err
    assert "1 of 3, " in err and "pictures/s, 0:00 left" in err


def test_a_single_picture_is_not_counted(monkeypatch, capsys):
    """Its path is all there is to say."""
    monkeypatch.setattr(progress_module, "_SECONDS", 0.0)
    progress = Progress("apply")
    with progress.over(1):
        progress.step()
        progress.path(Path("a.png"))
    assert capsys.readouterr() == ("a.png\n", "")


def test_a_single_large_picture_shows_its_parts(monkeypatch, capsys):
    """A bar in a terminal, which begins anew for a second pass; lines in a log; nothing for one window."""
    monkeypatch.setattr(progress_module, "_SECONDS", 0.0)
    progress = Progress("upscale")
    with progress.over(1):
        progress.part(1, 1)
        progress.part(1, 3)
    with progress.over(2):
        progress.part(2, 3)
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "1 of 3, " in err and "parts/s" in err
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress.over(1):
        for done, total in ((1, 2), (2, 2), (1, 3), (2, 3), (3, 3)):
            progress.part(done, total)
    assert "parts/s" in terminal.getvalue() and "3/3" in terminal.getvalue()


def test_windows_of_a_picture_are_told_of(tmp_path, monkeypatch, capsys):
    """By the whole command, of a picture that takes several windows; a small one says nothing."""
    monkeypatch.setattr(progress_module, "_SECONDS", 0.0)
    for side, said in ((20, False), (70, True)):
        Image.new("RGB", (side, 20)).save(tmp_path / f"{side}.png")
        monkeypatch.setattr("nasjax.apply.engine.SIDES", (32, 64))
        command = ["upscale", "--model", "small", str(tmp_path / f"{side}.png"), str(tmp_path / f"{side}x4.png")]
        assert main(command) == 0
        assert ("parts/s" in capsys.readouterr().err) == said


def test_a_reader_that_left_does_not_end_the_work(monkeypatch):
    """As `head` does; and a name that is no text is printed as well as it can be."""

    class _Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", _Closed())
    progress = Progress("apply")
    progress.path(Path("a.png"))
    assert progress.written == 1


@pytest.mark.parametrize("name", [b"caf\xe9.png", "café.png".encode()])
def test_names_that_are_no_text_are_printed_all_the_same(capsys, name):
    """Bytes of another encoding in a file's name."""
    import os

    Progress("apply").path(Path(os.fsdecode(name)))
    assert capsys.readouterr().out.startswith("caf") and capsys.readouterr().err == ""
