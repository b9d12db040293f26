"""The photographs that come with the package, and which of them are held out."""

import csv
import dataclasses
import functools
from pathlib import Path
from typing import Any

from nasjax.data.decode import read_image, read_size

# Chosen by eye for variety (buildings, landscape, fur, feathers, night and haze left to training) before any network
# was trained. "val" steers a search, "test" appears only in final tables; changing either invalidates published
# figures.
VAL = (
    "explore_farm_animals_horse",
    "explore_monuments_chateaudeChenonceau",
    "explore_monuments_hawaMahal",
    "explore_monuments_reimsCathedral",
    "explore_world_animals_lemur",
    "explore_world_animals_panda",
)
TEST = (
    "erase_kingfisher",
    "explore_monuments_berlinCathedral",
    "explore_monuments_canyondeChelly",
    "explore_monuments_colosseum",
    "explore_monuments_mysorePalace",
    "explore_world_animals_chameleon",
    "explore_world_animals_jaguar",
    "explore_world_animals_scarlet_macaw",
)

_FOLDER = Path(__file__).parent / "photos"


@dataclasses.dataclass(frozen=True)
class EmbeddedPhotos:
    """A source over embedded photographs as they are stored (lossy: halve them before they serve as ground truth)."""

    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"name": self.names[index], "image": read_image(_FOLDER / f"{self.names[index]}.webp")}

    def name(self, index: int) -> str:
        return self.names[index]

    def size(self, index: int) -> tuple[int, int]:
        return read_size(_FOLDER / f"{self.names[index]}.webp")


def embedded_photos(split: str) -> EmbeddedPhotos:
    """The embedded photographs of a split: 59 "train", 6 "val", 8 "test", or "all" 73. ValueError on another split."""
    held_out = {"val": VAL, "test": TEST}
    if split in held_out:
        return EmbeddedPhotos(held_out[split])
    names = tuple(sorted(path.stem for path in _FOLDER.glob("*.webp")))
    if split == "all":
        return EmbeddedPhotos(names)
    if split == "train":
        return EmbeddedPhotos(tuple(name for name in names if name not in VAL + TEST))
    raise ValueError(f"embedded photographs: unknown split {split!r}; allowed: train, val, test, all")


def credit(name: str) -> str:
    """Creator, licence and address of an embedded photograph in one line. ValueError on an unknown name."""
    rows = _credits()
    if name not in rows:
        raise ValueError(f"no embedded photograph is called {name!r}")
    row = rows[name]
    return f"{row['creator']}, {row['licence']}, {row['source']}"


@functools.cache
def _credits() -> dict[str, dict[str, str]]:
    with open(_FOLDER / "credits.csv", newline="", encoding="utf-8") as file:
        return {row["file"].removesuffix(".webp"): row for row in csv.DictReader(file)}


def credit_of(name: str) -> str:
    """The credit of an embedded photograph; empty for others, which are the user's own."""
    try:
        return credit(name)
    except (KeyError, ValueError):
        return ""
