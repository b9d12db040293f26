"""What a person sees while a command works: a bar in a terminal, lines in a log, and paths where they are read."""

import io
import sys
from pathlib import Path

import pytest

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
