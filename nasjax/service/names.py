"""Names of files that strangers chose, made harmless, and archives of results under them."""

import re
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

_LONGEST, _LONGEST_BYTES = 100, 200  # file systems count characters or bytes, to 255; a number and a suffix follow
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"|?*\u202a-\u202e\u2066-\u2069]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
_CHUNK = 1 << 20


def safe_stem(given: str, number: int) -> str:
    """The name of an upload without folders, suffix, and what some system cannot have in a file's name."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", given))[-1]
    stem = _FORBIDDEN.sub("_", last).rpartition(".")[0] or _FORBIDDEN.sub("_", last)
    stem = stem.strip(" .")[:_LONGEST].encode(errors="replace")[:_LONGEST_BYTES].decode(errors="ignore").rstrip(" .")
    return f"_{stem}" if _RESERVED.match(stem) else stem or f"picture {number + 1}"


def safe_suffix(given: str) -> str:
    """The suffix of an upload, in lower case, where it looks like one; some formats are told apart by it alone."""
    found = re.search(r"\.[a-z0-9]{1,8}$", given.lower())
    return found[0] if found else ""


def distinct(names: Iterable[str]) -> list[str]:
    """The names, each with a number where it came before, whatever its case."""
    taken, found = set[str](), []
    for name in names:
        stem, dot, suffix = name.rpartition(".")
        number, free = 1, name
        while free.casefold() in taken:
            number += 1
            free = f"{stem} ({number}){dot}{suffix}"
        taken.add(free.casefold())
        found.append(free)
    return found


def archived(files: Iterable[tuple[str, Path | bytes]]) -> Iterator[bytes]:
    """A ZIP archive of files and texts, piece by piece as it is made; pictures are compressed already."""
    pieces = _Pieces()
    with zipfile.ZipFile(pieces, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, content in files:
            if isinstance(content, bytes):
                archive.writestr(name, content)
                continue
            with content.open("rb") as source, archive.open(name, "w", force_zip64=True) as target:
                while chunk := source.read(_CHUNK):
                    target.write(chunk)
                    yield pieces.taken()
    yield pieces.taken()


class _Pieces:
    """What an archive writes to: no file, only what was written since it was last asked."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, content: bytes) -> int:
        self._written += content
        return len(content)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def taken(self) -> bytes:
        found = bytes(self._written)
        self._written.clear()
        return found
