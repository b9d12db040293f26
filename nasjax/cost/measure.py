"""Measured time of compiled functions on this machine: medians and spreads of interleaved repetitions."""

import os
import platform
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any, NamedTuple

import jax
import numpy as np


class Latency(NamedTuple):
    """Median time of one call and the distance between the quartiles, both in milliseconds, over `repeats` samples."""

    median_ms: float
    spread_ms: float
    repeats: int


def measure(
    fns: Mapping[Any, Callable[[], Any]],
    *,
    repeats: int = 15,
    sample_ms: float = 2.0,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[Any, Latency]:
    """Time functions of no arguments that return only when their work is done (see `runner`).

    Each is warmed up, and called as often in a sample as `sample_ms` needs. Samples are interleaved (every function
    once, then every function again), so that a slow minute of the machine falls on all alike. `clock` is in seconds.
    Raises ValueError for fewer than 1 repeat.
    """
    if repeats < 1:
        raise ValueError(f"a measurement needs 1 repeat or more, got {repeats}")
    calls = {name: _calls(fn, sample_ms, clock) for name, fn in fns.items()}
    samples = [{name: _sample(fn, calls[name], clock) for name, fn in fns.items()} for _ in range(repeats)]
    return {name: _summary([1000 * sample[name] for sample in samples]) for name in fns}


def runner(fn: Callable[..., Any], params: Any, x: Any, *, seed: int = 0) -> Callable[[], None]:
    """`fn(params, x)` compiled for this backend, ready to `measure`; random values stand in for mere shapes."""
    compiled = jax.jit(fn).lower(params, x).compile()
    arguments = filled((params, x), seed=seed)
    return lambda: jax.block_until_ready(compiled(*arguments))


def filled(tree: Any, *, seed: int = 0) -> Any:
    """The tree with each `jax.ShapeDtypeStruct` replaced by an array on the device; equal shapes share one array."""
    rng = np.random.default_rng(seed)
    arrays: dict[tuple, jax.Array] = {}

    def fill(leaf: Any) -> Any:
        key = (leaf.shape, leaf.dtype)
        if isinstance(leaf, jax.ShapeDtypeStruct) and key not in arrays:
            arrays[key] = jax.device_put(_random(rng, leaf))
        return arrays[key] if isinstance(leaf, jax.ShapeDtypeStruct) else jax.device_put(leaf)

    return jax.tree.map(fill, tree)


def device_key() -> str:
    """Where a measurement holds: backend, device kind, usable cores (on CPU) and the versions of jax and jaxlib."""
    kind = jax.devices()[0].device_kind
    if jax.default_backend() == "cpu":
        kind = f"{_processor()} x{len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()}"
    return f"{jax.default_backend()} | {kind} | jax {jax.__version__} | jaxlib {version('jaxlib')}"


def _calls(fn: Callable[[], Any], sample_ms: float, clock: Callable[[], float]) -> int:
    fn()  # whatever happens only once must not be measured
    once = 1000 * _sample(fn, 1, clock)
    return max(1, min(1000, round(sample_ms / once))) if once > 0 else 1000


def _sample(fn: Callable[[], Any], calls: int, clock: Callable[[], float]) -> float:
    start = clock()
    for _ in range(calls):
        fn()
    return (clock() - start) / calls


def _summary(times: list[float]) -> Latency:
    low, median, high = np.quantile(times, [0.25, 0.5, 0.75]).tolist()
    return Latency(median, high - low, len(times))


def _random(rng: np.random.Generator, leaf: Any) -> np.ndarray:
    # Small values keep activations of any depth finite; denormals and infinities would distort the times.
    values = 0.05 * rng.standard_normal(leaf.shape, np.float32)
    return values.astype(leaf.dtype)


def _processor() -> str:
    """The processor's name: JAX calls every one of them "cpu"."""
    try:
        with open("/proc/cpuinfo") as lines:
            names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()
