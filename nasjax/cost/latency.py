"""Latency of any arch, predicted by adding up measured units; saved per machine, with its error on whole networks."""

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from nasjax.cost.builds import Build, distinct_builds
from nasjax.cost.measure import Latency, device_key, filled, measure, runner
from nasjax.cost.table import CostTable, Factor, merge_factors
from nasjax.space import SearchSpace
from nasjax.typing import Archs, Unit

Timer = Callable[[Sequence[Build]], list[Latency]]


class LatencyError(NamedTuple):
    """How far predictions are from measurements of whole networks.

    `mape`: mean of |predicted - measured| / measured (0.1 is 10 %). `kendall_tau`: rank correlation (tau-b, ties
    accounted for), -1..1, NaN where one side is constant. `num`: networks compared.
    """

    mape: float
    kendall_tau: float
    num: int


@dataclass(frozen=True, eq=False)
class LatencyTable:
    """`latency(arch) = constant + scale * sum of its units' measured times`, in milliseconds, on `device`.

    `terms` are the units' times. `constant` and `scale` stand for what adding up cannot know: the dispatch of the whole
    program, and fusion or overlap across units.
    """

    space: SearchSpace
    terms: tuple[Factor, ...]
    device: str
    constant: float = 0.0
    scale: float = 1.0
    at: tuple[int, int] | None = None
    error: LatencyError | None = None

    def table(self) -> CostTable:
        """A cost table with the one cost `latency`; join it to the counted costs to search or set budgets by it."""
        factors = [Factor(choices, self.scale * values) for choices, values in self.terms]
        factors.append(Factor((), np.array(self.constant)))
        return CostTable(self.space, {"latency": merge_factors(factors)}, self.at)

    def __call__(self, archs: Archs) -> Float[np.ndarray, "*n"]:
        """Predicted milliseconds of each arch."""
        return self.table()(archs)["latency"]

    def calibrated(self, archs: Archs, measured_ms: Float[np.ndarray, " n"]) -> "LatencyTable":
        """The table with constant and scale fitted (least squares of relative errors) to measured whole networks.

        With a single network, or where a fit would reverse the order, only the constant is fitted. Judge the result
        by `checked` on other networks than these. Raises ValueError for non-positive times or no networks.
        """
        sums = replace(self, constant=0.0, scale=1.0)(archs)
        measured = _positive(measured_ms, len(sums))
        design = np.stack([np.ones_like(sums), sums], -1) / measured[:, None]
        (constant, scale), _, rank, _ = np.linalg.lstsq(design, np.ones(len(sums)), rcond=None)
        if rank < 2 or scale <= 0:
            constant, scale = np.median(measured - sums), 1.0
        return replace(self, constant=float(constant), scale=float(scale), error=None)

    def checked(self, archs: Archs, measured_ms: Float[np.ndarray, " n"]) -> "LatencyTable":
        """The table with its `error` against measured whole networks recorded."""
        predicted = self(archs)
        measured = _positive(measured_ms, len(predicted))
        mape = float(np.mean(np.abs(predicted - measured) / measured))
        return replace(self, error=LatencyError(mape, _kendall(predicted, measured), len(measured)))

    def save(self, path: str | os.PathLike) -> None:
        """Write atomically to a JSON file that keeps one table a device; other devices' tables stay."""
        path = Path(path)
        tables = json.loads(path.read_text()) if path.exists() else {}
        tables[self.device] = {
            "space": json.loads(self.space.to_json()),
            "terms": [{"choices": choices, "ms": values.tolist()} for choices, values in self.terms],
            **{name: getattr(self, name) for name in ("constant", "scale", "at")},
            "error": None if self.error is None else self.error._asdict(),
        }
        _write(path, json.dumps(tables))


def measure_units(
    space: SearchSpace, units: Sequence[Unit], *, at: tuple[int, int] | None = None, timer: Timer | None = None
) -> LatencyTable:
    """Compile and measure every distinct build of the units once, on the default backend.

    The time of an empty program is taken off each unit (it would otherwise be counted once a unit) and becomes the
    constant. `timer` measures a list of builds; by default all are compiled and their repetitions interleaved.
    """
    builds, indices = distinct_builds(space, units)
    empty, *times = [latency.median_ms for latency in (timer or _time_builds)([_EMPTY, *builds])]
    values = np.array([max(ms - empty, 0.0) for ms in times] + [0.0])
    terms = merge_factors([Factor(unit.choices, values[unit.index]) for unit in indices])
    return LatencyTable(space, terms, device_key(), constant=empty, at=at)


def load_latency(path: str | os.PathLike, space: SearchSpace) -> LatencyTable:
    """The table that was saved for this device and these versions.

    Raises ValueError, naming the devices in the file, when there is none, or when it was measured for other choices.
    """
    tables = json.loads(Path(path).read_text())
    if device_key() not in tables:
        raise ValueError(f"{path} has no latencies of {device_key()!r}; it has: {'; '.join(tables) or 'none'}")
    data: dict[str, Any] = tables[device_key()]
    if SearchSpace.from_json(json.dumps(data["space"])).choices != space.choices:
        raise ValueError(f"{path} was measured for other choices than those of space {space.name!r}; measure again")
    terms = tuple(Factor(tuple(t["choices"]), np.array(t["ms"], float)) for t in data["terms"])
    at = None if data["at"] is None else tuple(data["at"])
    error = None if data["error"] is None else LatencyError(**data["error"])
    return LatencyTable(space, terms, device_key(), data["constant"], data["scale"], at, error)


_EMPTY = Build(lambda params, x: x + 1, (), np.zeros(1, np.float32))


def _time_builds(builds: Sequence[Build]) -> list[Latency]:
    # All stay in memory at once, since repetitions are interleaved; inputs of equal shape are shared.
    arguments = filled([(build.params, build.x) for build in builds])
    fns = {i: runner(build.fn, *args) for i, (build, args) in enumerate(zip(builds, arguments, strict=True))}
    return list(measure(fns).values())


def _positive(measured_ms: np.ndarray, num: int) -> np.ndarray:
    measured = np.asarray(measured_ms, float)
    if measured.shape != (num,) or not num or not (measured > 0).all():
        raise ValueError(f"expected {num} (one or more) measured times above 0 ms, got {measured.tolist()}")
    return measured


def _kendall(a: np.ndarray, b: np.ndarray) -> float:
    first, second = (np.sign(v[:, None] - v[None, :]) for v in (a, b))
    ties = np.sqrt((first**2).sum() * (second**2).sum())
    return float((first * second).sum() / ties) if ties else float("nan")


def _write(path: Path, text: str) -> None:
    # A half-written file must never be found under the final name.
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        file.write(text)
    os.replace(file.name, path)
