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
    """What a timed phase reports of itself while it runs."""

    steps: int = 0


@contextlib.contextmanager
def timed(run: RunFolder, phase: str) -> Iterator[Lap]:
    """Add the block's time to `ledger.json` under `phase` (adding to what an interrupted attempt already took).

    What it ran on is kept a phase, in `environments.json`, and the last one of all in `environment.json`.
    """
    _listen()
    found = environment()
    run.write("environment.json", found)
    run.replace_row("environments.json", "phase", {"phase": phase, **found})
    lap, start, before = Lap(), time.perf_counter(), dict(_compiled)
    try:
        yield lap
    finally:
        wall = time.perf_counter() - start
        old = next((r for r in run.read("ledger.json", []) if r["phase"] == phase), {})
        row = {
            "phase": phase,
            "wall_s": round(old.get("wall_s", 0.0) + wall, 3),
            "compile_s": round(old.get("compile_s", 0.0) + _compiled["seconds"] - before["seconds"], 3),
            "compiles": int(old.get("compiles", 0) + _compiled["programs"] - before["programs"]),
            "device_s": round(old.get("device_s", 0.0) + wall * jax.device_count(), 3),
            "devices": jax.device_count(),
            "steps": max(int(old.get("steps", 0)), lap.steps),
        }
        run.replace_row("ledger.json", "phase", row)
