"""The manifest of a bundle: which files it has, their checksums and their measured parity; and its safe writing."""

import contextlib
import hashlib
import os
import platform
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax

import nasjax
from nasjax.export.parity import TOLERANCE, Parity, Probe
from nasjax.files import read_json, write_json

MANIFEST = "manifest.json"


@contextlib.contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A temporary folder that becomes `folder` when the block ends well, and vanishes when it does not.

    An older bundle at `folder` is replaced; anything else there is a ValueError before any work is done.
    """
    _check_target(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    stage = folder.parent / f".{folder.name}.{os.getpid()}.tmp"
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir()
    try:
        yield stage
        _swap(stage, folder)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def write_manifest(folder: Path, parities: Mapping[str, Parity | None], probe: Probe | None = None) -> dict[str, Any]:
    """Write `manifest.json` for the named files of a folder; returns its content.

    `probe` lets code of later versions show that it builds the same network.
    """
    manifest = {
        "format": 1,
        "versions": {"nasjax": nasjax.__version__, "jax": jax.__version__, "python": platform.python_version()},
        "parity": {"tolerance": TOLERANCE},
        "files": {name: _entry(folder / name, parity) for name, parity in parities.items()},
    }
    manifest |= {} if probe is None else {"probe": probe._asdict()}
    write_json(folder / MANIFEST, manifest)
    return manifest


def verified(folder: Path) -> dict[str, Any]:
    """The manifest of a bundle whose files are all there and have the recorded checksums.

    Raises ValueError naming the file that is missing or damaged.
    """
    if not (folder / MANIFEST).is_file():
        raise ValueError(f"{folder} is not a bundle: it has no {MANIFEST}")
    manifest = read_json(folder / MANIFEST)
    if not isinstance(manifest, dict) or manifest.get("format") != 1 or not isinstance(manifest.get("files"), dict):
        raise ValueError(f"{folder / MANIFEST} is not a manifest of format 1, the one that this version reads")
    for name, entry in manifest["files"].items():
        if not (folder / name).is_file():
            raise ValueError(f"bundle {folder} is incomplete: {name} is missing")
        if _digest(folder / name) != entry["sha256"]:
            raise ValueError(f"bundle {folder} is damaged: {name} does not have the checksum of {MANIFEST}")
    return manifest


def bundle_folder(folder: str | os.PathLike[str]) -> Path:
    """The bundle of a folder: itself, or the one in it that a run exported; ValueError where the folder is missing."""
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"bundle {folder}: there is no such folder")
    inside = folder / "export"
    return inside if inside.is_dir() and not (folder / MANIFEST).exists() else folder


def _entry(path: Path, parity: Parity | None) -> dict[str, Any]:
    return {
        "sha256": _digest(path),
        "bytes": path.stat().st_size,
        "parity": None if parity is None else parity._asdict(),
    }


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_target(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"cannot write a bundle to {folder}: it is a file")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MANIFEST).is_file():
        raise ValueError(f"cannot write a bundle to {folder}: it holds something that is not a bundle")


def _swap(stage: Path, folder: Path) -> None:
    """Folders cannot be exchanged in one step: the old one steps aside, and comes back if the new one fails."""
    if not folder.exists():
        stage.rename(folder)
        return
    aside = folder.parent / f".{folder.name}.{os.getpid()}.old"
    shutil.rmtree(aside, ignore_errors=True)
    folder.rename(aside)
    try:
        stage.rename(folder)
    except BaseException:
        aside.rename(folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)
