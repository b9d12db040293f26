"""What is in a data set, and what would go wrong with it, before anything is trained on it."""

import dataclasses
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from nasjax.data.decode import UnreadableImage, read_image
from nasjax.data.domains import Unpaired
from nasjax.data.folders import image_files
from nasjax.data.sides import LEAST
from nasjax.data.source import Source, image_keys, listed
from nasjax.data.spec import SPLITS, open_source

_PREFIXES = re.compile(r"^(unpaired|reversed|apart|pairs|side-by-side|folder|folders|degraded:[a-z]+):")
_SIDE = 16  # pixels a side of a picture's fingerprint
_NEAR = 3.0  # mean difference of fingerprints, in grey levels, below which pictures are called near-duplicates
_COPIED = 40  # and of the differing signs of neighbours' differences, of 480


class Contents(NamedTuple):
    """The pictures of one domain of one split: names and (height, width) of each."""

    split: str
    domain: str
    names: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...]


class Twins(NamedTuple):
    """Two pictures of different splits that are nearly the same, as "split/name"."""

    one: str
    other: str
    difference: float  # mean, in grey levels of 255, at 16 x 16 pixels


@dataclasses.dataclass(frozen=True)
class DataReport:
    """What `check_data` found; `problems` stop a training, `remarks` may spoil one."""

    spec: str
    contents: tuple[Contents, ...]
    modes: dict[str, int]  # files by format and Pillow mode, "PNG RGBA"
    twins: tuple[Twins, ...]
    problems: tuple[str, ...]
    remarks: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        parts = {name: [each._asdict() for each in getattr(self, name)] for name in ("contents", "twins")}
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)} | parts

    def text(self) -> str:
        """The report for a terminal."""
        lines = [f"data {self.spec}", *(f"  {_line(c)}" for c in self.contents)]
        if self.modes:
            lines.append(f"  files: {', '.join(f'{n} {mode}' for mode, n in self.modes.items())}")
        lines += [f"  near-duplicates: {t.one} and {t.other} (mean difference {t.difference:.1f})" for t in self.twins]
        lines += [f"  remark: {remark}" for remark in self.remarks]
        lines += [f"  problem: {problem}" for problem in self.problems] or ["  no problem found"]
        return "\n".join(lines)


def check_data(spec: str, *, patch: int | None = None) -> DataReport:
    """Looks at every picture of the data set that `spec` names (`open_source`).

    Found are unreadable files, what does not open (unmatched names, sizes that differ, a missing split), pictures
    smaller than `patch`, near-duplicates between splits (by 16x16 fingerprints), and domains that are too small to be
    learned or compared. The rest is looked at without the unreadable files. Nothing is raised for what is wrong with
    the data.
    """
    modes, unreadable = _files(spec)
    opened, said = _opened(spec, unreadable)
    problems = [f"unreadable: {reason}" for reason in unreadable] + said
    domains = {(s, d): source for s, whole in opened.items() for d, source in _domains(whole)}
    contents, prints = [], {}
    for (split, domain), source in domains.items():
        found, marks, broken = _look(split, domain, source)
        contents.append(found)
        prints[split, domain] = marks
        problems += [b for b in broken if not any(b in p for p in problems)]
    problems += _too_few(contents)
    twins = [t for one, other in _pairs_of_splits(domains) for t in _twins(one, other, prints, contents)]
    remarks = [*_small(contents, patch), *_lonely(contents), *_shared(twins)]
    return DataReport(spec, tuple(contents), modes, tuple(twins), tuple(dict.fromkeys(problems)), tuple(remarks))


def _opened(spec: str, unreadable: Sequence[str]) -> tuple[dict[str, Source], list[str]]:
    """Splits that open, without the files that cannot be read, and why others do not, what all say alike once."""
    opened: dict[str, Source] = {}
    said: dict[str, list[str]] = {}
    for split in SPLITS[:3]:
        try:
            on_error = "skip" if unreadable else "fail"
            opened[split] = open_source(spec, split, halve=False, on_error=on_error, cache_bytes=0)
        except ValueError as error:
            if not any(reason in str(error) for reason in unreadable):  # which is said already
                said.setdefault(str(error), []).append(split)
    return opened, [f"{', '.join(splits)}: {text}" for text, splits in said.items()]


def _too_few(contents: Sequence[Contents]) -> Iterator[str]:
    """Of two domains: sets that a search could not compare, as it counts them itself."""
    for c in contents:
        made, real = c.domain == "input" and c.split != "train", (c.domain, c.split) == ("target", "train")
        least = LEAST["made"] if made else LEAST["real"] if real else 0
        if len(c.names) < least:
            yield f"{c.split}: domain {c.domain} has {len(c.names)} pictures to compare as a set, which takes {least}"


def _line(c: Contents) -> str:
    name = f"{c.split} {c.domain}".strip()
    if not c.sizes:
        return f"{name}: no readable picture"
    heights, widths = zip(*c.sizes, strict=True)
    alike = min(c.sizes) == max(c.sizes)
    size = f"{heights[0]}x{widths[0]}" if alike else f"{min(heights)}..{max(heights)} x {min(widths)}..{max(widths)}"
    return f"{name}: {len(c.names)} pictures, {size} (height x width)"


def _files(spec: str) -> tuple[dict[str, int], list[str]]:
    """Formats and modes of the image files of a folder, and why some cannot be read; nothing for other data sets."""
    while (shorter := _PREFIXES.sub("", spec)) != spec:
        spec = shorter
    # A folder's name may have a bar in it; of two folders, "A|B", neither is the whole.
    folders = [Path(spec)] if Path(spec).is_dir() else [Path(part) for part in spec.split("|")]
    if not all(folder.is_dir() for folder in folders):
        return {}, []

    def look(path: Path) -> tuple[str, str]:
        try:
            read_image(path)
            with Image.open(path) as picture:
                return f"{picture.format} {picture.mode}", ""
        except UnreadableImage as error:
            return "", str(error)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(look, [folder / file for folder in folders for file in image_files(folder)]))
    modes = Counter(mode for mode, _ in found if mode)
    return dict(modes.most_common()), [reason for _, reason in found if reason]


def _domains(source: Source) -> Iterator[tuple[str, Source]]:
    if isinstance(source, Unpaired):
        yield from (("input", source.inputs), ("target", source.targets))
    else:
        yield "", source


def _look(split: str, domain: str, source: Source) -> tuple[Contents, np.ndarray, list[str]]:
    """Sizes and fingerprints of what can be read, and why the rest cannot."""
    names, sizes, marks, broken = [], [], [], []
    for i in range(len(source)):
        try:
            element = source[i]
        except ValueError as error:
            broken.append(str(error))
            continue
        keys = image_keys(element)
        image = element[keys[-1]]  # of a pair the target
        names.append(source.name(i))
        sizes.append(image.shape[:2])
        marks.append(_fingerprint(image))
    stacked = np.stack(marks) if marks else np.zeros((0, _SIDE, _SIDE, 3), np.float32)
    return Contents(split, domain, tuple(names), tuple(sizes)), stacked, broken


def _fingerprint(image: UInt8[np.ndarray, "h w 3"]) -> Float[np.ndarray, "16 16 3"]:
    small = Image.fromarray(image).resize((_SIDE, _SIDE), Image.Resampling.BOX)
    return np.asarray(small, np.float32)


def _pairs_of_splits(domains: dict[tuple[str, str], Source]) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    places = list(domains)
    for i, one in enumerate(places):
        yield from ((one, other) for other in places[i + 1 :] if one[0] != other[0] and one[1] == other[1])


def _twins(
    one: tuple[str, str], other: tuple[str, str], prints: dict[tuple[str, str], np.ndarray], contents: list[Contents]
) -> Iterator[Twins]:
    """Pictures of one split that look like one of another: nearly the same colours in nearly the same places."""
    names = {(c.split, c.domain): c.names for c in contents}
    signs = prints[other].mean(-1)
    for i, mark in enumerate(prints[one]):
        difference = np.abs(prints[other] - mark).mean((1, 2, 3))
        for j in np.flatnonzero(difference < _NEAR):
            # Mostly white pictures differ little: their contours must agree, too.
            if _disagreement(mark.mean(-1), signs[j]) <= _COPIED:
                yield Twins(f"{one[0]}/{names[one][i]}", f"{other[0]}/{names[other][j]}", float(difference[j]))


def _disagreement(a: np.ndarray, b: np.ndarray) -> int:
    """Of 480 differences of neighbours, those of more than two levels whose sign is another."""
    count = 0
    for axis in (0, 1):
        steps = [np.sign(np.diff(x, axis=axis)) * (np.abs(np.diff(x, axis=axis)) > 2) for x in (a, b)]
        count += int((steps[0] != steps[1]).sum())
    return count


def _small(contents: list[Contents], patch: int | None) -> Iterator[str]:
    for c in contents:
        small = [n for n, size in zip(c.names, c.sizes, strict=True) if patch is not None and min(size) < patch]
        if small:
            yield f"{c.split}: {len(small)} of {len(c.names)} pictures are smaller than {patch}: {listed(small)}"


def _lonely(contents: list[Contents]) -> Iterator[str]:
    for c in contents:
        if c.split == "train" and len(c.names) == 1:
            where = f"domain {c.domain}" if c.domain else "training"
            yield f"{where} has one picture, which a discriminator learns by heart: use small patches and augmentation"


def _shared(twins: list[Twins]) -> Iterator[str]:
    if twins:
        yield f"{len(twins)} near-duplicates lie in two splits: what is measured on the held-out one is too good"
