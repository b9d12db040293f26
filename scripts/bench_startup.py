"""What one waits for before anything is learnt: imports, compilation, the persistent cache, the first step.

    python scripts/bench_startup.py [--repeats 5] [--configs quickstart photonet]
                                    [--skip imports configs first-step scan] [--json]

imports     wall time of a fresh process, `import nasjax` beside `import jax` (its public names come late)
configs     for each config that needs no data of yours: trace and compile seconds of each stage's training step, cold
first-step  `nasjax search quickstart` in a fresh process until the first training step is logged, with an empty
            compilation cache and again with the one that run left behind
scan        a trunk of equal blocks with four options each, unrolled as nasjax writes it, against `lax.scan` over
            stacked parameters: compile seconds and step time
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PARTS = ("imports", "configs", "first-step", "scan")


def imports(repeats: int) -> list[dict[str, Any]]:
    """Median seconds of a process that imports something, interleaved."""
    codes = {
        "nothing": "",
        "jax": "import jax",
        "jax and its numpy": "import jax, jax.numpy",
        "nasjax": "import nasjax",
        "nasjax, one name": "import nasjax; nasjax.sr_cell",
    }
    times: dict[str, list[float]] = {name: [] for name in codes}
    for _ in range(repeats + 1):
        for name, code in codes.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            times[name].append(time.perf_counter() - start)
    return [{"import": name, "s": statistics.median(v[1:])} for name, v in times.items()]


def stage_step(problem: Any, stage: Any) -> tuple[Any, Any, Any]:
    """The training step of a stage of a problem, with a state and a batch of zeros for it."""
    import jax

    from nasjax.chain.stages import make_sampler
    from nasjax.tasks.base import supernet_model
    from nasjax.train.parallel import data_mesh, put_batch
    from nasjax.train.schedules import optimiser
    from nasjax.train.state import init_state
    from nasjax.train.step import make_step

    space = problem.space
    before = None if stage.stage == space.stages[0] else space.encode({})
    net = problem.networks.supernet.at(space.at_stage(stage.stage, before))
    sampler = make_sampler(problem, stage, net.space)
    task = problem.ground.task(supernet_model(net, sampler), sampler, stage.batch)
    optimisers, mesh = {player: optimiser(stage.train) for player in task.losses}, data_mesh()
    state = init_state(task, net.space, optimisers, mesh=mesh, seed=0)
    step = make_step(task, net.space, sampler, optimisers=optimisers, mesh=mesh)
    batch = {name: jax.numpy.zeros(spec.shape, spec.dtype) for name, spec in task.batch_spec.items()}
    return step, state, put_batch(batch, mesh)


def configs(names: list[str]) -> list[dict[str, Any]]:
    """Trace and compile seconds of the training step of each stage that trains, cold."""
    from nasjax.chain.configs import load_config
    from nasjax.chain.problem import make_problem

    rows = []
    for name in names:
        problem = make_problem(load_config(name))
        for stage in problem.experiment.stages:
            if stage.stage in problem.networks.untrained:  # decided on weights that are there
                continue
            step, state, batch = stage_step(problem, stage)
            start = time.perf_counter()
            lowered = step.lower(state, batch)
            traced = time.perf_counter() - start
            start = time.perf_counter()
            lowered.compile()
            rows.append(
                {"config": name, "stage": stage.stage, "trace_s": traced, "compile_s": time.perf_counter() - start}
            )
    return rows


def first_step() -> list[dict[str, Any]]:
    """Seconds from the command to its first logged step, without and with a filled compilation cache."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in ("empty cache", "filled cache"):
            run = Path(folder) / name.replace(" ", "-")
            env = {**os.environ, "JAX_COMPILATION_CACHE_DIR": f"{folder}/cache"}
            command = [sys.executable, "-m", "nasjax.cli", "search", "quickstart", "--run", str(run)]
            start = time.perf_counter()
            process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while not (run / "metrics.jsonl").is_file() and process.poll() is None:
                time.sleep(0.05)
            rows.append({"command": f"nasjax search quickstart, {name}", "s": time.perf_counter() - start})
            process.terminate()
            process.wait()
    return rows


def scan(depths: tuple[int, ...] = (4, 8, 16)) -> list[dict[str, Any]]:
    """Unrolled and scanned trunks: seconds to compile and milliseconds to run a gradient."""
    import jax
    import jax.numpy as jnp

    from nasjax.cost.measure import measure
    from nasjax.ops.blocks import BLOCKS
    from nasjax.ops.params import draw
    from nasjax.supernet.routed import permute

    ops = [BLOCKS[name] for name in ("res", "spab", "rep", "ir2k3")]
    x = jax.random.normal(jax.random.key(0), (len(ops), 4, 24, 24, 16))

    def block(params, h, order):
        inverse = jnp.argsort(order)
        moved = permute(h, order, inverse)
        out = [op.apply(p, moved[j], 16, 16) for j, (op, p) in enumerate(zip(ops, params, strict=True))]
        return permute(jnp.stack(out), inverse, order)

    def unrolled(stacked, orders):
        h = x
        for i in range(len(orders)):
            h = block(jax.tree.map(lambda a, i=i: a[i], stacked), h, orders[i])
        return (h**2).mean()

    def scanned(stacked, orders):
        h, _ = jax.lax.scan(lambda h, s: (block(s[0], h, s[1]), None), x, (stacked, orders))
        return (h**2).mean()

    rows = []
    for depth in depths:
        keys = jax.random.split(jax.random.key(1), depth)
        each = [[draw(k, op.params(16, 16, 16)) for op in ops] for k in keys]
        stacked = jax.tree.map(lambda *a: jnp.stack(a), *each)
        orders = jnp.stack([jax.random.permutation(k, len(ops)) for k in keys])
        programs, seconds = {}, {}
        for name, fn in (("unrolled", unrolled), ("scanned", scanned)):
            start = time.perf_counter()
            programs[name] = jax.jit(jax.value_and_grad(fn)).lower(stacked, orders).compile()
            seconds[name] = time.perf_counter() - start
        calls = {n: (lambda p=p, s=stacked, o=orders: jax.block_until_ready(p(s, o))) for n, p in programs.items()}
        timed = measure(calls, repeats=9)
        rows += [
            {
                "depth": depth,
                "form": n,
                "compile_s": seconds[n],
                "ms": timed[n].median_ms,
                "spread_ms": timed[n].spread_ms,
            }
            for n in programs
        ]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--configs", nargs="+", default=["quickstart", "photonet"])
    parser.add_argument("--skip", nargs="*", choices=PARTS, default=[])
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    parts: dict[str, Callable[[], Any]] = {
        "imports": lambda: imports(args.repeats),
        "configs": lambda: configs(args.configs),
        "first-step": first_step,
        "scan": scan,
    }
    found = {name: fn() for name, fn in parts.items() if name not in args.skip}
    if args.json:
        print(json.dumps(found))
        return
    for name, rows in found.items():
        print(f"\n{name}")
        for row in rows:
            print("  " + "  ".join(f"{k} {v:.2f}" if isinstance(v, float) else str(v) for k, v in row.items()))


if __name__ == "__main__":
    main()
