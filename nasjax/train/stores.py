"""Where checkpoints lie: Orbax for all processes together, plain files for one that trains alone among several."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, final

import jax
import jax.numpy as jnp
import numpy as np

from nasjax.files import to_json, write_whole

Leaves = Mapping[str, jax.Array]


class Store(Protocol):
    """Arrays by name, and some JSON beside them, of numbered steps; the newest few are kept."""

    def steps(self) -> list[int]:
        """Those that are there, damaged ones as well."""
        ...

    def save(self, step: int, leaves: Leaves, extra: Mapping[str, Any], *, overwrite: bool) -> None:
        """Begin to save; nothing is seen of it before all of it is there."""
        ...

    def wait(self) -> None:
        """Return when it is there; raises what it failed of."""
        ...

    def about(self, step: int) -> tuple[dict[str, Any], Mapping[str, Any] | None]:
        """What lies beside the arrays, and their shapes and dtypes by name (None: unreadable)."""
        ...

    def load(self, step: int, wanted: Mapping[str, jax.ShapeDtypeStruct]) -> dict[str, jax.Array]:
        """The arrays, placed as their `wanted.sharding` says."""
        ...

    def close(self) -> None:
        """Free the folder."""
        ...


@final
class OrbaxStore:
    """By Orbax, which stays behind this class and is imported late: all processes save, beside what they do."""

    def __init__(self, folder: Path, keep: int):
        from orbax.checkpoint import v1 as ocp

        training: Any = ocp.training  # its annotations are narrower than what it takes
        policy = training.preservation_policies.LatestN(keep)
        # Sharing the arrays of a state out among the devices that all have them compiles a program for each shape and
        # takes longer than writing them: one device writes.
        context: Any = ocp.Context()
        context.array.saving.use_replica_parallel = False
        self._orbax = training.Checkpointer(
            folder, preservation_policy=policy, cleanup_tmp_directories=True, context=context
        )
        self._pending: Any = None

    def steps(self) -> list[int]:
        """As `Store`."""
        return [c.step for c in self._orbax.checkpoints]

    def save(self, step: int, leaves: Leaves, extra: Mapping[str, Any], *, overwrite: bool) -> None:
        """A copy: the next step takes the state's memory, which a CPU checkpoint would otherwise still be reading."""
        copied = _copied(leaves)
        self._pending = self._orbax.save_async(step, copied, force=True, overwrite=overwrite, custom_metadata=extra)

    def wait(self) -> None:
        """As `Store`."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def about(self, step: int) -> tuple[dict[str, Any], Mapping[str, Any] | None]:
        """As `Store`."""
        saved = self._orbax.metadata(step)
        return saved.custom_metadata or {}, saved.metadata

    def load(self, step: int, wanted: Mapping[str, jax.ShapeDtypeStruct]) -> dict[str, jax.Array]:
        """As `Store`."""
        return self._orbax.load(step, wanted)

    def close(self) -> None:
        """As `Store`."""
        self._orbax.close()


@final
class FileStore:
    """A safetensors file a step, written at once: Orbax saves with all processes or not at all."""

    def __init__(self, folder: Path, keep: int):
        self._folder, self._keep = folder, keep

    def steps(self) -> list[int]:
        """As `Store`."""
        return sorted(int(path.stem) for path in self._folder.glob("*.safetensors") if path.stem.isdigit())

    def save(self, step: int, leaves: Leaves, extra: Mapping[str, Any], *, overwrite: bool) -> None:
        """The oldest go when the new one is there."""
        from safetensors.numpy import save

        arrays = {name: np.array(leaf, order="C") for name, leaf in leaves.items()}
        write_whole(self._file(step), save(arrays, metadata={"extra": to_json(extra)}))
        for old in self.steps()[: -self._keep]:
            self._file(old).unlink()

    def wait(self) -> None:
        """Nothing is pending."""

    def about(self, step: int) -> tuple[dict[str, Any], Mapping[str, Any] | None]:
        """Of the file's header, and its arrays as they are."""
        from safetensors import safe_open

        with safe_open(self._file(step), "numpy") as file:
            extra = json.loads((file.metadata() or {})["extra"])
            return extra, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118

    def load(self, step: int, wanted: Mapping[str, jax.ShapeDtypeStruct]) -> dict[str, jax.Array]:
        """As `Store`."""
        from safetensors.numpy import load_file

        found = load_file(self._file(step))
        return {name: jax.device_put(found[name], spec.sharding) for name, spec in wanted.items()}

    def close(self) -> None:
        """Nothing is held."""

    def _file(self, step: int) -> Path:
        return self._folder / f"{step}.safetensors"


def _copied(leaves: Leaves) -> dict[str, jax.Array]:
    if jax.process_count() > 1:
        return jax.tree.map(jnp.copy, dict(leaves))
    # Without the program that `jnp.copy` compiles for each shape; arrays of several processes cannot be put anew.
    return jax.device_put(dict(leaves), {name: x.sharding for name, x in leaves.items()}, may_alias=False)
