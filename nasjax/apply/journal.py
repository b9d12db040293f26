"""The manifest of a folder of outputs: what each was made of, so that the same command goes on where it stopped."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final

MANIFEST = "nasjax-manifest.jsonl"


@final
class Journal:
    """Which files of a folder were made by a command's settings, of which inputs.

    One line of JSON an output, appended just before it takes its name: several processes may share the folder, and a
    command that is killed at any moment knows afterwards what is its own.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]):
        self._path = folder / MANIFEST
        self._digest = settings_digest(settings)
        self._settings, self._told = settings, False
        self._entries = entries(self._path.read_bytes() if self._path.is_file() else b"")

    def done(self, target: Path, sources: Sequence[Path]) -> bool:
        """Whether an output is there as it was written, by these settings, of inputs that have not changed since."""
        try:
            of, there = [[path.name, *signature(path)] for path in sources], signature(target)
        except OSError:  # one of them is not there (any more)
            return False
        return made(self._entries.get(self._name(target)), self._digest, of=of, there=there)

    def record(self, target: Path, sources: Sequence[Path], temporary: Path) -> None:
        """Note that an output is about to become what a temporary file is."""
        of = [[path.name, *signature(path)] for path in sources]
        entry = {"target": self._name(target), "bytes": temporary.stat().st_size, "of": of}
        lines = [{**entry, "settings": self._digest}]
        if not self._told:
            self._told, lines = True, [{"settings": self._digest, "are": self._settings}, *lines]
        # One write in appending mode: lines of several processes do not mix.
        with self._path.open("ab") as file:
            file.write("".join(json.dumps(line, default=str) + "\n" for line in lines).encode())

    def _name(self, target: Path) -> str:
        return target.relative_to(self._path.parent).as_posix()


def signature(path: Path) -> list[int]:
    """What tells a changed file from the same one. Nothing of its path: folders are called by many paths."""
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns]


def settings_digest(settings: Mapping[str, Any]) -> str:
    """A checksum of a command's settings."""
    text = json.dumps(settings, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def made(entry: Mapping[str, Any] | None, digest: str, *, of: list[list[Any]], there: list[Any]) -> bool:
    """Whether the file that is `there` is what an entry tells of, for settings of a digest and the inputs `of`.

    An entry is of an output that was written, of so many `bytes`; or of one that was going to be, where there was a
    file that looked like `before`, or None: outputs appear whole, so that any other file is that output.
    """
    if entry is None or entry.get("settings") != digest or entry.get("of") != of:
        return False
    return entry["before"] != there if "before" in entry else entry.get("bytes") == there[0]


def entries(manifest: bytes) -> dict[str, dict[str, Any]]:
    """The last line about each output; a line that was cut short counts for nothing."""
    found: dict[str, dict[str, Any]] = {}
    for line in manifest.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and isinstance(entry.get("target"), str):
            found[entry["target"]] = entry
    return found
