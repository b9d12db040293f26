"""Where the time of a routed step goes: forward, gradient, optimiser, routing; and each candidate before and after.

    python scripts/bench_parts.py [--size quickstart full] [--widths 16 48] [--batch 4] [--torch] [--repeats 9] [--json]
        [--forms native fused] [--without-parts]

parts       one fair round of the operator stage: the network forward; with its gradient; the whole training step (Adam,
            averaging, checks); and what moving streams to slots and back costs alone, measured on the same arrays
candidates  loss and gradient of each operation at the trunk's width, as nasjax writes it for this backend ("auto") and
            as one native primitive a convolution ("native", what everybody writes first); with `--torch` beside the
            same operation, weights and images in eager PyTorch, in its channels-last layout; of large batches also as
            small ones are written ("fused"), which is what loops over parts of the batch are compared with
"""

import argparse
import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nasjax.cost.measure import device_key, measure
from nasjax.ops import conv
from nasjax.ops.base import formulation
from nasjax.ops.blocks import BLOCKS
from nasjax.ops.params import draw
from nasjax.sampling import strict_fair
from nasjax.spaces.sr_cell import sr_cell
from nasjax.supernet.routed import permute
from nasjax.tasks.base import supernet_model
from nasjax.tasks.super_resolution import SuperResolutionTask, super_resolution
from nasjax.train.config import TrainConfig
from nasjax.train.parallel import data_mesh, put_batch
from nasjax.train.schedules import optimiser
from nasjax.train.state import init_state
from nasjax.train.step import make_step

SIZES: dict[str, dict[str, Any]] = {
    "quickstart": {"blocks": 5, "trunk": [16], "inner": [16], "ops": ("res", "rep", "spab", "ir2k3")},
    "full": {"blocks": 8, "trunk": [48], "inner": [40]},
}
PATCH, BATCH = 24, 4


def parts(size: str, repeats: int) -> list[dict[str, Any]]:
    """Milliseconds of the nested parts of one step."""
    net = sr_cell(4, **SIZES[size])
    net = net.at(net.space.at_stage("operator", net.space.encode({})))
    sampler = strict_fair(net.space)
    slots, width = sampler.slots, SIZES[size]["trunk"][0]
    plan, params = sampler.sample(jax.random.key(1), 0), net.select(net.init(jax.random.key(0)))
    low = jax.random.uniform(jax.random.key(2), (slots, BATCH, PATCH, PATCH, 3), minval=-1)
    high = jax.random.uniform(jax.random.key(3), (slots, BATCH, 4 * PATCH, 4 * PATCH, 3), minval=-1)

    def loss(params, plan, low, high):
        return jnp.abs(net.routed(params, plan, low) - high).mean()

    forward = jax.jit(loss).lower(params, plan, low, high).compile()
    gradient = jax.jit(jax.value_and_grad(loss)).lower(params, plan, low, high).compile()
    moved = _moving(SIZES[size]["blocks"], jnp.argsort(plan[:, -1]))
    h = jnp.zeros((slots, BATCH, PATCH, PATCH, width))
    members = {
        "forward": lambda: jax.block_until_ready(forward(params, plan, low, high)),
        "forward and gradient": lambda: jax.block_until_ready(gradient(params, plan, low, high)),
        "moving streams, both ways": lambda: jax.block_until_ready(moved(h)),
        "training step": _training_step(net, sampler),
    }
    timed = measure(members, repeats=repeats)
    return [{"size": size, "part": n, "ms": t.median_ms, "spread_ms": t.spread_ms} for n, t in timed.items()]


def _moving(blocks: int, order: jax.Array):
    """Each block moves its input to slots and its output back, and so do their gradients."""
    inverse = jnp.argsort(order)

    def there_and_back(h):
        for _ in range(blocks):
            h = permute(permute(h, order, inverse) * 1.01, inverse, order)
        return h

    return jax.jit(jax.value_and_grad(lambda h: there_and_back(h).sum()))


def _training_step(net, sampler):
    model = supernet_model(net, sampler)
    task = super_resolution(SuperResolutionTask(scale=4, patch=PATCH, batch=BATCH), model, sampler)
    mesh, config = data_mesh(), TrainConfig(steps=1000)
    optimisers = {player: optimiser(config) for player in task.losses}
    held = [init_state(task, net.space, optimisers, mesh=mesh, seed=0)]
    step = make_step(task, net.space, sampler, optimisers=optimisers, mesh=mesh)
    shape = task.batch_spec["image"].shape
    batch = put_batch({"image": jax.random.randint(jax.random.key(0), shape, 0, 256).astype("uint8")}, mesh)

    def once():
        held[0], logs = step(held[0], batch)
        jax.block_until_ready(logs)

    return once


def candidates(width: int, batch: int, forms: Sequence[str], *, repeats: int, torch: bool) -> list[dict[str, Any]]:
    """Milliseconds of loss and gradient of each operation by itself, as nasjax writes it and in other forms."""
    x = jax.random.normal(jax.random.key(0), (batch, PATCH, PATCH, width))
    hows = ("auto", *(form for form in forms if form != "fused" or x.size >= conv._LARGE))
    members: dict[Any, Callable[[], Any]] = {}
    for name, op in BLOCKS.items():
        params = draw(jax.random.key(1), op.params(width, width, width))
        for how in hows:
            with formulation("native" if how == "native" else "auto"), _threshold(how):

                def loss(params, x, op=op):
                    return jnp.square(op.apply(params, x, width, width)).sum()

                program = jax.jit(jax.value_and_grad(loss, (0, 1))).lower(params, x).compile()
            members[name, how] = lambda program=program, params=params: jax.block_until_ready(program(params, x))
        if torch:
            members[name, "torch"] = _torch_candidate(name, params, x, float(members[name, "auto"]()[0]))
    timed = measure(members, repeats=repeats)
    hows = (*hows, *(("torch",) if torch else ()))
    return [{"op": name, "width": width} | {f"{how}_ms": timed[name, how].median_ms for how in hows} for name in BLOCKS]


@contextlib.contextmanager
def _threshold(how: str) -> Iterator[None]:
    """No batch is large for "fused"."""
    before, conv._LARGE = conv._LARGE, 2**62 if how == "fused" else conv._LARGE
    try:
        yield
    finally:
        conv._LARGE = before


def _torch_candidate(name: str, params: Any, x: jax.Array, want: float) -> Callable[[], Any]:
    """The same in PyTorch; refuses to time another function."""
    import torch
    import torch_sr_cell

    own = torch_sr_cell.tensors(params, grad=True)
    image = torch_sr_cell.image(np.asarray(x), channels_last=True).requires_grad_()
    every = [*torch_sr_cell.leaves(own), image]

    def step() -> Any:
        loss = torch_sr_cell.BLOCKS[name](own, image).square().sum()
        return loss, torch.autograd.grad(loss, every)

    found = float(step()[0].detach())
    if abs(found - want) > 1e-4 * abs(want):
        raise SystemExit(f"PyTorch computes another {name}: {found}, JAX {want}")
    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", nargs="+", default=["quickstart"], choices=list(SIZES))
    parser.add_argument("--widths", type=int, nargs="+", default=[16], help="channels of the candidates")
    parser.add_argument("--batch", type=int, default=BATCH, help="images of the candidates")
    parser.add_argument("--forms", nargs="*", default=["native", "fused"], choices=("native", "fused"))
    parser.add_argument("--without-parts", action="store_true", help="the candidates alone")
    parser.add_argument("--torch", action="store_true")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = {
        "device": device_key(),
        "parts": [row for size in args.size for row in ([] if args.without_parts else parts(size, args.repeats))],
        "candidates": [
            row
            for width in args.widths
            for row in candidates(width, args.batch, args.forms, repeats=args.repeats, torch=args.torch)
        ],
    }
    if args.json:
        print(json.dumps(found))
        return
    print(found["device"])
    for row in found["parts"]:
        print(f"{row['size']:<12}{row['part']:<28}{row['ms']:9.1f} ms  spread {row['spread_ms']:.1f}")
    for row in found["candidates"]:
        beside = "".join(
            f"   {how} {row[f'{how}_ms']:7.2f} ms, {row[f'{how}_ms'] / row['auto_ms']:5.2f}x"
            for how in ("native", "fused", "torch")
            if f"{how}_ms" in row
        )
        print(f"{row['width']:3} channels  {row['op']:<8} auto {row['auto_ms']:7.2f} ms{beside}")


if __name__ == "__main__":
    main()
