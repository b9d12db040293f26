"""The manifest of a folder of outputs: what counts as done, and what does not."""

import os

import pytest

from nasjax.apply.journal import MANIFEST, Journal


@pytest.fixture
def files(tmp_path):
    """An input, and an output made of it and recorded as a command does."""
    (tmp_path / "in.png").write_bytes(b"input")
    (tmp_path / "out").mkdir()
    target = tmp_path / "out" / "a.png"
    _make(tmp_path, target)
    return tmp_path, target


def _make(folder, target, content=b"output"):
    temporary = folder / "out" / "temporary"
    temporary.write_bytes(content)
    Journal(folder / "out", {"alpha": 1.0}).record(target, [folder / "in.png"], temporary)
    temporary.replace(target)


def _done(folder, target, settings=None):
    return Journal(folder / "out", settings or {"alpha": 1.0}).done(target, [folder / "in.png"])


def test_what_is_there_as_it_was_made_is_done(files):
    """By the same settings and of the same input, from another working folder too."""
    folder, target = files
    assert _done(folder, target) and not _done(folder, target.with_name("b.png"))
    assert not _done(folder, target, {"alpha": 0.5})


def test_a_changed_input_or_output_is_not_done(files):
    """An input with another time, an output of another size or none."""
    folder, target = files
    os.utime(folder / "in.png", ns=(1, 1))
    assert not _done(folder, target)
    _make(folder, target)
    assert _done(folder, target)
    target.write_bytes(b"somebody worked on it")
    assert not _done(folder, target)
    target.unlink()
    assert not _done(folder, target)


def test_a_line_that_was_cut_short_counts_for_nothing(files):
    """As a power cut leaves it; what stands before and behind it counts."""
    folder, target = files
    path = folder / "out" / MANIFEST
    path.write_bytes(path.read_bytes() + b'{"target": "a.png", "by')
    assert _done(folder, target)
    path.write_bytes(path.read_bytes() + b"\n")
    _make(folder, target, b"once more")
    assert _done(folder, target)


def test_the_last_line_counts_and_settings_are_written_out(files):
    """Of two about one output; and a person can read what it was made with."""
    folder, target = files
    _make(folder, target, b"longer output")
    assert _done(folder, target)
    assert '"alpha": 1.0' in (folder / "out" / MANIFEST).read_text()
