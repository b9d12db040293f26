"""One selection of files for every command: files and folders in, pictures out, by what is in them."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeAlias

from nasjax.apply.formats import says_picture
from nasjax.apply.notes import one_line
from nasjax.apply.reading import Header, read_header, too_large

Location: TypeAlias = str | os.PathLike[str]


class Source(NamedTuple):
    """A picture file as its header describes it. `inside`: its path below the folder it was found in."""

    path: Path
    inside: Path
    header: Header = Header("", (0, 0), 1, 0)  # noqa: B008 - immutable


class Failure(NamedTuple):
    """A file that nothing could be made of, and why, in one line."""

    name: str
    reason: str

    @property
    def text(self) -> str:
        """Both in one line; reasons of reading and writing name the file already."""
        return self.reason if self.name in self.reason else f"{self.name}: {self.reason}"


class Selection(NamedTuple):
    """The pictures found, in order, and the files that were meant to be pictures and cannot be used."""

    sources: list[Source]
    failed: list[Failure]
    single: bool  # whether it was one file that was named


def select(
    locations: Location | Sequence[Location],
    *,
    what: str = "image",
    recursive: bool = False,
    max_pixels: int | None = None,
    without: Path | None = None,
) -> Selection:
    """The pictures among files and folders.

    Of a folder those are all files that open as a picture, whatever their name, hidden ones aside; of folders inside it
    too if `recursive`, but of the folder `without`. What is meant to be a picture and cannot be opened, or has more
    than `max_pixels`, is in `failed`. Raises ValueError for a location that does not exist, for folders without
    any picture, and for no location at all; `what` is what the message calls a picture.
    """
    locations = [locations] if isinstance(locations, str | os.PathLike) else locations
    if not locations:
        raise ValueError(f"no {what} was given")
    found: dict[Path, tuple[Source, bool]] = {}
    closed: list[OSError] = []  # folders that may not be looked into
    for location in map(Path, locations):
        if not location.exists():
            raise ValueError(f"{what} {location}: there is no such file or folder")
        for path in _files(location, recursive, without, closed.append) if location.is_dir() else [location]:
            inside = path.relative_to(location) if location.is_dir() else Path(location.name)
            found.setdefault(path, (Source(path, inside), not location.is_dir()))
    with ThreadPoolExecutor(4) as pool:
        looked = list(pool.map(lambda each: _look(each[0], each[1], max_pixels), found.values()))
    sources = [each for each in looked if isinstance(each, Source)]
    failed = [Failure(str(error.filename), error.strerror or one_line(error)) for error in closed]
    failed += [each for each in looked if isinstance(each, Failure)]
    if not sources and not failed:
        raise ValueError(f"{_listed(locations)}: no {what} is in there" + _hint(locations, recursive))
    return Selection(sources, failed, len(found) == 1 and not Path(locations[0]).is_dir())


def _files(folder: Path, recursive: bool, without: Path | None, on_error: Callable[[OSError], None]) -> Iterator[Path]:
    """The visible files of a folder, in order; a folder that links to one above is not followed."""
    barred = None if without is None else without.resolve()
    for root, folders, files in os.walk(folder, onerror=on_error):
        visible = sorted(name for name in folders if not name.startswith("."))
        folders[:] = [name for name in visible if recursive and (Path(root) / name).resolve() != barred]
        yield from (Path(root) / name for name in sorted(files) if not name.startswith("."))


def _look(source: Source, named: bool, max_pixels: int | None) -> Source | Failure | None:
    """The source with what its header says; None for a file of a folder that is no picture and does not say so."""
    path = source.path
    try:
        header = read_header(path)
    except ValueError as error:
        return Failure(str(path), one_line(error)) if named or says_picture(path) else None
    if max_pixels is not None and header.size[0] * header.size[1] > max_pixels:
        return Failure(str(path), too_large(header.size, max_pixels))
    return source._replace(header=header)


def _listed(locations: Sequence[Location]) -> str:
    return ", ".join(map(str, locations[:3])) + (", ..." if len(locations) > 3 else "")


def _hint(locations: Sequence[Location], recursive: bool) -> str:
    inside = any(child.is_dir() for location in map(Path, locations) for child in location.iterdir())
    return "; --recursive looks into the folders inside" if inside and not recursive else ""
