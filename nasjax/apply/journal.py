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
        text = json.dumps(settings, sort_keys=True, default=str)
        self._digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        self._settings, self._told = settings, False
        self._entries = _entries(self._path)

    def done(self, target: Path, sources: Sequence[Path]) -> bool:
        """Whether an output is there as it was written, by these settings, of inputs that have not changed since."""
        entry = self._entries.get(self._name(target))
        if entry is None or entry.get("settings") != self._digest:
            return False
        try:
            return entry.get("of") == _inputs(sources) and entry.get("bytes") == target.stat().st_size
        except OSError:  # one of them is not there (any more)
            return False

    def record(self, target: Path, sources: Sequence[Path], temporary: Path) -> None:
        """Note that an output is about to become what a temporary file is."""
        entry = {"target": self._name(target), "bytes": temporary.stat().st_size, "of": _inputs(sources)}
        lines = [{**entry, "settings": self._digest}]
        if not self._told:
            self._told, lines = True, [{"settings": self._digest, "are": self._settings}, *lines]
        # One write in appending mode: lines of several processes do not mix.
        with self._path.open("ab") as file:
            file.write("".join(json.dumps(line, default=str) + "\n" for line in lines).encode())

    def _name(self, target: Path) -> str:
        return target.relative_to(self._path.parent).as_posix()


def _inputs(sources: Sequence[Path]) -> list[list[Any]]:
    """What tells a changed input from the same one. Of its path the name only: folders are called by many paths."""
    return [[path.name, (stat := path.stat()).st_size, stat.st_mtime_ns] for path in sources]


def _entries(path: Path) -> dict[str, dict[str, Any]]:
    """The last line about each output; a line that was cut short counts for nothing."""
    found: dict[str, dict[str, Any]] = {}
    for line in path.read_bytes().splitlines() if path.is_file() else []:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and isinstance(entry.get("target"), str):
            found[entry["target"]] = entry
    return found
