"""The training pipeline: endless batches of random patches, the same for a seed, resumable at any batch."""

import dataclasses
import functools
import sys
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np

from nasjax.data.domains import Unpaired
from nasjax.data.source import OnError, Source, at_least, image_keys

Augment = bool | Literal["mirror"]
_THREADS, _BATCHES_AHEAD = 2, 8
_MIRRORED = 2  # the symmetry that swaps left and right


@dataclasses.dataclass(frozen=True)
class PatchBatches:
    """A process's rows of batch number i of the endless sequence, as a pure function of i.

    Every epoch shuffles the pictures and takes one patch of each, at a uniform place: uniform over pictures, not over
    pixels, so that one panorama does not outweigh a hundred snapshots. With `augment`, one of the eight flips and
    quarter turns, or, with "mirror", left and right swapped or not. Other `domain`s draw by themselves.
    Of `shard` (process index, process count), each process has its `batch` rows of the one batch.
    """

    source: Source
    patch: int
    batch: int
    seed: int
    augment: Augment
    domain: int = 0
    shard: tuple[int, int] = (0, 1)

    def __call__(self, index: int) -> dict[str, np.ndarray]:
        rng = np.random.default_rng((self.seed, 1, index, *_own(self.domain)))
        choices = (0, _MIRRORED) if self.augment == "mirror" else range(8 if self.augment else 1)
        whole, first = self.batch * self.shard[1], self.batch * self.shard[0]
        places, turns = rng.random((whole, 2)), np.asarray(choices)[rng.integers(0, len(choices), whole)]
        own = slice(first, first + self.batch)
        places, turns = places[own], turns[own]
        out: dict[str, np.ndarray] = {}
        for row, picture in enumerate(self._pictures(index)):
            element = self.source[picture]
            keys = image_keys(element)
            for key, view in zip(keys, self._views(element, keys, places[row]), strict=True):
                if row == 0:
                    out[key] = np.empty((self.batch, self.patch, self.patch, 3), np.uint8)
                _write(out[key][row], view, int(turns[row]))
        return out

    def _pictures(self, index: int) -> list[int]:
        """The picture of each row: a stretch of the shuffled epochs laid end to end."""
        first = (index * self.shard[1] + self.shard[0]) * self.batch
        epoch, place = np.divmod(np.arange(first, first + self.batch), len(self.source))
        orders = {e: _epoch_order(self.seed, int(e), len(self.source), self.domain) for e in np.unique(epoch)}
        return [int(orders[e][p]) for e, p in zip(epoch, place, strict=True)]

    def _views(self, element: Mapping[str, Any], keys: tuple[str, ...], place: np.ndarray) -> list[np.ndarray]:
        """The same window of each picture of an element."""
        sizes = {element[key].shape[:2] for key in keys}
        height, width = next(iter(sizes))
        if len(sizes) > 1 or min(height, width) < self.patch:
            raise ValueError(f"{element['name']}: no patch of {self.patch}x{self.patch} pixels in pictures of {sizes}")
        y, x = int(place[0] * (height - self.patch + 1)), int(place[1] * (width - self.patch + 1))
        return [element[key][y : y + self.patch, x : x + self.patch] for key in keys]


@dataclasses.dataclass(frozen=True)
class UnpairedBatches:
    """Batch number i of two domains, "input" and "target", each in its own order and from its own places."""

    inputs: PatchBatches
    targets: PatchBatches

    def __call__(self, index: int) -> dict[str, np.ndarray]:
        return {"input": self.inputs(index)["image"], "target": self.targets(index)["image"]}


class PatchIterator:
    """Yields batches for ever; `get_state` and `set_state` save and restore the position exactly, at no cost.

    The state is a dict of integers (fit for JSON or a checkpoint). Besides the position it holds what the sequence
    depends on, so that a state of another pipeline is refused with a ValueError.
    """

    def __init__(self, batches: PatchBatches | UnpairedBatches):
        self._identity = _identity(batches)
        self._position = 0
        self._batches = _prefetched(batches)

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        return self

    def __next__(self) -> dict[str, np.ndarray]:
        batch = next(self._batches)
        self._position += 1
        return batch

    def get_state(self) -> dict[str, int]:
        """The position of the next batch, and what identifies the sequence."""
        return {"position": self._position, **self._identity}

    def set_state(self, state: Mapping[str, int]) -> None:
        """Goes to a position of the same sequence, forwards or backwards; ValueError naming what differs.

        A state of batches of another size, or of another number of shards, counts by pictures: the first batch here
        begins with at most one batch of those that were seen before.
        """
        cut = ("batch", "shards") if int(state["shards"]) == self._identity["shards"] else ("batch", "shards", "shard")
        for key, value in self._identity.items():
            if key not in cut and int(state[key]) != value:
                raise ValueError(_refusal(key, int(state[key]), value))
        there, here = (int(s["batch"]) * int(s["shards"]) for s in (state, self._identity))
        self._position = int(state["position"]) * there // here
        self._batches.set_state({"next_index": self._position})

    def close(self) -> None:
        """Stops the threads that read ahead."""
        self._batches.close()


def patches(
    source: Source,
    *,
    patch: int,
    batch: int,
    seed: int,
    augment: Augment = True,
    on_small: OnError = "fail",
    shard: tuple[int, int] = (0, 1),
) -> PatchIterator:
    """Endless batches {"image": uint8 [batch, patch, patch, 3]} of a source; of pairs "input" and "target", cut alike.

    Of an unpaired source "input" and "target" are drawn and cut independently. `augment`: the eight flips and quarter
    turns, "mirror" for left and right alone (things that stand on their feet), or False.
    Give it a source of `open_source`, which keeps decoded pictures in memory; two threads read ahead. `shard` is
    (process index, process count): process i has its `batch` rows of a batch of all, so that together they see what one
    process would see whose batch is as large as theirs in all. Pictures smaller than the patch are a ValueError that
    names them, or left out (`on_small="skip"`).
    """
    if patch < 1 or batch < 1 or seed < 0 or not 0 <= shard[0] < shard[1]:
        raise ValueError(
            "patches: patch and batch must be positive, the seed not negative, shard (index, count), index < count; "
            f"got patch={patch}, batch={batch}, seed={seed}, shard={shard}"
        )
    if isinstance(source, Unpaired):
        sides = [at_least(side, patch, on_small) for side in (source.inputs, source.targets)]
        domains = [PatchBatches(side, patch, batch, seed, augment, domain, shard) for domain, side in enumerate(sides)]
        return PatchIterator(UnpairedBatches(*domains))
    whole = at_least(source, patch, on_small)
    return PatchIterator(PatchBatches(whole, patch, batch, seed, augment, shard=shard))


def _prefetched(batches: PatchBatches | UnpairedBatches):
    import grain

    # Grain reads ahead, in order, and restores a position without a replay. Its elements are whole batches and the
    # shuffle is ours, since its own costs 0.9 ms an element on a set of 59 pictures, and its per-element steps 50 us
    # each.
    dataset = grain.MapDataset.range(sys.maxsize).map(batches)
    return iter(dataset.to_iter_dataset(grain.ReadOptions(num_threads=_THREADS, prefetch_buffer_size=_BATCHES_AHEAD)))


@functools.lru_cache(maxsize=8)
def _epoch_order(seed: int, epoch: int, count: int, domain: int) -> np.ndarray:
    return np.random.default_rng((seed, 0, epoch, *_own(domain))).permutation(count)


def _own(domain: int) -> tuple[int, ...]:
    """What tells a domain's random numbers from the first one's, which are as they were before there were domains."""
    return (domain,) if domain else ()


def _write(out: np.ndarray, view: np.ndarray, turn: int) -> None:
    """Copies a patch under one of the eight symmetries of the square."""
    if turn & 1:
        view = view[::-1]
    if not turn & 6:
        out[...] = view
        return
    # Strided copies of three-byte pixels are slow in numpy: three planes from a compact patch take a quarter of the
    # time.
    view = np.ascontiguousarray(view)
    if turn & 2:
        view = view[:, ::-1]
    if turn & 4:
        view = view.transpose(1, 0, 2)
    for channel in range(3):
        out[..., channel] = view[..., channel]


def _refusal(key: str, found: int, value: int) -> str:
    if key == "pictures":  # a checksum of their names, which tells nobody anything
        return "patches: the pictures are not those that training began with; give them back, or start anew"
    return f"patches: {key} was {found} when training began, now {value}"


def _identity(batches: PatchBatches | UnpairedBatches) -> dict[str, int]:
    domains = (batches,) if isinstance(batches, PatchBatches) else (batches.inputs, batches.targets)
    first = domains[0]
    names = "\n\n".join("\n".join(d.source.name(i) for i in range(len(d.source))) for d in domains)
    return {
        "seed": first.seed,
        "patch": first.patch,
        "batch": first.batch,
        "augment": 2 if first.augment == "mirror" else int(first.augment),
        "shard": first.shard[0],
        "shards": first.shard[1],
        "pictures": zlib.crc32(names.encode()),
    }
