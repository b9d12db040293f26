"""A fixed set of crops with what a teacher makes of them, computed once and kept on disk, as a source of pairs.

source = taught_crops(folder, open_source("embedded", "train"), patch=128, number=2000, seed=0,
                      teach_fn=teacher, protocol="horse2zebra ResNet-9, sha256 ...")
data = patches(source, patch=128, batch=8, seed=0, augment=False)      # "input" and "target"

A large teacher takes most of the time of distilling from it, and without augmentation says the same every epoch.
"""

import dataclasses
import json
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from nasjax.data.pipeline import PatchBatches
from nasjax.data.source import Source, at_least, image_keys
from nasjax.files import to_json

_LOOKED_AT = 32  # pictures, evenly spread, whose pixels tell a data set from another
_INPUTS, _OUTPUTS, _ABOUT = "inputs.npy", "outputs.npy", "crops.json"
# uint8 [b, patch, patch, 3] -> what the teacher makes of them, in the same form
TeachFn = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class TaughtCrops:
    """A source of pairs over the arrays of a folder, which are mapped and not loaded."""

    inputs: np.ndarray
    outputs: np.ndarray

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> dict[str, Any]:
        pair = {"input": np.asarray(self.inputs[index]), "target": np.asarray(self.outputs[index])}
        return {"name": self.name(index), **pair}

    def name(self, index: int) -> str:
        return f"crop{index:06d}"

    def size(self, index: int) -> tuple[int, int]:
        return self.inputs.shape[1], self.inputs.shape[2]


def taught_crops(
    folder: str | os.PathLike,
    source: Source,
    *,
    patch: int,
    number: int,
    seed: int,
    teach_fn: TeachFn,
    protocol: str,
) -> TaughtCrops:
    """The crops in `folder`, made the first time from `number` patches of the source, `teach_fn` 8 at a time.

    Patches are those that the pipeline draws for this seed, not augmented. Interrupted, it goes on where it was. Say in
    `protocol` which teacher it is: with another one, another source, patch, number or seed the folder is refused by a
    ValueError that names what differs. Raises ValueError for teachers whose outputs have another form.
    """
    folder, source = Path(folder), at_least(source, patch, "skip")
    about = {"protocol": protocol, "patch": patch, "number": number, "seed": seed}
    about = {**about, "pictures": pictures_mark(source), "done": 0}
    done = _begun(folder, about)
    inputs, outputs = (_array(folder / name, (number, patch, patch, 3)) for name in (_INPUTS, _OUTPUTS))
    drawn = PatchBatches(source, patch, 8, seed, augment=False)
    for start in range(done, number, 8):
        x = drawn(start // 8)["image"]
        y = np.asarray(teach_fn(x))
        if y.shape != x.shape or y.dtype != np.uint8:
            raise ValueError(f"taught crops: the teacher makes {y.dtype} {y.shape} of uint8 {x.shape}")
        count = min(8, number - start)
        inputs[start : start + count], outputs[start : start + count] = x[:count], y[:count]
        for array in (inputs, outputs):
            array.flush()  # before it is noted as done
        _note(folder, {**about, "done": start + count})
    return TaughtCrops(*(np.load(folder / name, mmap_mode="r") for name in (_INPUTS, _OUTPUTS)))


def crops_done(folder: Path) -> int:
    """How many crops a folder holds already."""
    path = folder / _ABOUT
    return int(json.loads(path.read_text(encoding="utf-8"))["done"]) if path.is_file() else 0


def pictures_mark(source: Source) -> int:
    """A number that tells pictures from others of the same names: of all names and sizes, and the pixels of some."""
    mark = 0
    for i in range(len(source)):
        mark = zlib.crc32(f"{source.name(i)} {source.size(i)}\n".encode(), mark)
    for i in sorted({k * len(source) // _LOOKED_AT for k in range(_LOOKED_AT)}):
        element = source[i]
        for key in image_keys(element):
            mark = zlib.crc32(element[key].tobytes(), mark)
    return mark


def _begun(folder: Path, about: dict[str, Any]) -> int:
    """How many crops are done already; ValueError where they are others."""
    if not (folder / _ABOUT).is_file():
        folder.mkdir(parents=True, exist_ok=True)
        _note(folder, about)
        return 0
    found = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
    differ = [name for name in about if name != "done" and found.get(name) != about[name]]
    if differ:
        said = ", ".join(f"{name} was {found.get(name)!r}, now {about[name]!r}" for name in differ)
        raise ValueError(f"{folder} holds other crops: {said}; remove it or choose another folder")
    return int(found["done"])


def _array(path: Path, shape: tuple[int, ...]) -> np.memmap:
    """The array in a file; a new one, or the one that is there."""
    mode = "r+" if path.is_file() else "w+"
    return np.lib.format.open_memmap(path, mode=mode, dtype=np.uint8, shape=shape)


def _note(folder: Path, about: dict[str, Any]) -> None:
    part = folder / f".{_ABOUT}.part"
    part.write_text(to_json(about), encoding="utf-8")
    os.replace(part, folder / _ABOUT)
