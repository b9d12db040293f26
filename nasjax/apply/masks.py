"""Label pictures as labels: integers as they are stored, and what blur and compression made of them undone."""

import os
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import ImageColor

from nasjax.apply.reading import read_levels
from nasjax.apply.regions import MOST_REGIONS

_SAME = 24  # levels of a channel that compression moves a colour by, at most
_FLAT = 12  # levels that it makes of one colour in a small window
_FEW = 1e-3  # share of the pixels below which a colour is no region's
_REACH = 7  # pixels to each side in which a pixel between two regions looks for them


class Masks(NamedTuple):
    """Labels `[h, w]` of a content and of a style, with common numbers, and a line for each thing done to them."""

    content: np.ndarray
    style: np.ndarray
    notes: tuple[tuple[str, str], ...]


class _Mask(NamedTuple):
    colours: np.ndarray  # [n, c]: what occurs
    labels: np.ndarray  # [h, w]: which of them
    note: str = ""


def read_masks(content: str | os.PathLike[str], style: str | os.PathLike[str]) -> Masks:
    """Read two label pictures: areas of equal colour (of 8 or 16 bits, grey or not) are one region in both.

    A picture with colours between those of its regions, or with more than `MOST_REGIONS` of them, was blurred or
    compressed: each pixel becomes the region it belongs to, told in a note, as is a label that one of the two lacks.
    Raises ValueError naming a mask that cannot be read or has too many regions.
    """
    levels = _common(read_levels(content), read_levels(style))
    masks = [_snapped(each) for each in levels]
    for path, mask in zip((content, style), masks, strict=True):
        if len(mask.colours) > MOST_REGIONS:
            raise ValueError(f"mask {path} has {len(mask.colours)} regions; at most {MOST_REGIONS} are supported")
    # Snapped colours are those of a compressed picture, a little off.
    near = _SAME if any(mask.note for mask in masks) else 0
    ours, theirs = masks
    distance = np.abs(theirs.colours[:, None] - ours.colours[None]).max(-1)
    same = np.where(distance.min(1) <= near, distance.argmin(1), len(ours.colours) + np.arange(len(theirs.colours)))
    notes = [(str(path), mask.note) for path, mask in zip((content, style), masks, strict=True) if mask.note]
    lonely = [i for i in range(len(ours.colours)) if i not in same]
    notes += [(str(style), f"no {colour_name(ours.colours[i])} in it: there the whole style counts") for i in lonely]
    unused = theirs.colours[same >= len(ours.colours)]
    notes += [(str(content), f"no {colour_name(colour)} in it: that of the style is not used") for colour in unused]
    return Masks(ours.labels, same[theirs.labels], tuple(dict.fromkeys(notes)))


def colour_name(colour: np.ndarray) -> str:
    """A colour as a person writes it: red (#ff0000), or the level of a grey."""
    if len(set(colour.tolist())) == 1:
        named = {0: " (black)", 255: " (white)"}.get(int(colour[0]), "")
        return f"level {colour[0]}{named}"
    if colour.max() > 255:
        return f"colour {tuple(colour.tolist())}"
    code = "#{:02x}{:02x}{:02x}".format(*colour.tolist())
    name = next((name for name, value in ImageColor.colormap.items() if value == code), None)
    return code if name is None else f"{name} ({code})"


def _common(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Levels of the same depth and channels. 16 bits that are 8 bits scaled up are those; others are integers."""
    arrays = [each.astype(np.uint16) for each in (a, b)]
    if all(each.dtype == np.uint8 or not (each % 257).any() for each in (a, b)):
        arrays = [each if old.dtype == np.uint8 else each // 257 for each, old in zip(arrays, (a, b), strict=True)]
    channels = max(each.shape[-1] for each in arrays)
    first, second = (np.broadcast_to(each, (*each.shape[:2], channels)) for each in arrays)
    return first, second


def _snapped(levels: np.ndarray) -> _Mask:
    """The regions of a label picture: its colours, or those of its flat areas where there are others between them.

    A few colours that have no flat area of their own, thin lines, say, are regions unless they are mixtures.
    """
    codes, labels = np.unique(_codes(levels), return_inverse=True)
    colours, labels = _colours(codes, levels.shape[-1]), labels.reshape(levels.shape[:2])
    flat = np.bincount(labels[_spread(levels, 1) == 0], minlength=len(colours)) > 0
    few = len(colours) <= MOST_REGIONS
    if flat.all() or (few and not any(_between(colour, colours[flat]) for colour in colours[~flat])):
        return _Mask(colours, labels)
    regions = _flat_colours(levels)
    if len(regions) < 1 or len(regions) >= len(colours):
        return _Mask(colours, labels)
    named = ", ".join(map(colour_name, regions[:MOST_REGIONS]))
    note = f"{len(colours)} colours, as of a blurred or compressed picture; taken for {len(regions)}: {named}"
    return _Mask(regions, _nearest(levels, regions), note)


def _between(colour: np.ndarray, others: np.ndarray) -> bool:
    """Whether a colour lies near the line from one to another of others, and near neither of them."""
    ends = [end.astype(float) for end in others if np.abs(end - colour).max() > 8]
    for i, start in enumerate(ends):
        for end in ends[:i]:
            along = (colour - start) @ (end - start) / ((end - start) @ (end - start))
            if 0 < along < 1 and np.abs(start + along * (end - start) - colour).max() <= 8:
                return True
    return False


def _flat_colours(levels: np.ndarray) -> np.ndarray:
    """The most frequent colours of flat areas, far enough apart; of small ones only those that are no mixtures."""
    pixels = levels.shape[0] * levels.shape[1]
    found = _leaders(levels[_spread(levels, 3) <= _FLAT], _FEW * pixels, [])
    small = _leaders(levels[_spread(levels, 1) <= _FLAT], 9.0, found)
    regions = found + [colour for colour in small if not _between(colour, np.array(found))]
    return np.array(regions).reshape(-1, levels.shape[-1])


def _leaders(pixels: np.ndarray, least: float, known: list[np.ndarray]) -> list[np.ndarray]:
    """Colours that more than `least` pixels are near to, the most frequent first, and none near to a known one."""
    codes, counts = np.unique(_codes(pixels), return_counts=True)
    colours = _colours(codes, pixels.shape[-1])
    found: list[np.ndarray] = []
    for colour in known:
        far = np.abs(colours - colour).max(-1) > _SAME
        colours, counts = colours[far], counts[far]
    while len(colours):
        leader = colours[counts.argmax()]
        near = np.abs(colours - leader).max(-1) <= _SAME
        found += [leader] if counts[near].sum() >= least else []
        colours, counts = colours[~near], counts[~near]
    return found


def _nearest(levels: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """For each pixel the nearest colour of the regions around it: a mixture may look like a third one."""
    flat = _spread(levels, 1) <= _FLAT
    # Costs and labels, of the regions around a pixel and of all.
    near, far = ([np.full(flat.shape, np.float32(np.inf)), np.zeros(flat.shape, np.int64)] for _ in range(2))
    for k, colour in enumerate(regions):
        distance = np.abs(levels.astype(np.int32) - colour).max(-1).astype(np.float32)
        around = _over_window(flat & (distance <= _SAME), _REACH, np.maximum)
        for (costs, labels), better in ((near, around & (distance < near[0])), (far, distance < far[0])):
            costs[better], labels[better] = distance[better], k
    return np.where(np.isfinite(near[0]), near[1], far[1])


def _codes(levels: np.ndarray) -> np.ndarray:
    """Each colour as one integer."""
    return sum(levels[..., k].astype(np.int64) << (16 * k) for k in range(levels.shape[-1]))  # type: ignore[return-value]


def _colours(codes: np.ndarray, channels: int) -> np.ndarray:
    """Colours `[n, channels]`, int32, of such integers."""
    return np.stack([(codes >> (16 * k)) & 0xFFFF for k in range(channels)], -1).astype(np.int32)


def _spread(levels: np.ndarray, reach: int) -> np.ndarray:
    """The largest difference of any channel within a window of `reach` pixels to each side."""
    return (_over_window(levels, reach, np.maximum) - _over_window(levels, reach, np.minimum)).max(-1)


def _over_window(array: np.ndarray, reach: int, combine: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    """The maximum or minimum over windows, in steps that double: 1, 2, 4 ... pixels."""
    for axis in (0, 1):
        done = 0
        while done < reach:
            step = min(max(done, 1), reach - done)
            array = combine(array, combine(_moved(array, step, axis), _moved(array, -step, axis)))
            done += step
    return array


def _moved(array: np.ndarray, by: int, axis: int) -> np.ndarray:
    """The array moved along an axis, its border repeated."""
    index = (np.arange(array.shape[axis]) + by).clip(0, array.shape[axis] - 1)
    return array.take(index, axis)
