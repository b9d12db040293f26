"""Latency of any arch, predicted by adding up measured units; saved per machine, with its error on whole networks."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from nasjax.basis import fingerprint, program_fingerprint
from nasjax.cost.builds import Build, distinct_builds
from nasjax.cost.measure import Latency, device_key, filled, measure, runner
from nasjax.cost.table import CostTable, Factor, merge_factors
from nasjax.files import read_json, to_json, write_json
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


@dataclass(frozen=True, eq=False, repr=False)
class LatencyTable:
    """`latency(arch) = constant + scale * sum of its units' measured times`, in milliseconds, on `device`.

    `terms` are the units' times. `constant` and `scale` stand for what adding up cannot know: the dispatch of the whole
    program, and fusion or overlap across units. `at` is the (height, width) of the output image. `units` distinct
    pieces were timed; `spread` is the median over them of the distance between their quartiles relative to their time.
    `pieces` is the digest of what they compute.
    """

    space: SearchSpace
    terms: tuple[Factor, ...]
    device: str
    constant: float = 0.0
    scale: float = 1.0
    at: tuple[int, int] | None = None
    error: LatencyError | None = None
    units: int = 0
    spread: float = 0.0
    pieces: str = ""

    def __repr__(self) -> str:
        return f"LatencyTable({self.space.name}: {self.describe()})"

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

    def describe(self) -> str:
        """One line: size, device, how many units were timed and how steadily, and the error on whole networks."""
        where = "" if self.at is None else f" at an output of {self.at[1]}x{self.at[0]}"
        text = f"latency in ms{where} on {self.device}: {self.units} units timed, typical spread {self.spread:.1%}"
        if self.error is None:
            return text
        return (
            f"{text}; predictions for {self.error.num} whole networks are off by {self.error.mape:.1%} on average, "
            f"rank correlation {self.error.kendall_tau:.2f}"
        )

    def save(self, path: str | os.PathLike) -> None:
        """Write atomically to a JSON file of tables: the one of the same device, size and choices is replaced."""
        path = Path(path)
        others = [t for t in _saved(path) if not (_holds_for(t, self.space, self.at) and t["device"] == self.device)]
        mine = {
            "space": json.loads(self.space.to_json()),
            "terms": [{"choices": choices, "ms": values.tolist()} for choices, values in self.terms],
            "device": self.device,
            "constant": self.constant,
            "scale": self.scale,
            "at": self.at,
            "error": None if self.error is None else self.error._asdict(),
            "units": self.units,
            "spread": self.spread,
            "pieces": self.pieces,
        }
        write_json(path, [*others, mine], indent=None)


def measure_units(
    space: SearchSpace, units: Sequence[Unit], *, at: tuple[int, int] | None = None, timer: Timer | None = None
) -> LatencyTable:
    """Compile and measure every distinct build of the units once, on the default backend.

    The time of an empty program is taken off each unit (it would otherwise be counted once a unit) and becomes the
    constant. `timer` measures a list of builds; by default all are compiled and their repetitions interleaved.
    """
    builds, indices = distinct_builds(space, units)
    empty, *times = (timer or _time_builds)([_EMPTY, *builds])
    values = np.array([max(t.median_ms - empty.median_ms, 0.0) for t in times] + [0.0])
    terms = merge_factors([Factor(unit.choices, values[unit.index]) for unit in indices])
    spread = float(np.median([t.spread_ms / t.median_ms for t in times])) if times else 0.0
    table = LatencyTable(space, terms, device_key(), constant=empty.median_ms, at=at)
    return replace(table, units=len(builds), spread=spread, pieces=_digest(builds))


def load_latency(
    path: str | os.PathLike, space: SearchSpace, *, at: tuple[int, int] | None = None, units: Sequence[Unit] = ()
) -> LatencyTable | None:
    """The saved table of these choices and this output size; None where the file has none or does not exist.

    Given the `units` of the network, a table of pieces that compute something else is none either: options of the same
    names may be other operations by now. Raises ValueError, naming both, when it was measured on another device or with
    other versions than these: figures of two machines must not meet in one search.
    """
    found = {t["device"]: t for t in _saved(Path(path)) if _holds_for(t, space, at)}
    if not found:
        return None
    if device_key() not in found:
        raise ValueError(
            f"the latencies in {path} are of {'; '.join(found)!r}, this is {device_key()!r}; resume there, or remove "
            "the file to measure here"
        )
    data = found[device_key()]
    if units and data.get("pieces") and data["pieces"] != _digest(distinct_builds(space, units)[0]):
        return None
    terms = tuple(Factor(tuple(t["choices"]), np.array(t["ms"], float)) for t in data["terms"])
    error = None if data["error"] is None else LatencyError(**_numbers(data["error"]))
    measured = LatencyTable(space, terms, data["device"], data["constant"], data["scale"], at, error)
    return replace(measured, units=data["units"], spread=data["spread"], pieces=data.get("pieces", ""))


def _digest(builds: Sequence[Build]) -> str:
    each = "".join(program_fingerprint(*build) for build in builds)
    return fingerprint(np.frombuffer(each.encode(), np.uint8))


def _saved(path: Path) -> list[dict[str, Any]]:
    return read_json(path) if path.exists() else []


def _numbers(saved: dict[str, Any]) -> dict[str, Any]:
    """JSON has null for what is not a number."""
    return {name: float("nan") if value is None else value for name, value in saved.items()}


def _holds_for(saved: dict[str, Any], space: SearchSpace, at: tuple[int, int] | None) -> bool:
    where = None if saved["at"] is None else tuple(saved["at"])
    return where == at and SearchSpace.from_json(to_json(saved["space"])).choices == space.choices


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
