"""One picture of many, wherever it is from and goes to: fetched, changed as a command on one machine does, put."""

import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from nasjax.apply.files import Change, picture_job
from nasjax.apply.job import Told, run_job
from nasjax.apply.notes import one_line
from nasjax.apply.plan import FileOptions
from nasjax.bulk.places import Found, Place, bring, differs
from nasjax.bulk.todo import Entry


class Edited(NamedTuple):
    """What became of a picture: what is wrong where something is, and what there is to say about its files."""

    source: str
    target: str
    error: str = ""
    notes: tuple[tuple[str, str], ...] = ()


def edit(entry: Entry, change: Change, *, output: Place, options: FileOptions) -> Edited:
    """Make one picture, unless it was made since `entry` was: then by an attempt of which nobody could tell."""
    source, target = entry.source.place.name(entry.source.path), output.name(entry.target)
    try:
        if differs(output, entry.target, entry.before):
            return Edited(source, target)
        with tempfile.TemporaryDirectory(prefix="nasjax-") as folder:
            read, write = _here(entry, output, Path(folder))
            error, notes = _edited(read, write, change, options)
            if not error and not output.local:
                bring(write, output, entry.target)
    except Exception as error:  # fsspec's file systems raise what they like
        return Edited(source, target, one_line(error) or type(error).__name__)
    named = {str(read): source, str(write): target}
    told = tuple((_renamed(name, named), _renamed(text, named)) for name, text in notes)
    return Edited(source, target, _renamed(error, named), told)


@contextlib.contextmanager
def fetched(found: Found) -> Iterator[Path]:
    """A file as one of this machine, for a block: itself, or a copy of what is behind a URL."""
    if found.place.local:
        yield Path(found.path)
        return
    with tempfile.TemporaryDirectory(prefix="nasjax-") as folder:
        path = Path(folder, PurePosixPath(found.path).name)
        found.place.fs.get_file(found.path, str(path))
        yield path


def _here(entry: Entry, output: Place, folder: Path) -> tuple[Path, Path]:
    """The input as a file of this machine, and the file of this machine to write."""
    if (place := entry.source.place).local:
        read = Path(entry.source.path)
    else:
        read = folder / "in" / PurePosixPath(entry.source.path).name
        read.parent.mkdir()
        place.fs.get_file(entry.source.path, str(read))
    write = Path(entry.target) if output.local else folder / "out" / PurePosixPath(entry.target).name
    write.parent.mkdir(parents=True, exist_ok=True)
    return read, write


def _edited(read: Path, write: Path, change: Change, options: FileOptions) -> tuple[str, list[tuple[str, str]]]:
    """A picture from file to file; what is wrong, if anything, and notes."""
    notes: list[tuple[str, str]] = []
    alone = dataclasses.replace(options, shard=(1, 1), jobs=1, format=None)
    told = Told(on_note=lambda name, text: notes.append((name, text)))
    outcome = run_job(picture_job(read, write, change, options=alone), told)
    return "; ".join(failure.text for failure in outcome.failed), notes


def _renamed(text: str, names: dict[str, str]) -> str:
    for here, there in names.items():
        text = text.replace(here, there)
    return text
