"""Folders of images as sources: single pictures, pairs in two folders, and pairs side by side in one picture."""

import dataclasses
import functools
import logging
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from PIL import Image

from nasjax.data.decode import UnreadableImage, read_image, read_size
from nasjax.data.source import OnError, listed

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Folder:
    """A source over image files; names are paths relative to `root`, `unreadable` are the messages of skipped files."""

    root: Path
    files: tuple[str, ...]
    unreadable: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"name": self.files[index], "image": read_image(self.root / self.files[index])}

    def name(self, index: int) -> str:
        return self.files[index]

    def size(self, index: int) -> tuple[int, int]:
        return read_size(self.root / self.files[index])


@dataclasses.dataclass(frozen=True)
class Pairs:
    """A source over two folders whose i-th files belong together."""

    inputs: Folder
    targets: Folder

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {
            "name": self.name(index),
            "input": self.inputs[index]["image"],
            "target": self.targets[index]["image"],
        }

    def name(self, index: int) -> str:
        return self.targets.name(index)

    def size(self, index: int) -> tuple[int, int]:
        return self.targets.size(index)


@dataclasses.dataclass(frozen=True)
class SideBySide:
    """A source over pictures whose left half is the input and whose right half is the target."""

    folder: Folder

    def __len__(self) -> int:
        return len(self.folder)

    def __getitem__(self, index: int) -> dict[str, Any]:
        whole = self.folder[index]["image"]
        middle = whole.shape[1] // 2
        return {"name": self.name(index), "input": whole[:, :middle], "target": whole[:, middle:]}

    def name(self, index: int) -> str:
        return self.folder.name(index)

    def size(self, index: int) -> tuple[int, int]:
        height, width = self.folder.size(index)
        return height, width // 2


def folder(path: str | os.PathLike, on_error: OnError) -> Folder:
    """Opens all pictures below a folder, sorted by relative path; other files and hidden ones are ignored.

    "fail": headers are read now, and the first unreadable file is a ValueError, here or when its pixels turn out
    broken. "skip": every file is decoded once now, so that what is left can be relied on; the others are counted,
    named in the log and kept in `unreadable`. ValueError if the folder does not exist or holds no readable picture.
    """
    root = Path(path)
    if not root.is_dir():
        raise ValueError(f"image folder {root} does not exist or is not a folder")
    if on_error not in ("fail", "skip"):
        raise ValueError(f"image folder {root}: unknown on_error {on_error!r}; allowed: fail, skip")
    found = image_files(root)
    check_fn = read_size if on_error == "fail" else read_image
    reasons = _check(root, found, check_fn)
    unreadable = tuple(reason for reason in reasons if reason)
    if unreadable and on_error == "fail":
        raise ValueError(f"{len(unreadable)} of {len(found)} image files are unreadable: {listed(unreadable)}")
    if len(unreadable) == len(found):
        raise ValueError(f"image folder {root} holds no readable picture: {_inventory(root, found, unreadable)}")
    if unreadable:
        _log.warning("skipped %d of %d image files: %s", len(unreadable), len(found), listed(unreadable))
    return Folder(root, tuple(file for file, reason in zip(found, reasons, strict=True) if not reason), unreadable)


def matching(input_path: str | os.PathLike, target_path: str | os.PathLike) -> bool:
    """Whether the pictures of two folders belong together: all are called alike, the suffix aside, or none is.

    ValueError where some are, naming those without a partner, or where a folder is missing or empty.
    """
    stems = [set(_stems(Path(path))) for path in (input_path, target_path)]
    if not stems[0] & stems[1] or stems[0] == stems[1]:
        return stems[0] == stems[1]
    raise ValueError(
        f"{input_path} and {target_path}: some pictures have a partner of their name and others none: "
        f"{listed(sorted(stems[0] ^ stems[1]))}; take them out to learn from pairs, or rename to learn without"
    )


def pairs(input_path: str | os.PathLike, target_path: str | os.PathLike, on_error: OnError = "fail") -> Pairs:
    """Pairs the pictures of two folders by relative path, the suffix aside.

    `on_error` as of `folder`; with "skip", whose partner is unreadable is left out, too. ValueError if a picture has no
    partner, has two, or the partner has another size.
    """
    sides = [folder(path, on_error) for path in (input_path, target_path)]
    # By what lies there, readable or not: a broken file is a partner, and not one that is missing.
    there = [_stems(side.root) for side in sides]
    if lonely := sorted(there[0].keys() ^ there[1].keys()):
        roots = f"{sides[0].root} and {sides[1].root}"
        raise ValueError(f"{roots}: {len(lonely)} pictures have no partner: {listed(lonely)}")
    read = [set(side.files) for side in sides]
    kept = [s for s in sorted(there[0]) if all(there[i][s] in read[i] for i in (0, 1))]
    if not kept:
        raise ValueError(f"{sides[0].root} and {sides[1].root}: of no pair both pictures can be read")
    inputs, targets = (
        dataclasses.replace(side, files=tuple(stems[s] for s in kept)) for side, stems in zip(sides, there, strict=True)
    )
    paired = Pairs(inputs, targets)
    unequal = [paired.name(i) for i in range(len(paired)) if inputs.size(i) != targets.size(i)]
    if unequal:
        raise ValueError(f"{inputs.root} and {targets.root}: {len(unequal)} pairs differ in size: {listed(unequal)}")
    return paired


def side_by_side(path: str | os.PathLike, on_error: OnError = "fail") -> SideBySide:
    """Opens pictures that hold a pair, input left and target right; as `folder`. ValueError if a width is odd."""
    whole = folder(path, on_error)
    odd = [whole.name(i) for i in range(len(whole)) if whole.size(i)[1] % 2]
    if odd:
        raise ValueError(f"{whole.root}: {len(odd)} pictures have an odd width, hence no two halves: {listed(odd)}")
    return SideBySide(whole)


def image_files(root: Path) -> list[str]:
    """The image files below a folder by relative path, sorted, hidden ones aside; nothing is read."""
    return [file for file in _files(root) if Path(file).suffix.lower() in _suffixes()]


@functools.cache
def _suffixes() -> frozenset[str]:
    return frozenset(s for s, kind in Image.registered_extensions().items() if kind in Image.OPEN)


def _files(root: Path) -> list[str]:
    relative = (p.relative_to(root) for p in root.rglob("*") if p.is_file())
    return sorted(p.as_posix() for p in relative if not any(part.startswith(".") for part in p.parts))


def _check(root: Path, files: Sequence[str], check_fn: Callable[[Path], Any]) -> list[str]:
    """Why each file is unreadable, "" where it is not. Pillow decodes outside the interpreter lock: threads help."""

    def reason(file: str) -> str:
        try:
            check_fn(root / file)
        except UnreadableImage as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(reason, files))


def _inventory(root: Path, found: Sequence[str], unreadable: Sequence[str]) -> str:
    if not found:
        return f"{len(_files(root))} files in it, none with the suffix of an image format"
    return f"{len(unreadable)} unreadable: {listed(unreadable)}"


def _stems(root: Path) -> dict[str, str]:
    """The image files below a folder by relative path, the suffix aside."""
    if not root.is_dir():
        raise ValueError(f"image folder {root} does not exist or is not a folder")
    files = image_files(root)
    stems = {Path(file).with_suffix("").as_posix(): file for file in files}
    if len(stems) < len(files):
        raise ValueError(f"{root}: several pictures share a name and differ in the suffix only")
    if not files:
        raise ValueError(f"image folder {root} holds no picture")
    return stems
