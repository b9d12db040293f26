"""One mesh axis, "data": every device draws its own plan and trains on its own images.

The same code runs on one device, on several, and over processes after `jax.distributed.initialize`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from nasjax.say import sizes
from nasjax.typing import Spec

AXIS = "data"


def data_mesh(devices: Sequence[Any] | None = None) -> Mesh:
    """A mesh over the given devices, or all of them.

    The axis is `Auto`: under jax's default of explicit axes, gradients of convolutions are refused.
    """
    devices = jax.devices() if devices is None else list(devices)
    return Mesh(np.array(devices), (AXIS,), axis_types=(AxisType.Auto,))


def replicated(mesh: Mesh) -> NamedSharding:
    """The same value on every device."""
    return NamedSharding(mesh, PartitionSpec())


def sharded(mesh: Mesh) -> NamedSharding:
    """The leading axis split over the devices."""
    return NamedSharding(mesh, PartitionSpec(AXIS))


def replicate(tree: Any, mesh: Mesh) -> Any:
    """A copy of the tree on every device, no two leaves sharing memory; each process gives the same values."""
    host = jax.tree.map(lambda x: x if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else np.asarray(x), tree)
    return jax.jit(lambda t: jax.tree.map(jnp.copy, t), out_shardings=replicated(mesh))(host)


def put_batch(batch: Mapping[str, np.ndarray], mesh: Mesh) -> dict[str, jax.Array]:
    """This process's part of a batch, onto its devices; the result is the whole batch of all processes."""
    place = sharded(mesh)
    return {name: jax.make_array_from_process_local_data(place, np.asarray(x)) for name, x in batch.items()}


def host_spec(batch_spec: Mapping[str, Spec], mesh: Mesh) -> dict[str, Spec]:
    """What a process's data iterator delivers for each step: the batches of its own devices, one after the other."""
    local = len(mesh.local_devices)
    return {n: jax.ShapeDtypeStruct((s.shape[0] * local, *s.shape[1:]), s.dtype) for n, s in batch_spec.items()}


def check_batch(batch: Mapping[str, np.ndarray], spec: Mapping[str, Spec]) -> None:
    """Raises ValueError naming what a batch has and what `host_spec` asks for."""
    found = {name: f"{sizes(np.shape(x))} {np.asarray(x).dtype}" for name, x in batch.items()}
    for name, asked in spec.items():
        wanted = f"{sizes(asked.shape)} {np.dtype(asked.dtype)}"
        if found.get(name) != wanted:
            raise ValueError(
                f"batch: {name!r} must be {wanted} (what all devices of this process take in a step, one after the "
                f"other), got {found.get(name, 'nothing')}"
            )
