"""Folders of pictures on this machine, and behind any URL that fsspec knows."""

import os
import posixpath
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from nasjax.apply.formats import named_picture
from nasjax.apply.journal import signature
from nasjax.apply.select import Location
from nasjax.extras import load_extra

# What file systems tell of versions: of the content, which may be the same again, and of times.
_STAMPS = ("ETag", "etag", "mtime", "LastModified", "last_modified", "updated", "modified", "created")


class Place(NamedTuple):
    """A file or folder in a file system of fsspec; `local` where that is this machine's, and `path` is one of it."""

    fs: Any
    path: str
    local: bool

    def name(self, path: str) -> str:
        """What messages call a file of this file system."""
        return path if self.local else self.fs.unstrip_protocol(path)


class Found(NamedTuple):
    """A file that is called like a picture: its path, that below where it was found, and what tells its version."""

    place: Place
    path: str
    inside: PurePosixPath
    stamp: list[Any]

    @property
    def noted(self) -> list[Any]:
        """It as an input in a manifest: its name, and what tells its version."""
        return [self.inside.name, *self.stamp]


def place_of(location: Location) -> Place:
    """Where a path or URL leads; raises ValueError for a URL of a kind for which nothing is installed."""
    fsspec = load_extra("fsspec", "ray", "pictures in bulk")
    text = os.fspath(location)
    if "://" not in text:
        return Place(fsspec.filesystem("file"), os.path.abspath(text), True)
    try:
        fs, path = fsspec.core.url_to_fs(text)
    except (ValueError, ImportError) as error:
        raise ValueError(f"{text}: {error}") from error
    local = "file" in ((fs.protocol,) if isinstance(fs.protocol, str) else fs.protocol)
    return Place(fs, path.rstrip("/") or path, local)


def pictures(place: Place, *, recursive: bool, without: Place) -> list[Found]:
    """The files at a place, or in its folder, that are called like a picture; hidden ones aside, and those `without`.

    They are not opened. Raises ValueError where there is nothing at all.
    """
    listed = place.fs.find(place.path, maxdepth=None if recursive else 1, detail=True)
    if not listed and not place.fs.exists(place.path):
        raise ValueError(f"image {place.name(place.path)}: there is no such file or folder")
    if list(listed) == [place.path]:
        return [_found(place, place.path, listed[place.path], PurePosixPath(place.path).name)]
    barred = f"{without.path}/" if without.fs == place.fs and without.path != place.path else None
    found = []
    for path, info in listed.items():
        inside = posixpath.relpath(path, place.path)
        hidden = any(part.startswith(".") for part in inside.split("/"))
        if named_picture(path) and not hidden and not (barred and path.startswith(barred)):
            found.append(_found(place, path, info, inside))
    return found


def stamps(place: Place) -> dict[str, list[Any]]:
    """What tells the version of each file of a folder, and of the folders in it."""
    place.fs.invalidate_cache()
    return {path: _stamp(place, path, info) for path, info in place.fs.find(place.path, detail=True).items()}


def differs(place: Place, path: str, before: list[Any] | None) -> bool:
    """Whether a file is there now that is not the one `before`.

    One behind a URL that replaced another does not count: what lists say of it, and what it says itself, may differ.
    """
    place.fs.invalidate_cache(posixpath.dirname(path))
    if before is None or not place.local:
        return before is None and place.fs.exists(path)
    return Path(path).exists() and _stamp(place, path, {}) != before


def append(place: Place, path: str, lines: Iterable[str]) -> None:
    """Add lines to a file. Behind a URL it is read and written whole: one command a folder at a time."""
    content = "".join(f"{line}\n" for line in lines).encode()
    if place.local:
        with open(path, "ab") as file:
            file.write(content)
    else:
        before = place.fs.cat_file(path) if place.fs.exists(path) else b""
        place.fs.pipe_file(path, before + content)


def bring(file: Path, place: Place, path: str) -> None:
    """Put a file of this machine to a place: there as a whole, or not at all."""
    folder = posixpath.dirname(path)
    place.fs.makedirs(folder, exist_ok=True)
    temporary = f"{folder}/.nasjax-{secrets.token_hex(4)}.tmp"
    try:
        place.fs.put_file(str(file), temporary)
        place.fs.mv(temporary, path)
    except BaseException:
        if place.fs.exists(temporary):
            place.fs.rm_file(temporary)
        raise


def _found(place: Place, path: str, info: Mapping[str, Any], inside: str) -> Found:
    return Found(place, path, PurePosixPath(inside), _stamp(place, path, info))


def _stamp(place: Place, path: str, info: Mapping[str, Any]) -> list[Any]:
    if place.local:  # as the manifest of a command on one machine has it
        try:
            return list(signature(Path(path)))
        except OSError:  # a link to nothing, or gone since it was listed: whoever opens it says so
            return [None]
    found = [info[key] for key in _STAMPS if info.get(key) is not None]
    # Some file systems have a time as a number in lists, and as a date where one file is asked for.
    return [info.get("size"), *(str(each.timestamp() if hasattr(each, "timestamp") else each) for each in found)]
