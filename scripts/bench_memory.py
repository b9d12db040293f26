"""Memory of a routed training step against slots x batch, and what recomputing activations saves and costs.

    python scripts/bench_memory.py [--batches 2 4 8] [--options 2 4 8] [--repeats 7] [--json]

`TrainConfig.remat` puts `jax.checkpoint` round every block. Bytes are those the compiled program asks for beside its
arguments and results (XLA's own account), and those that differentiation asks to be kept between forward and backward,
before XLA changes anything; times are medians of interleaved repetitions, kept and recomputed.
"""

import argparse
import json
from typing import Any

import jax
import jax.numpy as jnp

from nasjax.cost.measure import device_key, measure
from nasjax.sampling import strict_fair
from nasjax.spaces.sr_cell import sr_cell
from nasjax.tasks.base import supernet_model

OPS = ("res", "spab", "rlfb", "rep", "ir2k3", "sep3", "group", "sep5")


def step(options: int, batch: int, *, remat: bool, patch: int = 24):
    """A compiled loss and gradient of four blocks, the bytes it needs inside, and those it asks to keep."""
    net = sr_cell(4, blocks=4, trunk=[16], inner=[16], ops=OPS[:options])
    net = net.at(net.space.at_stage("operator", net.space.encode({})))
    sampler = strict_fair(net.space)
    model = supernet_model(net, sampler, remat=remat)
    params = net.select(net.init(jax.random.key(0)))
    plan = sampler.sample(jax.random.key(1), 0)
    low = jax.random.uniform(jax.random.key(2), (len(plan), batch, patch, patch, 3), minval=-1)
    high = jax.random.uniform(jax.random.key(3), (len(plan), batch, 4 * patch, 4 * patch, 3), minval=-1)

    def loss(params, plan, low, high):
        return jnp.abs(model.forward(params, plan, low) - high).mean()

    program = jax.jit(jax.value_and_grad(loss)).lower(params, plan, low, high).compile()
    inside = program.memory_analysis().temp_size_in_bytes
    saved = jax.eval_shape(lambda p: jax.vjp(lambda q: loss(q, plan, low, high), p)[1], params)
    asked = sum(a.size * a.dtype.itemsize for a in jax.tree.leaves(saved))
    return (lambda: jax.block_until_ready(program(params, plan, low, high))), inside / 2**20, asked / 2**20


def run(options: int, batch: int, repeats: int) -> dict[str, Any]:
    """Kept against recomputed at one size."""
    made = {name: step(options, batch, remat=name == "recomputed") for name in ("kept", "recomputed")}
    timed = measure({name: call for name, (call, _, _) in made.items()}, repeats=repeats)
    row = {"slots": options, "batch": batch, "images": options * batch}
    for name, (_, megabytes, asked) in made.items():
        row |= {
            f"{name}_mb": megabytes,
            f"{name}_asked_mb": asked,
            f"{name}_ms": timed[name].median_ms,
            f"{name}_spread_ms": timed[name].spread_ms,
        }
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, nargs="+", default=[2, 4, 8])
    parser.add_argument("--options", type=int, nargs="+", default=[2, 4, 8])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rows = [run(options, batch, args.repeats) for options in args.options for batch in args.batches]
    if args.json:
        print(json.dumps({"device": device_key(), "rows": rows}))
        return
    print(device_key())
    for r in rows:
        print(
            f"{r['slots']} slots x {r['batch']}: kept {r['kept_mb']:7.1f} MB {r['kept_ms']:8.1f} ms   recomputed "
            f"{r['recomputed_mb']:7.1f} MB ({r['recomputed_mb'] / r['kept_mb']:.2f}) {r['recomputed_ms']:8.1f} ms "
            f"({r['recomputed_ms'] / r['kept_ms']:.2f})   asked for {r['kept_asked_mb']:.1f} and "
            f"{r['recomputed_asked_mb']:.1f} MB"
        )


if __name__ == "__main__":
    main()
