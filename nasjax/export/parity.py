"""How far a written file is from the network it was written from."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from nasjax.export.network import Network, host

TOLERANCE = 1e-4
# Batch, and height and width before rounding to the network's multiple: odd, tall and wide.
SIZES = ((1, 17, 24), (3, 21, 16))


class Sample(NamedTuple):
    """An input, or a tuple of several, and what the network makes of it."""

    x: np.ndarray | tuple[np.ndarray, ...]
    y: np.ndarray


class Parity(NamedTuple):
    """The largest difference over all samples, absolute and relative to the sample's largest output.

    `inputs` are the shapes at which it was measured, sample by sample.
    """

    max_abs: float
    max_relative: float
    inputs: list[Any]


def samples(network: Network) -> list[Sample]:
    """Outputs of the network itself, jitted, on uniform noise in [-1, 1] at several sizes."""
    fn = jax.jit(network.apply)
    rng, found = np.random.default_rng(0), []
    for batch, *size in SIZES:
        height, width = (max(-(-n // network.size_multiple) * network.size_multiple, network.min_size) for n in size)
        x = rng.uniform(-1, 1, (batch, height, width, network.channels)).astype(np.float32)
        found.append(Sample(x, _run(lambda x: fn(network.params, x), x)))
    return found


def measure(fn: Callable[[Any], Any], wanted: Sequence[Sample]) -> Parity:
    """The differences of `fn` from the samples; raises ValueError for another output shape."""
    absolute, relative = 0.0, 0.0
    for sample in wanted:
        y = _run(fn, sample.x)
        if y.shape != sample.y.shape:
            raise ValueError(f"output of shape {y.shape} instead of {sample.y.shape}")
        # A maximum would pass over a NaN in Python; numpy keeps it, and no NaN is within a tolerance.
        error = float(np.max(np.abs(y.astype(np.float64) - sample.y)))
        absolute = float(np.maximum(absolute, error))
        relative = float(np.maximum(relative, error / max(float(np.max(np.abs(sample.y))), 1e-12)))
    return Parity(absolute, relative, [_shapes(sample.x) for sample in wanted])


def _shapes(x: np.ndarray | tuple[np.ndarray, ...]) -> list[Any]:
    return [list(array.shape) for array in x] if isinstance(x, tuple) else list(x.shape)


def check(parity: Parity, what: str) -> None:
    """Raise ValueError unless the relative difference is within 1e-4."""
    if not parity.max_relative <= TOLERANCE:
        raise ValueError(
            f"{what}: differs from the network by {parity.max_abs:.3g} ({parity.max_relative:.3g} relative; "
            f"allowed {TOLERANCE:g}); it was not written"
        )


def _run(fn: Callable[[Any], Any], x: Any) -> np.ndarray:
    with host():
        return np.asarray(fn(x))
