"""Train the narrow encoder that comes with the package: VGG16's features at a quarter of its widths.

    python scripts/distill_encoder.py [--run runs/encoder] [--data embedded] [--levels 3] [--steps 1500]
        [--out nasjax/nets/weights/narrow_relu3_1.safetensors]

Collaborative distillation (arXiv 2003.08436): linear maps of the student's features match the teacher's. A stopped run
goes on. Afterwards every layer is rescaled to unit mean activation over the photographs, as the teacher's are, and
written as float16. Needs the extra `nasjax[perceptual]` for more than three levels.
"""

import argparse
import os
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from nasjax.data.evaluation import validation_patches
from nasjax.data.pipeline import patches
from nasjax.data.spec import open_source
from nasjax.export.weights import write_weights
from nasjax.nets.vgg import Encoder, activation_means, load_vgg16, rescale, vgg
from nasjax.ops.reflect import max_pool2, reflect_conv
from nasjax.sampling import single
from nasjax.space import Choice, SearchSpace
from nasjax.spaces.photonet import VGG_CONVS, VGG_WIDTHS
from nasjax.tasks.base import to_float
from nasjax.tasks.distillation import STUDENT, Distillation, distillation
from nasjax.train.config import TrainConfig
from nasjax.train.log import RunLog
from nasjax.train.loop import fit
from nasjax.train.parallel import data_mesh, host_spec
from nasjax.typing import Params

NOTHING = SearchSpace("encoder", (Choice("net", ("narrow",), "none"),), ("none",))


def encoders(levels: int, divisor: int) -> tuple[Encoder, Encoder]:
    """Student and teacher of as many levels; the last level has one convolution."""
    convs = (*VGG_CONVS[: levels - 1], 1)
    wide = VGG_WIDTHS[:levels]
    return vgg(tuple(w // divisor for w in wide), convs), vgg(wide, convs)


def train(args: argparse.Namespace) -> Params:
    """The student's averaged params."""
    student, teacher = encoders(args.levels, args.divisor)
    target = load_vgg16(args.levels)
    task = distillation(Distillation(args.patch, args.batch), student, teacher, target=target)
    spec = host_spec(task.batch_spec, data_mesh())["image"].shape
    data = patches(open_source(args.data, "train"), patch=spec[1], batch=spec[0], seed=0, augment=True)
    config = TrainConfig(steps=args.steps, lr=args.lr, log_every=50)
    start = dict(task.init(jax.random.key(0))[STUDENT])
    start["encoder"] = started(start["encoder"], target, args)
    with RunLog(Path(args.run), "distill", args.steps) as log:
        state = fit(
            task, NOTHING, single(np.zeros(1, np.int32)), data=data, config=config, log=log, params={STUDENT: start}
        )
    return jax.tree.map(np.asarray, state.ema[STUDENT]["encoder"])


def started(student: Params, teacher: Params, args: argparse.Namespace) -> Params:
    """First filters of the teacher (edges are small beside colours, and slow to find), then layers that are all alive.

    Every further layer is scaled to unit deviation and shifted to zero mean before its ReLU, channel by channel
    (layer-sequential unit variance, arXiv 1511.06422): inputs are positive, so half the channels would start dead.
    """
    first = jax.tree.map(lambda a: a[..., :: args.divisor], teacher["conv1_1"])
    x, alive = crops(args), {}
    for name, layer in (student | {"conv1_1": first}).items():
        x = max_pool2(x) if name.endswith("_1") and name != "conv1_1" else x
        y = reflect_conv(layer, x, layer["w"].shape[-1])
        mean, deviation = y.mean((0, 1, 2)), y.std((0, 1, 2))
        if name != "conv1_1":
            layer = {"w": layer["w"] / deviation, "b": -mean / deviation}
            y = (y - mean) / deviation
        alive[name], x = layer, jax.nn.relu(y)
    return alive


def crops(args: argparse.Namespace) -> jax.Array:
    """Textured crops of the photographs, to measure activations on."""
    return to_float(jnp.asarray(validation_patches(open_source(args.data, "train"), args.patch, 64, on_small="skip")))


def unit_means(params: Params, args: argparse.Namespace) -> Params:
    """Every layer scaled to unit mean activation over crops of the photographs, as float16."""
    means = activation_means(params, crops(args))
    scaled = rescale(params, {name: 1 / float(mean) for name, mean in means.items()})
    return jax.tree.map(lambda a: np.asarray(a, np.float16), scaled)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default="runs/encoder")
    parser.add_argument("--data", default="embedded")
    parser.add_argument("--levels", type=int, default=3)
    parser.add_argument("--divisor", type=int, default=4)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--patch", type=int, default=64)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--out", default="nasjax/nets/weights/narrow_relu3_1.safetensors")
    args = parser.parse_args()
    beside = Path(f"{args.out}.part")
    write_weights(unit_means(train(args), args), beside, {"teacher": "VGG16", "levels": str(args.levels)})
    os.replace(beside, args.out)
    print(args.out)


if __name__ == "__main__":
    main()
