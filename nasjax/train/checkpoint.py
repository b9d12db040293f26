"""Checkpoints of a training state, exact to the bit, refused where foreign and skipped where damaged."""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, final
from zlib import crc32

import jax
import numpy as np

from nasjax.files import to_json
from nasjax.train.basis import Basis
from nasjax.train.processes import gather
from nasjax.train.state import TrainState
from nasjax.train.stores import FileStore, OrbaxStore, Store


class Restored(NamedTuple):
    """A state, this process's data position behind it, and what has changed since it was saved, `{name: in words}`."""

    state: TrainState
    data: dict[str, Any]
    changes: dict[str, str]


@final
class Checkpoints:
    """The checkpoints of one training in `folder`, which rests on `basis`.

    Saving goes on beside training; the next `save`, `wait` or `close` reports its failure. An interrupted save leaves
    the earlier checkpoints as they were. `alone`: the other processes, if there are any, know nothing of the training.
    """

    def __init__(self, folder: str | Path, basis: Basis, *, keep: int = 2, alone: bool = False):
        self.folder, self._basis = Path(folder).absolute(), basis
        self.alone = alone or jax.process_count() == 1
        self._store: Store = FileStore(self.folder, keep) if alone else OrbaxStore(self.folder, keep)
        self._damaged: set[int] = set()
        self._reported = False

    def save(self, state: TrainState, data: Mapping[str, Any]) -> None:
        """Start saving the state and this process's data position (every process calls it, each with its own).

        Raises OSError when an earlier save failed.
        """
        self.wait()
        step = int(state.step)
        if step not in self._damaged and step in self._store.steps():
            return
        leaves = _leaves(state)
        extra = {
            "fingerprint": json.loads(to_json(self._basis.record())),
            "data": self._gathered(dict(data)),
            "crc32": _crc(leaves),
        }
        try:
            self._store.save(step, leaves, extra, overwrite=step in self._damaged)
            self._damaged.discard(step)
        except Exception as error:
            raise OSError(self._failed(error)) from error

    def wait(self) -> None:
        """Return when nothing is being saved any more; raises OSError when a save failed."""
        try:
            self._store.wait()
        except Exception as error:
            raise OSError(self._failed(error)) from error

    def restore(self, like: TrainState) -> Restored | None:
        """The newest readable state, shaped and placed like `like`; None if there is none.

        A damaged checkpoint is skipped with a warning, by all processes if one cannot read it. Raises ValueError when
        the checkpoints rest on something else that may not change (see `Basis`), are of another network or number of
        processes (naming what differs), or all damaged.
        """
        found = sorted(self._store.steps(), reverse=True)
        for step in found:
            read = self._read(step, like)
            damage = next((said for said in self._gathered(read if isinstance(read, str) else "") if said), "")
            if not damage and not isinstance(read, str):
                return Restored(_assemble(like, read[0]), *read[1:])
            self._damaged.add(step)
            warnings.warn(f"checkpoint {step} in {self.folder} is damaged and skipped: {damage}", stacklevel=2)
        if found:
            raise ValueError(f"all checkpoints in {self.folder} are damaged ({found}); remove the folder to start anew")
        return None

    def _read(self, step: int, like: TrainState) -> tuple[dict[str, jax.Array], dict[str, Any], dict[str, str]] | str:
        """A checkpoint's leaves, this process's data position and what changed, or what is wrong with its files."""
        wanted = jax.tree.map(_abstract, _leaves(like))
        try:
            extra, arrays = self._store.about(step)
            changes = self._check(extra)
            if arrays is None:
                raise ValueError("its list of arrays cannot be read")
            self._check_network(arrays, wanted)
            loaded = self._store.load(step, wanted)
            if _crc(loaded) != extra["crc32"]:
                raise ValueError("its arrays are not those that were saved (checksum)")
            return loaded, dict(extra["data"][0 if self.alone else jax.process_index()]), changes
        except _Foreign:
            raise
        except Exception as error:  # whatever a damaged file makes a reader say
            return _said(error)

    def close(self) -> None:
        """Finish saving and free the folder."""
        try:
            self.wait()
        finally:
            try:
                self._store.close()
            except Exception as error:
                if not self._reported:  # Orbax says it again on closing, and would hide what was said first
                    raise OSError(self._failed(error)) from error

    def _check(self, extra: Mapping[str, Any]) -> dict[str, str]:
        try:
            changes = self._basis.check(extra["fingerprint"])
        except ValueError as error:
            raise _Foreign(f"{self.folder} holds checkpoints {error}") from error
        before, now = len(extra["data"]), 1 if self.alone else jax.process_count()
        if before != now:
            raise _Foreign(
                f"{self.folder} holds checkpoints of a training by {before} processes, each with its own place in the "
                f"data; now there are {now}: start {before}, or remove the folder to start anew"
            )
        return changes

    def _check_network(self, saved: Any, wanted: Mapping[str, jax.ShapeDtypeStruct]) -> None:
        # Before loading, which takes an array of another shape for a damaged one, and casts one of another dtype.
        found, mine = {name: _shape(x) for name, x in saved.items()}, {name: _shape(x) for name, x in wanted.items()}
        for name in dict.fromkeys([*mine, *found]):
            if found.get(name) != mine.get(name):
                was, now = found.get(name, "absent"), mine.get(name, "absent")
                raise _Foreign(f"{self.folder} holds checkpoints of another network: {name} was {was}, now {now}")

    def _gathered(self, value: Any) -> list[Any]:
        return [value] if self.alone else gather(value)

    def _failed(self, error: Exception) -> str:
        self._reported = True
        kept = self._store.steps()
        return f"saving a checkpoint into {self.folder} failed ({_said(error)}); checkpoints of steps {kept} are kept"


def _said(error: Exception) -> str:
    """The first line of what an error says."""
    return f"{type(error).__name__}: {str(error).strip()}".splitlines()[0]


class _Foreign(ValueError):
    """Checkpoints that belong to another training."""


def _leaves(state: TrainState) -> dict[str, jax.Array]:
    """The state by path, without its container types; the key as its words."""
    plain = state._replace(key=jax.random.key_data(state.key))
    return {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree.leaves_with_path(plain)}


def _crc(leaves: Mapping[str, jax.Array]) -> int:
    """A checksum of the leaves: the file format has none over the arrays, a flipped bit would go unnoticed."""
    crc = 0
    for name in sorted(leaves):
        crc = crc32(np.asarray(leaves[name]).tobytes(), crc)
    return crc


def _abstract(x: jax.Array) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding)


def _shape(x: Any) -> str:
    return f"{np.dtype(x.dtype)}{list(x.shape)}"


def _assemble(like: TrainState, loaded: Mapping[str, jax.Array]) -> TrainState:
    plain = like._replace(key=jax.random.key_data(like.key))
    paths = [jax.tree_util.keystr(path) for path, _ in jax.tree.leaves_with_path(plain)]
    state = jax.tree.unflatten(jax.tree.structure(plain), [loaded[path] for path in paths])
    return state._replace(key=jax.random.wrap_key_data(state.key))
