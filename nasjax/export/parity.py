"""How far a written file is from the network it was written from."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from nasjax.export.network import Network, host

TOLERANCE = 1e-4
# Batch, and height and width before rounding to the network's multiple: odd, tall and wide.
SIZES = ((1, 17, 24), (3, 21, 16))
_PROBED = 64  # numbers of a probe


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


class Probe(NamedTuple):
    """What tells a network again: the shape of the first sample's input, and some numbers of its output."""

    shape: tuple[int, ...]
    output: tuple[float, ...]

    @staticmethod
    def of(sample: Sample) -> "Probe":
        """That of the first of `samples`."""
        numbers = sample.y.ravel()
        return Probe(np.shape(sample.x), tuple(numbers[:: max(1, numbers.size // _PROBED)][:_PROBED].tolist()))

    def known_by(self, fn: Callable[[Any], Any]) -> bool:
        """Whether `fn` makes of that input what the network made of it, within the tolerance of a graph."""
        x = _noise(np.random.default_rng(0), self.shape)
        mine, theirs = np.array(Probe.of(Sample(x, _run(fn, x))).output), np.array(self.output)
        return mine.shape == theirs.shape and bool(np.abs(mine - theirs).max() <= TOLERANCE * np.abs(theirs).max())


def samples(network: Network) -> list[Sample]:
    """Outputs of the network itself, jitted, on uniform noise in [-1, 1] at several sizes."""
    fn = jax.jit(network.apply)
    rng, found = np.random.default_rng(0), []
    for batch, *size in SIZES:
        height, width = (max(-(-n // network.size_multiple) * network.size_multiple, network.min_size) for n in size)
        x = _noise(rng, (batch, height, width, network.channels))
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


def _noise(rng: np.random.Generator, shape: Sequence[int]) -> np.ndarray:
    return rng.uniform(-1, 1, shape).astype(np.float32)


def _run(fn: Callable[[Any], Any], x: Any) -> np.ndarray:
    with host():
        return np.asarray(fn(x))
