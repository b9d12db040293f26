"""One supernet step (a fair round: loss and gradient), routed against the other ways of writing it, and PyTorch.

    python scripts/bench_step.py [--size quickstart full] [--stage operator] [--batch 4] [--patch 24]
                                 [--precision float32] [--skip masked] [--torch] [--torch-compile] [--json]

routed    the supernet as nasjax trains it: streams move to static slots, one compilation for every plan
static    the same sub-networks written out one after the other in one program: a lower bound, one compilation a plan
switched  `lax.map` over the streams, `lax.switch` inside: one compilation, one stream at a time
masked    `vmap` over `lax.switch`: every option runs for every stream and all but one are thrown away
torch     the same sub-networks in eager PyTorch, weights and images the same (outputs are compared first);
          `torch-nhwc` in its channels-last layout, `torch-compile` through its compiler

All members are timed in one run, interleaved; the table gives medians, the distance between the quartiles, and the
ratio to `static`. FLOP/s count 6 for a MAC (forward and backward) and are set against a matrix product of 2048^3.
"""

import argparse
import json
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nasjax.chain.configs import load_config
from nasjax.cost.measure import device_key, measure
from nasjax.cost.table import tabulate
from nasjax.ops.base import formulation
from nasjax.sampling import strict_fair
from nasjax.spaces.sr_cell import sr_cell
from nasjax.supernet.base import Supernet
from nasjax.supernet.units import units

SCALE = 4


class Problem(NamedTuple):
    """A supernet at a stage, its weights, one fair plan, and images for each stream."""

    net: Supernet
    params: Any
    plan: np.ndarray
    low: jax.Array
    high: jax.Array


class Member(NamedTuple):
    """One way of writing the step: a call that waits for its result, seconds to compile it, bytes it needs inside."""

    call: Callable[[], Any]
    compile_s: float | None
    temp_bytes: int | None


def make_problem(size: str, stage: str, *, batch: int, patch: int, dtype: str) -> Problem:
    """The supernet of the quick start or the full one, at a stage, with textured noise for images."""
    net = load_config("quickstart").system.networks().supernet if size == "quickstart" else sr_cell(SCALE)
    net = net.at(net.space.at_stage(stage, None if stage == "path" else net.space.encode({})))
    keys = jax.random.split(jax.random.key(0), 3)
    plan = np.asarray(strict_fair(net.space).sample(keys[0], 0))
    low = jax.random.uniform(keys[1], (len(plan), batch, patch, patch, 3), minval=-1).astype(dtype)
    high = jax.random.uniform(keys[2], (len(plan), batch, SCALE * patch, SCALE * patch, 3), minval=-1)
    return Problem(net, net.select(net.init(jax.random.key(0))), plan, low, high)


def jax_members(problem: Problem) -> dict[str, Callable[[], Member]]:
    """The four ways in JAX; each is compiled when asked for."""
    net, params, plan, low, high = problem
    shared = {
        "routed": net.routed,
        "switched": net.each,
        "masked": jax.vmap(net.switched, in_axes=(None, 0, 0)),
    }
    members = {
        name: lambda f=f: _compiled(_mean_loss(f), (params, jnp.asarray(plan), low, high)) for name, f in shared.items()
    }
    return {"static": lambda: _static(problem)} | members


def _mean_loss(forward: Callable) -> Callable:
    def loss(params, plan, low, high):
        return jnp.abs(forward(params, plan, low).astype(jnp.float32) - high).mean()

    return loss


def _static(problem: Problem) -> Member:
    net, params, plan, low, high = problem
    nets = [net.extract(arch) for arch in plan]
    own = [net.extract_params(params, arch) for arch in plan]

    def loss(own, plan, low, high):
        outputs = [n.apply({"params": p}, x) for n, p, x in zip(nets, own, low, strict=True)]
        return jnp.abs(jnp.stack([jnp.asarray(y) for y in outputs]).astype(jnp.float32) - high).mean()

    return _compiled(loss, (own, jnp.asarray(plan), low, high))


def _compiled(loss: Callable, arguments: tuple) -> Member:
    start = time.perf_counter()
    program = jax.jit(jax.value_and_grad(loss)).lower(*arguments).compile()
    seconds = time.perf_counter() - start
    memory = program.memory_analysis()
    temp = None if memory is None else int(memory.temp_size_in_bytes)
    return Member(lambda: jax.block_until_ready(program(*arguments)), seconds, temp)


def torch_members(problem: Problem, *, compiled: bool) -> dict[str, Callable[[], Member]]:
    """The same round in PyTorch, on the CPU or its GPU."""
    import torch
    from torch_sr_cell import forward, image, leaves, tensors

    net, params, plan, low, high = problem
    device = "cuda" if torch.cuda.is_available() and jax.default_backend() == "gpu" else "cpu"
    archs = [net.space.decode(arch) for arch in plan]
    own = [tensors(net.extract_params(params, arch), grad=True, device=device) for arch in plan]
    every = [t for p in own for t in leaves(p)]

    def ready(channels_last: bool):
        def on(x):
            return [image(np.asarray(s, np.float32), channels_last=channels_last).to(device) for s in x]

        x, y = on(low), on(high)

        def step():
            outputs = [forward(a, p, s, scale=SCALE) for a, p, s in zip(archs, own, x, strict=True)]
            loss = torch.stack([(o - t).abs().mean() for o, t in zip(outputs, y, strict=True)]).mean()
            grads = torch.autograd.grad(loss, every)
            if device == "cuda":
                torch.cuda.synchronize()
            return loss, grads

        return step

    def check(step):
        want = float(_mean_loss(net.routed)(params, plan, low.astype(jnp.float32), high))
        found = float(step()[0].detach())
        if abs(want - found) > 1e-4 * abs(want):
            raise SystemExit(f"PyTorch computes another function: loss {found}, JAX {want}")
        return Member(step, None, None)

    def through_compiler():
        start = time.perf_counter()
        step = torch.compile(ready(False))
        step()
        return check(step)._replace(compile_s=time.perf_counter() - start)

    eager = {"torch": lambda: check(ready(False)), "torch-nhwc": lambda: check(ready(True))}
    return eager | ({"torch-compile": through_compiler} if compiled else {})


def flops(problem: Problem) -> float:
    """Floating-point operations of a step, 6 for each MAC of each stream's network."""
    _, batch, height, width, _ = problem.low.shape
    with formulation("native"):
        at = (SCALE * height, SCALE * width)
        table = tabulate(problem.net.space, units(problem.net, (1, height, width, 3)), at=at)
    return 6.0 * batch * float(np.sum(table(problem.plan)["macs"], dtype=np.float64))


def peak() -> Callable[[], Any]:
    """A matrix product of 2048^3, the yardstick of what the machine can do."""
    a = jax.random.normal(jax.random.key(0), (2048, 2048))
    product = jax.jit(lambda a: a @ a)
    return lambda: jax.block_until_ready(product(a))


def compiles(problem: Problem, archs: int) -> dict[str, int]:
    """How many programs it takes to train and to evaluate so many archs."""
    net, params, plan, low, _ = problem
    sampler = strict_fair(net.space)
    train = jax.jit(net.routed)
    score = jax.jit(net.switched)
    for step in range(-(-archs // len(plan))):
        drawn = sampler.sample(jax.random.key(1), step)
        jax.block_until_ready(train(params, drawn, low[:, :1, :8, :8]))
        for arch in np.asarray(drawn):
            jax.block_until_ready(score(params, jnp.asarray(arch), low[0, :1, :8, :8]))
    return {"archs": archs, "routed": train._cache_size(), "switched": score._cache_size()}


def run(args: argparse.Namespace, size: str, stage: str) -> dict[str, Any]:
    """Time all members of one supernet and stage."""
    problem = make_problem(size, stage, batch=args.batch, patch=args.patch, dtype=args.precision)
    makers = jax_members(problem)
    if args.torch or args.torch_compile:
        makers |= torch_members(problem, compiled=args.torch_compile)
    members = {name: make() for name, make in makers.items() if name not in args.skip}
    timed = measure({n: m.call for n, m in members.items()} | {"peak": peak()}, repeats=args.repeats)
    work, best = flops(problem), 2 * 2048**3 / timed.pop("peak").median_ms
    floor = timed["static"].median_ms
    rows = [
        {
            "member": name,
            "ms": round(t.median_ms, 2),
            "spread_ms": round(t.spread_ms, 2),
            "to_static": round(t.median_ms / floor, 3),
            "images_per_s": round(1000 * problem.low.shape[0] * problem.low.shape[1] / t.median_ms, 1),
            "of_peak": round(work / t.median_ms / best, 3),
            "compile_s": members[name].compile_s,
            "temp_mb": None if members[name].temp_bytes is None else round(members[name].temp_bytes / 2**20, 1),
        }
        for name, t in timed.items()
    ]
    what = {"size": size, "stage": stage, "streams": len(problem.plan), "batch": args.batch, "patch": args.patch}
    counted = compiles(problem, args.archs) if args.archs else None
    return what | {
        "precision": args.precision,
        "gflop": work / 1e9,
        "peak_gflops": best / 1e6,
        "compiles": counted,
        "rows": rows,
    }


def show(found: dict[str, Any]) -> None:
    """One table."""
    print(
        f"\n{found['size']} supernet, {found['stage']} stage: {found['streams']} streams of {found['batch']} images "
        f"{found['patch']}x{found['patch']}, {found['precision']}; {found['gflop']:.2f} GFLOP a step, "
        f"matrix product {found['peak_gflops']:.0f} GFLOP/s; programs: {found['compiles']}"
    )
    print(f"{'':14}{'ms':>9}{'spread':>8}{'/static':>9}{'images/s':>10}{'of peak':>9}{'compile s':>11}{'temp MB':>9}")
    for r in found["rows"]:
        compile_s = "" if r["compile_s"] is None else f"{r['compile_s']:.1f}"
        memory = "" if r["temp_mb"] is None else f"{r['temp_mb']:.0f}"
        print(
            f"{r['member']:14}{r['ms']:9.1f}{r['spread_ms']:8.1f}{r['to_static']:9.2f}{r['images_per_s']:10.0f}"
            f"{r['of_peak']:9.1%}{compile_s:>11}{memory:>9}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", nargs="+", choices=("quickstart", "full"), default=["quickstart"])
    parser.add_argument("--stage", nargs="+", choices=("path", "operator", "channel"), default=["operator"])
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--patch", type=int, default=24)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--archs", type=int, default=1000, help="archs that compilations are counted over; 0: none")
    parser.add_argument("--skip", nargs="*", default=[], help="members to leave out")
    parser.add_argument("--torch", action="store_true")
    parser.add_argument("--torch-compile", action="store_true")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    cases = [(size, stage) for size in args.size for stage in args.stage]
    if args.json:
        found = [run(args, *case) for case in cases]
        print(json.dumps({"device": device_key(), "results": found}))
        return
    print(device_key())
    for case in cases:
        show(run(args, *case))


if __name__ == "__main__":
    main()
