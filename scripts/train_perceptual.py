"""Train the perceptual weights of `medium` x4: the network of `nasjax upscale --perceptual`.

    python scripts/train_perceptual.py [--run runs/upscalers] [--rounds 1] [--steps N] [--lr LR] [--data embedded]
        [--batch 8] [--patch 24] [--seen 4] [--side 64] [--level 4] [--pixel W] [--feature W] [--game W] [--repeated W]

Begins with the fidelity weights of `scripts/train_upscalers.py`, RUN/medium_x4/N.safetensors of the last finished
round, and keeps them as RUN/perceptual_x4/0.safetensors; leaves RUN/perceptual_x4/ROUND.safetensors, the averaged
weights of the same network where LPIPS of held-out patches was lowest, nested as those (and ROUND.pair.safetensors
with the discriminator's, for the next round). A round is a whole cosine cycle; a stopped one goes on from its
checkpoint, a finished one is not trained again. A longer round is no better: LPIPS had its best after 750 of 2,000
steps.
RUN/perceptual_x4/metrics.jsonl has LPIPS (AlexNet v0.1) and Y-PSNR of held-out patches. Needs the extra `perceptual`.

Loss: L1 + VGG16's features before activation + relativistic average GAN (TPSR, arXiv 2007.04356, section 3.3; ESRGAN,
arXiv 1809.00219, section 3.2 to 3.4) + what a picture repeats itself by the pixel shuffle's period more than the truth
(`nasjax.losses.repetition`): without it there is a grid, which LPIPS does not mind. What is dear about it on a CPU are
those who look at the pictures, so they see the middle `--side` pixels alone, and VGG16 no more than the first `--seen`
pictures of a batch, which are as random as the others. L1 is of the whole patches.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from train_upscalers import GENERATOR, MODELS, SCORED, Round, until_stopped

from nasjax.data.evaluation import validation_patches
from nasjax.data.pipeline import patches
from nasjax.data.spec import open_source
from nasjax.export.weights import read_weights, write_weights
from nasjax.nets.trunks import before_activation, load_trunk
from nasjax.sampling import single
from nasjax.spaces.paired import Part, generator_params, paired, with_generator
from nasjax.spaces.sr_discriminator import sr_discriminator
from nasjax.supernet.base import Supernet
from nasjax.systems.perceptual.score import Eye, Judged, judged, score
from nasjax.task import Task
from nasjax.tasks.adversarial import Adversarial
from nasjax.tasks.base import extracted_model, to_float
from nasjax.tasks.networks import Fixed
from nasjax.tasks.perceptual import Pair, Perception, perceptual_super_resolution
from nasjax.tasks.super_resolution import MARGIN, SuperResolutionTask, degrade
from nasjax.train.config import TrainConfig
from nasjax.train.log import RunLog
from nasjax.train.loop import fit
from nasjax.train.parallel import data_mesh, host_spec
from nasjax.train.validation import Validation
from nasjax.typing import Arch, Params

FIDELITY, FOLDER = "medium_x4", "perceptual_x4"
NAME = "medium-perceptual_x4"  # of the bundle in the package
ROUNDS = (Round(2000, 3e-4),)
# Scores of 8x8 pixels each; spectral norm, so that it stays near the generator without penalties (arXiv 1802.05957).
WIDTHS = (16, 32, 64, 64)
LEVELS = (1, 2, 3)
DISCRIMINATOR = {
    "head": "patch3",
    "att": "none",
    **{f"c{i}": "k3s" if i == 3 else "off" for i in LEVELS},
    **{f"d{i}": "s4s" for i in LEVELS},
    **{f"e{i}": "off" for i in LEVELS},
}


def sharpest(run: Path) -> Params | None:
    """What is shipped: the weights of the last finished round."""
    return newest(run / FOLDER)


def newest(folder: Path) -> Params | None:
    """The weights of the last round in a folder, whoever trained it for how many."""
    done = [int(path.stem) for path in folder.glob("*.safetensors") if path.stem.isdigit() and int(path.stem)]
    return read_weights(folder / f"{max(done)}.safetensors") if done else None


def history(run: Path) -> dict[str, int]:
    """Steps of each finished round, by its log."""
    log = run / FOLDER / "metrics.jsonl"
    rows = [json.loads(line) for line in log.read_text().splitlines()] if log.is_file() else []
    return {row["phase"]: row["step"] for row in rows if row["step"] == row["steps"]}


class Sides(NamedTuple):
    """The generator with its discriminator as one network, and its two halves over the same params."""

    pair: Supernet
    arch: Arch
    generate: Callable[[Params, Array], Array]
    score: Callable[[Params, Array], Array]


def sides() -> Sides:
    """Those of this training."""
    generator, own = MODELS[FIDELITY].network()
    judge = sr_discriminator([[w] for w in WIDTHS], heads=("patch3",), keep=("k3s",), halve=("s4s",))
    arch = judge.space.encode(DISCRIMINATOR)

    def half(part: Part) -> Callable[[Params, Array], Array]:
        network = paired(generator, own, judge, part=part).extract(arch)
        return lambda params, x: jnp.asarray(network.apply({"params": params}, x))

    return Sides(paired(generator, own, judge), arch, half("generator"), half("scores"))


def task_of(args: argparse.Namespace, both: Sides) -> Task:
    """The game, with an eye that sees a part of the batch."""
    encode, high = before_activation(args.level), args.patch * MODELS[FIDELITY].scale
    if not 16 <= args.side <= high:
        raise ValueError(f"--side must be 16 to {high}, the pixels of a patch, got {args.side}")

    def see(params: Params, x: Array) -> Array:
        return encode(params, middle(x[: args.seen], args.side))

    encoder = Fixed(see, load_trunk("vgg16")[1]["trunk"]) if args.feature else None
    perception = Perception(
        args.pixel,
        feature=args.feature,
        game=Adversarial("relativistic-average", args.game),
        repeated=args.repeated,
    )
    settings = SuperResolutionTask(MODELS[FIDELITY].scale, args.patch, args.batch)
    pair = Pair(both.generate, lambda params, x: both.score(params, middle(x, args.side)), encoder)
    return perceptual_super_resolution(settings, perception, pair, init=extracted_model(both.pair, both.arch).init)


def middle(x: Array, side: int) -> Array:
    """The middle of pictures `[b, h, w, 3]`."""
    top, left = (x.shape[1] - side) // 2, (x.shape[2] - side) // 2
    return x[:, top : top + side, left : left + side]


def begun(folder: Path, run: Path, number: int, both: Sides) -> Params:
    """The params of both sides that a round begins with: of the round before, or fidelity's and new ones."""
    if number > 1:
        return read_weights(folder / f"{number - 1}.pair.safetensors")
    kept = folder / "0.safetensors"
    if not kept.is_file():
        given = newest(run / FIDELITY)
        if given is None:
            raise ValueError(f"{run / FIDELITY}: no finished round; train it with scripts/train_upscalers.py")
        # A copy: what a stopped training began with must not change when fidelity gets another round.
        write(kept, given)
    fresh = both.pair.extract_params(both.pair.init(jax.random.key(0)), both.arch)
    return with_generator(both.pair, fresh, read_weights(kept))


def train(args: argparse.Namespace, number: int) -> None:
    """A round, counted from 1, if it is not finished."""
    folder, both = Path(args.run) / FOLDER, sides()
    if (folder / f"{number}.safetensors").is_file():
        return
    start = begun(folder, Path(args.run), number, both)
    task, cycle = task_of(args, both), ROUNDS[number - 1]
    spec = host_spec(task.batch_spec, data_mesh())["image"].shape
    data = patches(open_source(args.data, "train"), patch=spec[1], batch=spec[0], seed=number, on_small="skip")
    steps, lr = args.steps or cycle.steps, args.lr or cycle.lr
    # No clipping: one norm over both sides would let the louder one brake the other.
    config = TrainConfig(
        steps, lr=lr, betas=(0.9, 0.99), clip=0.0, log_every=50, validate_every=250, changed=("steps", "lr", "losses")
    )
    with RunLog(folder, f"round{number}", steps, validation=validation(both)) as log:
        state = fit(
            task, both.pair.space, single(both.arch), data=data, config=config, log=log, params={GENERATOR: start}
        )
    # A game goes on past its best: detail that was right becomes detail that is merely sharp.
    found = (state.ema if state.best is None else state.best.params)[GENERATOR]
    write(folder / f"{number}.pair.safetensors", found)
    write(folder / f"{number}.safetensors", generator_params(both.pair, found))


def write(path: Path, params: Params) -> None:
    """A file of weights, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(f"{path}.part")
    write_weights(jax.tree.map(np.asarray, params), beside, {"network": FIDELITY})
    os.replace(beside, path)


def validation(both: Sides) -> Validation:
    """LPIPS and Y-PSNR on textured patches of the photographs that are held out for it."""
    scale, eye = MODELS[FIDELITY].scale, Eye(*load_trunk("alexnet"))
    crops = validation_patches(open_source("embedded", "val"), (32 + 2 * MARGIN) * scale, SCORED)
    against = judged(*degrade(to_float(jnp.asarray(crops)), scale), eye=eye, scale=scale, floor=0.0)

    # An argument, not a constant: what the trunk makes of it would be computed while it is compiled.
    @jax.jit
    def measure(params: Params, against: Judged) -> Mapping[str, Array]:
        return score(lambda x: both.generate(params, x), against, eye=eye, scale=scale, slope=0.0)

    def measured(players: Mapping[str, Params]) -> dict[str, float]:
        found = measure(players[GENERATOR], against)
        return {name: float(found[name]) for name in ("lpips", "psnr_y")}

    return Validation(measured, best="lpips", highest=False)


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The options of the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default="runs/upscalers")
    parser.add_argument("--rounds", type=int, choices=range(1, len(ROUNDS) + 1), default=1)
    parser.add_argument("--data", default="embedded")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--patch", type=int, default=24, help="low-resolution pixels a side")
    parser.add_argument("--steps", type=int, help="of every round, instead of those of ROUNDS")
    parser.add_argument("--lr", type=float, help="of every round, instead of those of ROUNDS")
    parser.add_argument("--seen", type=int, default=4, help="pictures of a batch that VGG16 sees")
    parser.add_argument("--side", type=int, default=64, help="pixels a side that it and the discriminator see")
    parser.add_argument("--level", type=int, default=4, help="of VGG16: its last convolution, before activation")
    # By norms of the gradients of the generator's weights at the start: .010 of L1, .082 of the features (times 50
    # without their weight, so ESRGAN's 1 to 0.01 would leave L1 no say and PSNR no floor), .001 of a game just begun.
    parser.add_argument("--pixel", type=float, default=1.0, help="weight of L1")
    parser.add_argument("--feature", type=float, default=0.02, help="weight of VGG16's features; 0: without them")
    parser.add_argument("--game", type=float, default=0.1, help="weight of the discriminator's word")
    parser.add_argument("--repeated", type=float, default=0.01, help="weight of a grid of the pixel shuffle's period")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Train what is missing; see `until_stopped`."""
    args = parse(argv)

    def work() -> None:
        for number in range(1, args.rounds + 1):
            train(args, number)

    return until_stopped(work)


if __name__ == "__main__":
    sys.exit(main())
