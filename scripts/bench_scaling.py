"""How a routed step grows: with slots, depth, resolution, batch, and over devices.

    python scripts/bench_scaling.py [--repeats 9] [--devices 1 2 4 8] [--json]

Sizes: one thing is varied at a time round a base of 4 blocks, 4 options, 24x24 low-resolution patches, 2 images a
stream, 16 channels. "ms/GFLOP" is flat where cost is linear in the work. Devices: the same total batch over 1 to 8
devices of one host (fake ones on a CPU, where the cores are the same: what is seen is the price of the partitioned
program, of its gradient mean, and of smaller batches), with a whole training step (data-parallel, Adam, EMA).
"""

import argparse
import json
import os
import subprocess
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nasjax.cost.measure import device_key, measure
from nasjax.cost.table import tabulate
from nasjax.ops.base import formulation
from nasjax.sampling import strict_fair
from nasjax.spaces.sr_cell import sr_cell
from nasjax.supernet.units import units

OPS = ("res", "spab", "rlfb", "rep", "ir2k3", "sep3", "group", "sep5")
BASE = {"blocks": 4, "options": 4, "patch": 24, "batch": 2, "width": 16}
GRID = {
    "options": (1, 2, 4, 6, 8),
    "blocks": (1, 2, 4, 8),
    "patch": (12, 24, 48),
    "batch": (1, 2, 4, 8),
    "width": (8, 16, 32),
}


def build(blocks: int, options: int, patch: int, batch: int, width: int):
    """The compiled step of one point, and the GFLOP it does."""
    net = sr_cell(4, blocks=blocks, trunk=[width], inner=[width], ops=OPS[:options])
    net = net.at(net.space.at_stage("operator", net.space.encode({})))
    params = net.select(net.init(jax.random.key(0)))
    plan = strict_fair(net.space).sample(jax.random.key(1), 0)
    low = jax.random.uniform(jax.random.key(2), (len(plan), batch, patch, patch, 3), minval=-1)
    high = jax.random.uniform(jax.random.key(3), (len(plan), batch, 4 * patch, 4 * patch, 3), minval=-1)

    def loss(params, plan, low, high):
        return jnp.abs(net.routed(params, plan, low) - high).mean()

    program = jax.jit(jax.value_and_grad(loss)).lower(params, plan, low, high).compile()
    with formulation("native"):
        table = tabulate(net.space, units(net, (1, patch, patch, 3)), at=(4 * patch, 4 * patch))
    work = 6e-9 * batch * float(np.sum(table(np.asarray(plan))["macs"], dtype=np.float64))
    return (lambda: jax.block_until_ready(program(params, plan, low, high))), work


def sizes(repeats: int) -> list[dict[str, Any]]:
    """Time against each varied quantity."""
    points = [(name, value, {**BASE, name: value}) for name, values in GRID.items() for value in values]
    built = {(name, value): build(**point) for name, value, point in points}
    timed = measure({key: call for key, (call, _) in built.items()}, repeats=repeats)
    return [
        {"vary": k[0], "value": k[1], "ms": t.median_ms, "spread_ms": t.spread_ms, "gflop": built[k][1]}
        for k, t in timed.items()
    ]


def step_on(devices: int, total: int, repeats: int) -> dict[str, Any]:
    """One whole training step on so many devices, `total` images a stream over all of them."""
    from nasjax.tasks.base import supernet_model
    from nasjax.tasks.super_resolution import SuperResolutionTask, super_resolution
    from nasjax.train.config import TrainConfig
    from nasjax.train.parallel import data_mesh, put_batch
    from nasjax.train.schedules import optimiser
    from nasjax.train.state import init_state
    from nasjax.train.step import make_step

    net = sr_cell(4, blocks=4, trunk=[16], inner=[16], ops=OPS[:4])
    net = net.at(net.space.at_stage("operator", net.space.encode({})))
    sampler, mesh = strict_fair(net.space), data_mesh(jax.devices()[:devices])
    task = super_resolution(SuperResolutionTask(batch=total // devices), supernet_model(net, sampler), sampler)
    optimisers = {player: optimiser(TrainConfig()) for player in task.losses}
    state = init_state(task, net.space, optimisers, mesh=mesh, seed=0)
    step = make_step(task, net.space, sampler, optimisers=optimisers, mesh=mesh)
    spec = task.batch_spec["image"]
    images = np.random.default_rng(0).integers(0, 256, (spec.shape[0] * devices, *spec.shape[1:]), np.uint8)
    batch, held = put_batch({"image": images}, mesh), [state]

    def call():
        held[0], logs = step(held[0], batch)
        jax.block_until_ready(logs)

    timed = measure({"step": call}, repeats=repeats)["step"]
    return {"devices": devices, "ms": timed.median_ms, "spread_ms": timed.spread_ms}


def over_devices(counts: list[int], total: int, repeats: int) -> list[dict[str, Any]]:
    """`step_on` in a process for each number of devices."""
    rows = []
    for count in counts:
        flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={count}"
        command = [sys.executable, __file__, "--one", str(count), "--total", str(total), "--repeats", str(repeats)]
        out = subprocess.run(command, env={**os.environ, "XLA_FLAGS": flags}, check=True, stdout=subprocess.PIPE)
        rows.append(json.loads(out.stdout))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--devices", type=int, nargs="*", default=[1, 2, 4, 8])
    parser.add_argument("--total", type=int, default=8, help="images a stream, over all devices")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.one:
        print(json.dumps(step_on(args.one, args.total, args.repeats)))
        return
    rows, spread = sizes(args.repeats), over_devices(args.devices, args.total, args.repeats)
    if args.json:
        print(json.dumps({"device": device_key(), "base": BASE, "sizes": rows, "devices": spread}))
        return
    print(device_key(), BASE)
    for row in rows:
        print(
            f"{row['vary']:8}{row['value']:4}{row['ms']:9.1f} ms (spread {row['spread_ms']:.1f})"
            f"{row['gflop']:8.2f} GFLOP{row['ms'] / row['gflop']:8.1f} ms/GFLOP"
        )
    for row in spread:
        print(f"{row['devices']} devices{row['ms']:9.1f} ms a step{row['ms'] / spread[0]['ms']:7.2f} of one device")


if __name__ == "__main__":
    main()
