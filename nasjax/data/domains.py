"""Sources of two domains: one side of pairs, pairs the other way round, pictures that belong to nothing.

An unpaired source is two sources. Pipelines draw from each by itself; as a sequence, it is the pictures to translate,
each beside some picture of the other domain.
"""

import dataclasses
from typing import Any, Literal

import numpy as np
from PIL import Image

from nasjax.data.degrade import Degraded
from nasjax.data.source import Source, Subset, image_keys

Side = Literal["input", "target"]


@dataclasses.dataclass(frozen=True)
class OneSide:
    """One side of a source of pairs, as a source of single pictures."""

    source: Source
    side: Side

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"name": self.name(index), "image": _side(self.source, index, self.side)}

    def name(self, index: int) -> str:
        return self.source.name(index)

    def size(self, index: int) -> tuple[int, int]:
        return self.source.size(index)


@dataclasses.dataclass(frozen=True)
class Reversed:
    """A source of pairs whose inputs are the targets, and the other way round."""

    source: Source

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> dict[str, Any]:
        sides = {side: _side(self.source, index, side) for side in ("input", "target")}
        return {"name": self.name(index), "input": sides["target"], "target": sides["input"]}

    def name(self, index: int) -> str:
        return self.source.name(index)

    def size(self, index: int) -> tuple[int, int]:
        return self.source.size(index)


@dataclasses.dataclass(frozen=True)
class Unpaired:
    """Two sources of single pictures that belong to nothing in each other, of any two lengths.

    Element i is the i-th "input" beside the i-th "target", which starts anew where the targets end.
    """

    inputs: Source
    targets: Source

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> dict[str, Any]:
        other = self.targets[index % len(self.targets)]["image"]
        return {"name": self.name(index), "input": self.inputs[index]["image"], "target": other}

    def name(self, index: int) -> str:
        return self.inputs.name(index)

    def size(self, index: int) -> tuple[int, int]:
        return self.inputs.size(index)


@dataclasses.dataclass(frozen=True)
class Resized:
    """A source whose pictures have a shorter side of `side` pixels (Pillow's antialiased bicubic), shape kept."""

    source: Source
    side: int

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> dict[str, Any]:
        element = self.source[index]
        return {**element, **{key: self._resize(element[key]) for key in image_keys(element)}}

    def name(self, index: int) -> str:
        return self.source.name(index)

    def size(self, index: int) -> tuple[int, int]:
        return self._sizes(*self.source.size(index))

    def _sizes(self, height: int, width: int) -> tuple[int, int]:
        shorter = min(height, width)
        return (height * self.side + shorter // 2) // shorter, (width * self.side + shorter // 2) // shorter

    def _resize(self, image: np.ndarray) -> np.ndarray:
        height, width = self._sizes(*image.shape[:2])
        return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))


def unpair(source: Source) -> Unpaired:
    """A source of pairs, of which nothing is known but which picture is on which side."""
    return Unpaired(OneSide(source, "input"), _targets(source))


def apart(source: Source) -> Unpaired:
    """The inputs of every second picture of a source of pairs, and the targets of the others: no truth is in it.

    Variants of a picture (`NAME#1`) go where it goes. ValueError where there are fewer than two pictures.
    """
    inputs, targets = OneSide(source, "input"), _targets(source)
    half = frozenset(sorted({_picture(inputs, i) for i in range(len(inputs))})[::2])
    first = tuple(i for i in range(len(inputs)) if _picture(inputs, i) in half)
    rest = tuple(i for i in range(len(targets)) if _picture(targets, i) not in half)
    if not rest:
        raise ValueError(f"pairs taken apart: two pictures or more are needed, got {len(half)}")
    return Unpaired(Subset(inputs, first), Subset(targets, rest))


def _targets(source: Source) -> Source:
    """The targets as single pictures; of degraded ones each once, not once for each of its degradations."""
    return source.source if isinstance(source, Degraded) else OneSide(source, "target")


def _picture(source: Source, index: int) -> str:
    return source.name(index).partition("#")[0]


def _side(source: Source, index: int, side: Side) -> np.ndarray:
    element = source[index]
    if side not in element:
        raise ValueError(f"{element['name']} is a single picture, not a pair")
    return element[side]
