"""One line of text names a data set; this turns it into a source."""

import zlib
from pathlib import Path

from nasjax.data.embedded import embedded_photos
from nasjax.data.folders import folder, pairs, side_by_side
from nasjax.data.source import Cached, Halved, OnError, Source, Subset
from nasjax.data.tfds import tfds_source

_FORMS = (
    "embedded, folder:PATH (or just a path), pairs:PATH (with input/ and target/), side-by-side:PATH, "
    "tfds:NAME or tfds:NAME#FEATURE"
)
_SPLITS = ("train", "val", "test", "all")


def open_source(
    spec: str, split: str, *, halve: bool | None = None, on_error: OnError = "fail", cache_bytes: int = 2 << 30
) -> Source:
    """Opens the data set that `spec` names, halved if asked for, and cached up to `cache_bytes` of decoded pictures.

    Forms: "embedded", "folder:PATH" or just a path, "pairs:PATH" (PATH/input and PATH/target), "side-by-side:PATH",
    "tfds:NAME" or "tfds:NAME#FEATURE". `halve=None` halves the embedded photographs alone, which are lossy. `split` is
    train, val, test or all: of a folder its sub-folder of that name if it has such sub-folders; else a tenth each (at
    least one picture) is held out as val and test by a hash of the name, so that adding pictures hardly moves others.
    ValueError on an unknown form or split, or a data set that is missing or empty.
    """
    opened = _open(spec, split, on_error)
    if halve or (halve is None and spec == "embedded"):
        opened = Halved(opened)
    return Cached(opened, cache_bytes)


def _open(spec: str, split: str, on_error: OnError) -> Source:
    form, _, rest = spec.partition(":")
    if spec == "embedded":
        return embedded_photos(split)
    if form == "tfds":
        name, _, feature = rest.partition("#")
        return tfds_source(name, split, key=feature or None)
    if split not in _SPLITS:
        raise ValueError(f"data {spec!r}: unknown split {split!r}; allowed: {', '.join(_SPLITS)}")
    if form == "folder" or Path(spec).is_dir():
        return _folder_split(Path(rest if form == "folder" else spec), split, on_error)
    if form == "pairs":
        return _hold_out(pairs(Path(rest, "input"), Path(rest, "target")), split)
    if form == "side-by-side":
        return _hold_out(side_by_side(rest), split)
    raise ValueError(f"data {spec!r}: neither an existing folder nor a known form; allowed: {_FORMS}")


def _folder_split(path: Path, split: str, on_error: OnError) -> Source:
    own = [name for name in _SPLITS[:3] if (path / name).is_dir()]
    if split in own:
        return folder(path / split, on_error)
    if own and split != "all":
        # Holding out from the whole would mix pictures of train/ into another split.
        raise ValueError(f"image folder {path} has {', '.join(n + '/' for n in own)} but no {split}/")
    return _hold_out(folder(path, on_error), split)


def _hold_out(source: Source, split: str) -> Source:
    if split == "all":
        return source
    count = len(source)
    tenth = -(-count // 10)
    if count < 3:
        raise ValueError(f"{count} pictures do not split into train, val and test; give three or more, or sub-folders")
    ranked = sorted(range(count), key=lambda i: (zlib.crc32(source.name(i).encode()), i))
    parts = {"val": ranked[:tenth], "test": ranked[tenth : 2 * tenth], "train": ranked[2 * tenth :]}
    return Subset(source, tuple(sorted(parts[split])))
