"""Where the time of a run goes: wall-clock by phase, compilation apart; and how much of it is still to come."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

import jax

from nasjax.chain.folder import RunFolder, environment

_COMPILE = "/jax/core/compile/backend_compile_duration"
_compiled = {"seconds": 0.0, "programs": 0.0}
_listening: list[bool] = []


def _listen() -> None:
    """Count compilations from now on; jax keeps its listeners for the life of the process, so one is enough."""

    def on_event(event: str, duration_secs: float, **metadata: str | int) -> None:
        if event == _COMPILE:
            _compiled["seconds"] += duration_secs
            _compiled["programs"] += 1

    if not _listening:
        _listening.append(True)
        jax.monitoring.register_event_duration_secs_listener(on_event)


@dataclass
class Lap:
    """What a timed phase reports of itself while it runs: its steps, and when it ended if that is before the block."""

    steps: int = 0
    ended: float | None = None

    def end(self, steps: int) -> None:
        """The phase is over."""
        self.steps, self.ended = steps, time.perf_counter()


@contextlib.contextmanager
def timed(run: RunFolder, phase: str, *, beside: int = 1) -> Iterator[Lap]:
    """Add the block's time to `ledger.json` under `phase` (adding to what an interrupted attempt already took).

    Of `beside` phases that run at the same time, each is charged its share of it. What a phase ran on is kept in
    `environments.json`, and the last one of all in `environment.json`.
    """
    _listen()
    found = environment()
    run.write("environment.json", found)
    run.replace_row("environments.json", "phase", {"phase": phase, **found})
    lap, start, before = Lap(), time.perf_counter(), dict(_compiled)
    try:
        yield lap
    finally:
        wall = ((lap.ended or time.perf_counter()) - start) / beside
        old = next((r for r in run.read("ledger.json", []) if r["phase"] == phase), {})
        compiled = {name: (_compiled[name] - before[name]) / beside for name in _compiled}
        row = {
            "phase": phase,
            "wall_s": round(old.get("wall_s", 0.0) + wall, 3),
            "compile_s": round(old.get("compile_s", 0.0) + compiled["seconds"], 3),
            "compiles": round(old.get("compiles", 0) + compiled["programs"]),
            "device_s": round(old.get("device_s", 0.0) + wall * jax.device_count(), 3),
            "devices": jax.device_count(),
            "steps": max(int(old.get("steps", 0)), lap.steps),
        }
        run.replace_row("ledger.json", "phase", row)
