"""Scoring a population on a validation set with shared weights: archs a second.

    python scripts/bench_population.py [--size quickstart full] [--stage operator] [--population 64] [--patches 24]
                                       [--patch 32] [--fresh 4] [--torch] [--json]

nasjax     one program, `lax.map` over traced archs; the first call compiles, every later population is free of it
extracted  each arch as its own static network: compiled and run (`--fresh` archs are timed and stand for all)
torch      each arch as eager PyTorch modules on extracted weights (outputs are compared with JAX first)

The validation set is `--patches` pictures of `--patch` low-resolution pixels a side.
"""

import argparse
import json
import statistics
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from bench_step import SCALE, make_problem

from nasjax.cost.measure import device_key
from nasjax.sampling import random_archs


def run(args: argparse.Namespace, size: str, stage: str) -> dict[str, Any]:
    """Rates of one supernet and stage."""
    net, params, *_ = make_problem(size, stage, batch=1, patch=8, dtype="float32")
    low = jax.random.uniform(jax.random.key(1), (args.patches, args.patch, args.patch, 3), minval=-1)
    archs = np.asarray(random_archs(jax.random.key(2), net.space, args.population))

    @jax.jit
    def scores(params, archs, low):
        return jax.lax.map(lambda arch: net.switched(params, arch, low).mean((1, 2, 3)), archs)

    def population() -> float:
        start = time.perf_counter()
        jax.block_until_ready(scores(params, jnp.asarray(archs), low))
        return time.perf_counter() - start

    def fresh(arch) -> tuple[float, float]:
        start = time.perf_counter()
        module, own = net.extract(arch), net.extract_params(params, arch)
        program = jax.jit(lambda p, x: module.apply({"params": p}, x)).lower(own, low).compile()
        compiled = time.perf_counter() - start
        start = time.perf_counter()
        jax.block_until_ready(program(own, low))
        return compiled, time.perf_counter() - start

    torch_call = torch_population(net, params, archs, low) if args.torch else None
    first, later, torch_s = population(), [], []
    for _ in range(args.repeats):
        later.append(population())
        torch_s += [] if torch_call is None else [torch_call()]
    each = [fresh(arch) for arch in archs[: args.fresh]]
    compile_s, run_s = (statistics.median(v) for v in zip(*each, strict=True))
    steady = statistics.median(later)
    rows = {
        "nasjax": args.population / steady,
        "nasjax, first population": args.population / first,
        "extracted, with compiling": 1 / (compile_s + run_s),
        "extracted, compiled before": 1 / run_s,
    } | ({"torch": args.population / statistics.median(torch_s)} if torch_s else {})
    what = {"size": size, "stage": stage, "population": args.population, "programs": scores._cache_size()}
    return what | {
        "rows": [{"member": k, "archs_per_s": v, "to_nasjax": v * steady / args.population} for k, v in rows.items()]
    }


def torch_population(net, params, archs, low):
    """A function that scores the population in PyTorch and returns its seconds."""
    import torch
    from torch_sr_cell import forward, image, tensors

    own = [(net.space.decode(a), tensors(net.extract_params(params, a))) for a in archs]
    x = image(np.asarray(low))

    def call() -> float:
        start = time.perf_counter()
        with torch.inference_mode():
            outputs = [forward(a, p, x, scale=SCALE).mean((1, 2, 3)) for a, p in own]
        seconds = time.perf_counter() - start
        want = net.switched(params, jnp.asarray(archs[0]), low).mean((1, 2, 3))
        np.testing.assert_allclose(outputs[0].numpy(), np.asarray(want), atol=1e-4)
        return seconds

    return call


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", nargs="+", choices=("quickstart", "full"), default=["quickstart"])
    parser.add_argument("--stage", nargs="+", choices=("path", "operator", "channel"), default=["operator"])
    parser.add_argument("--population", type=int, default=64)
    parser.add_argument("--patches", type=int, default=24)
    parser.add_argument("--patch", type=int, default=32)
    parser.add_argument("--fresh", type=int, default=4, help="archs that are compiled one by one")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--torch", action="store_true")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = [run(args, size, stage) for size in args.size for stage in args.stage]
    if args.json:
        print(json.dumps({"device": device_key(), "results": found}))
        return
    print(device_key())
    for one in found:
        print(
            f"\n{one['size']} supernet, {one['stage']} stage, population {one['population']}, {one['programs']} program"
        )
        for row in one["rows"]:
            print(f"{row['member']:28}{row['archs_per_s']:9.2f} archs/s{row['to_nasjax']:8.3f} of nasjax")


if __name__ == "__main__":
    main()
