"""The pairs that come with the package: edges and the pictures of furniture and other things that they are from."""

import csv
import dataclasses
import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool
from PIL import Image

from nasjax.data.decode import read_image

_FOLDER = Path(__file__).parent / "furniture"
_SIDE = 128


@dataclasses.dataclass(frozen=True)
class FurniturePairs:
    """A source of pairs: "input" the edges, black on white, "target" the picture, both [128, 128, 3]."""

    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> dict[str, Any]:
        name = self.names[index]
        blank = _edges()[_all_names().index(name)]
        edges = np.repeat(np.where(blank, 255, 0).astype(np.uint8)[..., None], 3, -1)
        return {"name": name, "input": edges, "target": read_image(_FOLDER / f"{name}.webp")}

    def name(self, index: int) -> str:
        return self.names[index]

    def size(self, index: int) -> tuple[int, int]:
        return _SIDE, _SIDE


def furniture(split: str) -> FurniturePairs:
    """The embedded pairs of a split: 620 "train", 100 "val", 100 "test", or "all" 820. ValueError on another split.

    "val" steers a search, "test" appears only in final tables. What one creator made is on one side only. The edges are
    those of `scripts/prepare_furniture.py`.
    """
    held_out = _held_out()
    if split in held_out:
        return FurniturePairs(tuple(held_out[split]))
    if split not in ("train", "all"):
        raise ValueError(f"embedded furniture: unknown split {split!r}; allowed: train, val, test, all")
    held = {name for names in held_out.values() for name in names} if split == "train" else set()
    return FurniturePairs(tuple(name for name in _all_names() if name not in held))


def furniture_credit(name: str) -> str:
    """What a picture shows, who made the model, and its licence, in one line. ValueError on an unknown name."""
    rows = _credits()
    if name not in rows:
        raise ValueError(f"no embedded picture of furniture is called {name!r}")
    row = rows[name]
    return f"{row['name']} by {row['creator']}, {row['licence']}"


@functools.cache
def _credits() -> dict[str, dict[str, str]]:
    with open(_FOLDER / "credits.csv", newline="", encoding="utf-8") as file:
        return {row["file"].removesuffix(".webp"): row for row in csv.DictReader(file)}


@functools.cache
def _all_names() -> tuple[str, ...]:
    return tuple(sorted(_credits()))


@functools.cache
def _held_out() -> dict[str, list[str]]:
    return json.loads((_FOLDER / "split.json").read_text(encoding="utf-8"))


@functools.cache
def _edges() -> Bool[np.ndarray, "n 128 128"]:
    """True where there is no edge, picture after picture in the order of their names."""
    with Image.open(_FOLDER / "edges.png") as stack:
        return np.asarray(stack).reshape(-1, _SIDE, _SIDE)
