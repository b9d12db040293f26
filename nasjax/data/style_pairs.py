"""Pairs of a content and a style photograph, cut to squares of one size."""

import re
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from nasjax.data.decode import read_image
from nasjax.data.source import Source
from nasjax.data.spec import open_source

Take = Literal["all", "even", "odd"]
_SUFFIXES = (".webp", ".png", ".jpg", ".jpeg", ".tif", ".tiff")


class PairPaths(NamedTuple):
    """One pair of a folder."""

    name: str
    content: Path
    style: Path


def pair_paths(folder: str | Path, take: Take = "all") -> list[PairPaths]:
    """The pairs NAME_content.*, NAME_style.* of a folder by name; `take` keeps those whose number is even or odd.

    Raises ValueError for a folder without pairs, a content without its style, or a name without a number to take by.
    """
    folder = Path(folder)
    files = {p.stem: p for p in sorted(folder.iterdir()) if p.suffix.lower() in _SUFFIXES} if folder.is_dir() else {}
    names = [stem.removesuffix("_content") for stem in files if stem.endswith("_content")]
    if not names:
        raise ValueError(f"pairs: {folder} is not a folder with pictures NAME_content.* and NAME_style.*")
    if missing := [name for name in names if f"{name}_style" not in files]:
        raise ValueError(f"pairs: {folder} has {missing[0]}_content but no {missing[0]}_style")
    kept = [name for name in names if take == "all" or _number(name, folder) % 2 == (take == "odd")]
    if not kept:
        raise ValueError(f"pairs: none of the {len(names)} pairs of {folder} has an {take} number")
    return [PairPaths(name, files[f"{name}_content"], files[f"{name}_style"]) for name in kept]


def square_pairs(
    spec: str, *, number: int, size: int, take: Take = "all"
) -> tuple[UInt8[np.ndarray, "n s s 3"], UInt8[np.ndarray, "n s s 3"]]:
    """`number` content and style squares of `size` pixels, cut from the middle and reduced.

    `spec` is a folder (`pair_paths`), of which evenly spaced pairs are taken, or "embedded": the photographs of the
    val and train splits, each content with the style half the list away. Raises ValueError for more than there are.
    """
    if spec != "embedded":
        paths = _spaced(pair_paths(spec, take), number, spec)
        contents = np.stack([square(read_image(p.content), size) for p in paths])
        return contents, np.stack([square(read_image(p.style), size) for p in paths])
    contents = np.stack([square(source[i]["image"], size) for source, i in _embedded(number)])
    return contents, np.roll(contents, number // 2, axis=0)


def pair_names(spec: str, *, number: int, take: Take = "all") -> list[tuple[str, str]]:
    """What the content and the style of each of those pairs are called; of a folder's, both the name of the pair."""
    if spec != "embedded":
        return [(p.name, p.name) for p in _spaced(pair_paths(spec, take), number, spec)]
    names = [source.name(i) for source, i in _embedded(number)]
    return [(name, names[i - number // 2]) for i, name in enumerate(names)]


def square(image: UInt8[np.ndarray, "h w 3"], size: int) -> UInt8[np.ndarray, "s s 3"]:
    """The largest middle square, resized to `size` pixels a side with antialiasing."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    box = (left, top, left + side, top + side)  # cut first: resampling would look beyond a mere box
    return np.asarray(Image.fromarray(image).crop(box).resize((size, size), Image.Resampling.BICUBIC))


def _embedded(number: int) -> list[tuple[Source, int]]:
    sources = [open_source("embedded", split, halve=False) for split in ("val", "train")]
    return _spaced([(source, i) for source in sources for i in range(len(source))], number, "embedded")


def _spaced(items: list, number: int, spec: str) -> list:
    if number > len(items):
        raise ValueError(f"pairs: {number} pairs are asked for, {spec} has {len(items)}")
    return [items[i * len(items) // number] for i in range(number)]


def _number(name: str, folder: Path) -> int:
    found = re.search(r"\d+", name)
    if found is None:
        raise ValueError(f"pairs: {name}_content in {folder} has no number, so it is neither even nor odd")
    return int(found[0])
