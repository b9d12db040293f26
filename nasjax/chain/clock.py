"""Where the time of a run goes: wall-clock by phase, compilation apart."""

import contextlib
import functools
import time
from collections.abc import Iterator
from dataclasses import dataclass

import jax

from nasjax.chain.folder import RunFolder, environment

_COMPILE = "/jax/core/compile/backend_compile_duration"
_NO_STEPS = dict.fromkeys(("step", "steps", "steps_per_s", "eta_s"))  # a phase that has some says so (`RunLog`)


@functools.cache
def _compiled() -> dict[str, float]:
    """What was compiled since the first call; jax keeps its listeners for the life of the process, so one is enough."""
    counts = {"seconds": 0.0, "programs": 0.0}

    def on_event(event: str, duration_secs: float, **metadata: str | int) -> None:
        if event == _COMPILE:
            counts["seconds"] += duration_secs
            counts["programs"] += 1

    jax.monitoring.register_event_duration_secs_listener(on_event)
    return counts


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
    """Say in `status.json` that `phase` has begun, and add the block's time to it in `ledger.json`.

    What an interrupted attempt already took stays in there. Of `beside` phases at the same time, each is charged its
    share. What a phase ran on is kept in `environments.json`, and the last one of all in `environment.json`.
    """
    run.say_state(_NO_STEPS | {"phase": phase, "message": "started"})
    found = environment()
    run.write("environment.json", found)
    run.replace_row("environments.json", "phase", {"phase": phase, **found})
    lap, start, before = Lap(), time.perf_counter(), dict(_compiled())
    try:
        yield lap
    finally:
        wall = ((lap.ended or time.perf_counter()) - start) / beside
        old = next((r for r in run.read("ledger.json", []) if r["phase"] == phase), {})
        compiled = {name: (total - before[name]) / beside for name, total in _compiled().items()}
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
