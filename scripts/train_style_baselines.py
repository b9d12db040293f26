"""Train the decoders of the style transfer baselines, one after the other, as auto-encoders.

    python scripts/train_style_baselines.py [--run runs/style_baselines] [--networks cascade wct2] [--levels 1 2 3 4]
        [--data embedded] [--steps 4000] [--patch 128] [--batch 4] [--pixel 4] [--pool indices] [--widths 8 16 16]

Each decoder learns to give back the image behind the features of the deepest of its levels (`--pixel` times the pixel
MSE + 0.5 feature MSE, nothing is transferred), by Adam on random patches; it starts from least squares, layer after
layer. Writes RUN/cascade1.safetensors ... and RUN/wct2.safetensors: the averaged decoder params, to be used beside the
encoder's as

    {"encoder": load_vgg16(4), "decoder4": read_weights("cascade4.safetensors"), ...} in nasjax.nets.cascade.cascade
    {"encoder": load_vgg16(4), "decoder": read_weights("wct2.safetensors")} in nasjax.nets.wct2.wct2

A stopped run goes on where it was; decoders that are done are not trained again. The encoder is VGG16 (level 4 needs
the extra `nasjax[perceptual]`), or, with `--widths`, a random one of these widths, to try the command out.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nasjax.data.evaluation import validation_patches
from nasjax.data.pipeline import patches
from nasjax.data.spec import open_source
from nasjax.export.weights import write_weights
from nasjax.nets.autoencoder import AutoEncoder, autoencoder, reconstruct
from nasjax.nets.cascade import cascade_stage
from nasjax.nets.regression import regress_decoder
from nasjax.nets.vgg import init_encoder, load_vgg16, vgg
from nasjax.sampling import single
from nasjax.space import Choice, SearchSpace
from nasjax.task import Task
from nasjax.tasks.base import Model, to_float
from nasjax.tasks.style_transfer import ENCODER, GENERATOR, StyleTransferTask, style_transfer
from nasjax.train.config import TrainConfig
from nasjax.train.log import RunLog
from nasjax.train.loop import Interrupted, fit
from nasjax.train.parallel import data_mesh, host_spec
from nasjax.typing import Params

NOTHING = SearchSpace("style-baseline", (Choice("net", ("given",), "none"),), ("none",))
ONLY = single(np.zeros(1, np.int32))
WIDTHS, CONVS = (64, 128, 256, 512, 512), (2, 2, 3, 3, 1)
SCORED, REGRESSED = 32, 59  # patches: held-out ones, and those of the least squares


class Job(NamedTuple):
    """One decoder to train: its file's name and its auto-encoder."""

    name: str
    auto: AutoEncoder


def jobs(args: argparse.Namespace) -> list[Job]:
    """The decoders that the command asks for, shallow first."""
    widths = tuple(args.widths or WIDTHS)
    found = []
    if "cascade" in args.networks:
        found += [
            Job(f"cascade{n}", cascade_stage(widths, CONVS, level=n, pool=args.pool)) for n in sorted(args.levels)
        ]
    if "wct2" in args.networks:
        found.append(Job("wct2", autoencoder(widths[: max(args.levels)], CONVS, "haar")))
    return found


def encoder_params(args: argparse.Namespace) -> Params:
    """VGG16 down to the deepest level, or a random encoder of the widths asked for."""
    if args.widths:
        return init_encoder(vgg(tuple(args.widths), CONVS), jax.random.key(args.seed))
    return load_vgg16(max(args.levels))


def make_task(job: Job, frozen: Params, args: argparse.Namespace) -> Task:
    """Auto-encoding by one decoder; the encoder is among the params, and gets no gradient."""
    own = {name: frozen[name] for name in job.auto.encoder.params()}

    def init(key):
        del key
        return {ENCODER: own, "decoder": regress_decoder(job.auto, own, shown(args, "train", REGRESSED))}

    def forward(params, plan, x):
        fixed = {**params, ENCODER: jax.lax.stop_gradient(params[ENCODER])}
        return reconstruct(job.auto, fixed, x.astype(args.precision)).astype(jnp.float32)

    config = StyleTransferTask(patch=args.patch, batch=args.batch, pixel=args.pixel)
    return style_transfer(config, Model(init, forward), ONLY, encoder=job.auto.encoder)


def shown(args: argparse.Namespace, split: str, number: int) -> jax.Array:
    """Patches of a split, the same every time, in [-1, 1]."""
    return to_float(jnp.asarray(validation_patches(open_source(args.data, split), args.patch, number, on_small="skip")))


def train(job: Job, task: Task, args: argparse.Namespace) -> Params:
    """The averaged params of the auto-encoder after all steps; goes on where a stopped run was."""
    size = host_spec(task.batch_spec, data_mesh())["image"].shape
    source = open_source(args.data, "train")
    data = patches(source, patch=size[1], batch=size[0], seed=args.seed, on_small="skip")
    config = TrainConfig(steps=args.steps, seed=args.seed, lr=args.lr, precision=args.precision)
    with RunLog(Path(args.run), job.name, args.steps) as log:
        state = fit(task, NOTHING, ONLY, data=data, config=config, log=log)
    data.close()
    return state.ema[GENERATOR]


def score(job: Job, params: Params, args: argparse.Namespace) -> float:
    """Mean PSNR of reconstructed patches of held-out photographs, in dB."""

    @jax.jit
    def psnr(params: Params, x: jax.Array) -> jax.Array:
        error = jnp.square(reconstruct(job.auto, params, x).clip(-1, 1) - x).mean((-3, -2, -1))
        return 10 * jnp.log10(4 / error)

    return float(np.mean([psnr(params, one[None]) for one in shown(args, "val", SCORED)]))


def save(job: Job, params: Params, args: argparse.Namespace, *, psnr: float) -> Path:
    """Writes the decoder as a whole: readers see the old file, the new one, or none."""
    target = Path(args.run) / f"{job.name}.safetensors"
    said = {
        "widths": job.auto.encoder.widths,
        "encoder": "random" if args.widths else "VGG16",
        "pool": "haar" if job.name == "wct2" else args.pool,
        "steps": args.steps,
        "patch": args.patch,
        "batch": args.batch,
        "data": args.data,
        "psnr": f"{psnr:.2f}",
    }
    beside = target.with_name(f".{target.name}.part")
    write_weights(jax.tree.map(np.asarray, params["decoder"]), beside, {k: str(v) for k, v in said.items()})
    os.replace(beside, target)
    return target


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line; levels that the encoder does not have are an error of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default="runs/style_baselines", help="folder of weights, log and checkpoints")
    parser.add_argument("--networks", nargs="+", choices=("cascade", "wct2"), default=("cascade", "wct2"))
    parser.add_argument("--levels", type=int, nargs="+", default=(1, 2, 3, 4), help="wct2 has the deepest of them")
    parser.add_argument("--data", default="embedded", help="a folder of photographs, or any other data set by name")
    parser.add_argument("--steps", type=int, default=4000, help="of each decoder")
    parser.add_argument("--patch", type=int, default=128)
    parser.add_argument("--batch", type=int, default=4, help="patches a device and step")
    parser.add_argument("--pool", choices=("indices", "nearest"), default="indices", help="of the cascade")
    parser.add_argument("--widths", type=int, nargs="+", help="train around a random encoder of these widths")
    parser.add_argument("--pixel", type=float, default=4.0, help="weight of the pixel error; features have 0.5")
    parser.add_argument("--lr", type=float, default=3e-4)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    deepest = len(args.widths or WIDTHS)
    if not all(1 <= level <= deepest for level in args.levels):
        parser.error(f"--levels {args.levels}: this encoder has the levels 1 to {deepest}")
    return args


def main(argv: list[str] | None = None) -> int:
    args = parse(argv)
    frozen = encoder_params(args)
    for job in jobs(args):
        try:
            params = train(job, make_task(job, frozen, args), args)
        except Interrupted as stopped:
            print(f"{stopped}; the same command goes on from there", file=sys.stderr)
            return 128 + stopped.signum
        psnr = score(job, params, args)
        print(f"{save(job, params, args, psnr=psnr)}: {psnr:.2f} dB on held-out patches", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
