"""What XLA's options for CPUs cost and give: seconds to compile a training step, milliseconds to run it.

    python scripts/bench_compile.py [--config quickstart] [--stage path] [--repeats 15] [--json]

The whole training step of a stage (degradation, loss, gradients, Adam, averaging, checks) is traced once and compiled
with each set of options in turn, without a compilation cache; then the programs are timed in one interleaved run.
"""

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import jax
from bench_startup import stage_step

from nasjax.chain.configs import load_config
from nasjax.chain.problem import make_problem
from nasjax.cost.measure import device_key, measure

OPTIONS: dict[str, dict[str, Any]] = {
    "level 3 (XLA's default)": {"xla_backend_optimization_level": 3},
    "level 2": {"xla_backend_optimization_level": 2},
    "level 1 (nasjax)": {"xla_backend_optimization_level": 1},
    "level 0": {"xla_backend_optimization_level": 0},
}


def compare(config: str, stage_name: str, repeats: int) -> list[dict[str, Any]]:
    """One row for each set of options."""
    problem = make_problem(load_config(config))
    [stage] = [s for s in problem.experiment.stages if s.stage == stage_name]
    step, state, batch = stage_step(problem, stage)
    lowered, rows, calls = step.lower(state, batch), [], {}
    jax.block_until_ready(jax.jit(lambda x: 2 * x)(1.0))  # what a process starts once
    for name, options in OPTIONS.items():
        start, cpu = time.perf_counter(), time.process_time()
        program = lowered.compile(compiler_options=options)
        rows.append({"options": name, "wall_s": time.perf_counter() - start, "cpu_s": time.process_time() - cpu})
        calls[name] = stepper(program, jax.tree.map(lambda a: a.copy(), state), batch)
    timed = measure(calls, repeats=repeats)
    return [r | {"ms": timed[r["options"]].median_ms, "spread_ms": timed[r["options"]].spread_ms} for r in rows]


def stepper(program: Callable, state: Any, batch: Any) -> Callable[[], None]:
    """One step after the other: a step is given its state for good."""
    held = [state]

    def once() -> None:
        held[0], logs = program(held[0], batch)
        jax.block_until_ready(logs)

    return once


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="quickstart")
    parser.add_argument("--stage", default="path")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    jax.config.update("jax_enable_compilation_cache", False)
    rows = compare(args.config, args.stage, args.repeats)
    if args.json:
        print(json.dumps({"device": device_key(), "rows": rows}))
        return
    print(f"{device_key()}; the {args.stage} stage of {args.config}")
    print(f"{'':26}{'wall s':>8}{'CPU s':>8}{'ms a step':>11}{'spread':>8}")
    for r in rows:
        print(f"{r['options']:26}{r['wall_s']:8.1f}{r['cpu_s']:8.1f}{r['ms']:11.1f}{r['spread_ms']:8.1f}")


if __name__ == "__main__":
    main()
