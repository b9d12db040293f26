"""What several processes tell each other; one process alone exchanges nothing.

All processes must call `gather` and `exchange` at the same point of training: each waits for the others.
"""

import importlib.util
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

# What cluster managers tell each of several processes; jax reads the rest of it by itself.
_CLUSTERS = ("SLURM_NTASKS", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE")
_POD, _INDEXED_JOB = "TPU_WORKER_HOSTNAMES", "JOB_COMPLETION_INDEX"


def join(coordinator: str | None = None, processes: int | None = None, process: int | None = None) -> None:
    """Meet the other processes of a run, before any device is used; one process alone meets nobody.

    SLURM, Open MPI, TPU pods and indexed jobs of Kubernetes (which need the package `kubernetes`: `jax[k8s]`) are found
    by `jax.distributed`; elsewhere all three arguments are needed: the first process's "host:port", how many processes
    there are, and which one this is. Raises ValueError for some of them without the others.
    """
    given = (coordinator, processes, process)
    if any(g is not None for g in given) and any(g is None for g in given):
        raise ValueError(f"--coordinator, --processes and --process go together; got {given}")
    if jax.distributed.is_initialized():
        return
    if coordinator is not None:
        jax.distributed.initialize(coordinator, processes, process)
    elif _is_started_among_others(os.environ):
        jax.distributed.initialize()


def _is_started_among_others(env: Mapping[str, str]) -> bool:
    indexed = _INDEXED_JOB in env and importlib.util.find_spec("kubernetes") is not None
    return indexed or "," in env.get(_POD, "") or any(int(env.get(name) or 1) > 1 for name in _CLUSTERS)


def is_first() -> bool:
    """Whether this process is the one that writes what all share."""
    return jax.process_index() == 0


def gather(value: Any) -> list[Any]:
    """The JSON values of all processes, in their order."""
    if jax.process_count() == 1:
        return [json.loads(json.dumps(value))]
    from jax.experimental import multihost_utils

    text = np.frombuffer(json.dumps(value).encode(), np.uint8)
    sizes = multihost_utils.process_allgather(np.array(text.size, np.int32))
    # Every width is a program: rounded up, a position that grows by a digit compiles nothing.
    rows = np.zeros(-(-int(sizes.max()) // 1024) * 1024, np.uint8)
    rows[: text.size] = text
    rows = multihost_utils.process_allgather(rows)
    return [json.loads(bytes(row[:size])) for row, size in zip(rows, sizes, strict=True)]


def share(places: Sequence[int]) -> list[int]:
    """Those of the places that this process works on: every n-th of n processes."""
    return list(places[jax.process_index() :: jax.process_count()])


def exchange(values: list[Any], places: Sequence[int]) -> None:
    """All processes get what each has made of its `share` of the places: trees of arrays of equal shapes, in place."""
    count = jax.process_count()
    if count == 1:
        return
    from jax.experimental import multihost_utils

    shares = [list(places[process::count]) for process in range(count)]
    for turn in range(len(shares[0])):  # one each at a time: all of them at once may be more than memory holds
        own = shares[jax.process_index()][turn : turn + 1] or [places[0]]
        found = multihost_utils.process_allgather(values[own[0]])
        for process, theirs in enumerate(shares):
            for place in theirs[turn : turn + 1]:
                values[place] = jax.tree.map(lambda leaf, process=process: np.asarray(leaf)[process], found)
