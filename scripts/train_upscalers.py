"""Train the networks of `nasjax upscale`, or some of them.

    python scripts/train_upscalers.py --more PICTURES [--run runs/upscalers] [--models medium_x4 small_x4 ...]
        [--rounds 4] [--data DATA] [--start WEIGHTS] [--batch 16] [--patch 24] [--steps N] [--lr LR]

Every model is trained in rounds: a round is a whole cosine cycle that starts from the averaged weights of the round
before (the first one from random weights, or from those of the model named in `MODELS`: its trunk for another scale,
and made wider for a wider network), and leaves RUN/MODEL/ROUND.safetensors. All models get their short first round
before any gets its second. A stopped run goes on from its checkpoint, a finished round is not trained again, and one
more round is one more entry of `Model.rounds`. Rounds learn from the embedded photographs, or from PICTURES, which
`scripts/gather_pictures.py` makes of those and of 22 larger ones. `--start` trains a model's last round alone, from
weights such as those of its bundle in the package.
On an accelerator: `--batch 64 --steps 200000`, which replaces the steps of every round; a batch is that of one device.
`python scripts/bench_upscalers.py` scores what is there, `python scripts/ship_upscalers.py` writes it into the package.
"""

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from nasjax.data.evaluation import validation_patches
from nasjax.data.pipeline import patches
from nasjax.data.source import Cached, Source
from nasjax.data.spec import open_source
from nasjax.export.trainable import unfolded
from nasjax.export.weights import read_weights, write_weights
from nasjax.metrics.image import psnr, sr_protocol
from nasjax.sampling import single
from nasjax.spaces.sr_cell import sr_cell
from nasjax.supernet.base import Supernet
from nasjax.tasks.base import extracted_model, to_float
from nasjax.tasks.super_resolution import MARGIN, SuperResolutionTask, degrade, super_resolution
from nasjax.train.config import TrainConfig
from nasjax.train.log import RunLog
from nasjax.train.loop import Interrupted, fit
from nasjax.train.parallel import data_mesh, host_spec
from nasjax.train.validation import Validation
from nasjax.typing import Arch, Params

GENERATOR = "generator"
TRUNK = ("stem", "fuse", "b")  # layers that do not depend on the scale; names of blocks are b1, b2, ...
SCORED = 32  # validation patches


class Round(NamedTuple):
    """A cosine cycle, on the pictures at these shares of their size: reduced ones have finer detail."""

    steps: int
    lr: float
    sizes: tuple[float, ...] = (1.0,)
    more: bool = False  # those of `--more`, rather than the embedded ones


SIZES = (1.0, 2 / 3, 1 / 2)


@dataclasses.dataclass(frozen=True)
class AtSizes:
    """A source's pictures at several sizes, one after the other; those that would be too small are left out."""

    source: Source
    entries: tuple[tuple[int, float], ...]

    @classmethod
    def of(cls, source: Source, sizes: Sequence[float], least: int) -> "AtSizes":
        """Each picture at each size at which its shorter side has `least` pixels."""
        pairs = [(i, size) for size in sizes for i in range(len(source))]
        return cls(source, tuple((i, size) for i, size in pairs if int(size * min(source.size(i))) >= least))

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int) -> dict[str, Any]:
        (picture, _), (height, width) = self.entries[index], self.size(index)
        image = Image.fromarray(self.source[picture]["image"]).resize((width, height), Image.Resampling.BICUBIC)
        return {"name": self.name(index), "image": np.asarray(image)}

    def name(self, index: int) -> str:
        picture, size = self.entries[index]
        return f"{self.source.name(picture)} at {size:.2g}"

    def size(self, index: int) -> tuple[int, int]:
        picture, size = self.entries[index]
        height, width = self.source.size(picture)
        return int(size * height), int(size * width)


class Model(NamedTuple):
    """A network: residual pairs of re-parameterised 3x3 convolutions, all of one width, behind a separable tail."""

    scale: int
    blocks: int
    width: int
    rounds: tuple[Round, ...]
    start: str | None = None  # the model whose trunk it starts from
    degradation: str = "bicubic"

    @property
    def arguments(self) -> dict[str, Any]:
        """Those of `sr_cell`, in JSON."""
        widths = {"trunk": [self.width], "inner": [self.width]}
        return {"scale": self.scale, "blocks": self.blocks, **widths, "ops": ["rep"]}

    def network(self) -> tuple[Supernet, Arch]:
        """The space of this one network, and its arch."""
        net = sr_cell(**self.arguments)
        return net, net.space.encode({"att": "none", "tail": "sep", "image": "bicubic"})


_AGAIN = Round(16_000, 1e-3, more=True)
_MEDIUM = (Round(1200, 3e-3), Round(40_000, 2e-3), Round(20_000, 1e-3, SIZES), _AGAIN)
_FURTHER = (Round(8000, 1.5e-3, more=True),)  # from what `medium_x4` has learned
MODELS = {
    "medium_x4": Model(4, 8, 20, _MEDIUM),
    "small_x4": Model(4, 5, 12, (Round(1200, 3e-3), Round(40_000, 2e-3), Round(8000, 1e-3, SIZES), _AGAIN)),
    "medium_x2": Model(2, 8, 20, _FURTHER, start="medium_x4"),
    "medium_x3": Model(3, 8, 20, _FURTHER, start="medium_x4"),
    "medium-real_x4": Model(4, 8, 20, _FURTHER, start="medium_x4", degradation="practical"),
    "large_x4": Model(4, 8, 32, (Round(10_000, 1.5e-3, more=True), _AGAIN), start="medium_x4"),
}


def trained(folder: Path, name: str) -> Params | None:
    """The weights of a model's last finished round."""
    last = rounds(folder, name)
    return read_weights(folder / name / f"{last}.safetensors") if last else None


def rounds(folder: Path, name: str) -> int:
    """How many rounds of a model are finished."""
    done = [i for i in range(1, len(MODELS[name].rounds) + 1) if (folder / name / f"{i}.safetensors").is_file()]
    return max(done, default=0)


def train(args: argparse.Namespace, name: str, number: int) -> None:
    """A round of a model, counted from 1, where it has so many and this one is not finished."""
    model, folder = MODELS[name], Path(args.run) / name
    weights = folder / f"{number}.safetensors"
    skipped = bool(args.start) and number < len(model.rounds)
    if number > len(model.rounds) or weights.is_file() or skipped:
        return
    net, arch = model.network()
    params = started(args, model, net, arch) if number == 1 or args.start else trained(Path(args.run), name)
    state = _fit(args, model, name=f"round{number}", cycle=model.rounds[number - 1], params=params, folder=folder)
    beside = Path(f"{weights}.part")
    write_weights(jax.tree.map(np.asarray, state.ema[GENERATOR]), beside, {"arch": net.space.text(arch)})
    os.replace(beside, weights)


def started(args: argparse.Namespace, model: Model, net: Supernet, arch: Arch) -> Params | None:
    """Those of `--start`; else None for random weights, or what another model has learned."""
    if args.start:
        return trainable(net, arch, read_weights(Path(args.start)))
    if model.start is None:
        return None
    given = trained(Path(args.run), model.start)
    if given is None:
        raise ValueError(f"{model.start} must be trained first: add it to --models")
    own = net.extract_params(net.init(jax.random.key(0)), arch)
    same = MODELS[model.start].scale == model.scale
    return {n: widened(given[n], p) if same or n in TRUNK or n[1:].isdigit() else p for n, p in own.items()}


def widened(given: Params, own: Params) -> Params:
    """Weights of a wider network that makes what the narrower one makes (Net2Net, arXiv 1511.05641).

    New channels keep their random weights, so that they have something to say, and nothing listens to them yet: what
    leads from a new channel to an old one is 0. Weights that are as wide already are those that are given.
    """

    def leaf(narrow: jax.Array, wide: jax.Array) -> np.ndarray:
        made = np.array(wide)
        if narrow.ndim > 1:
            made[..., narrow.shape[-2] :, : narrow.shape[-1]] = 0
        made[tuple(slice(n) for n in narrow.shape)] = narrow
        return made

    return jax.tree.map(leaf, given, own)


def trainable(net: Supernet, arch: Arch, given: Params) -> Params:
    """Weights as they are trained, out of those, or out of a bundle's, whose branches were added up (`unfolded`).

    Raises ValueError for weights of another network.
    """
    own = net.extract_params(net.init(jax.random.key(0)), arch)
    if jax.tree.structure(given) == jax.tree.structure(own):
        return given
    if jax.tree.structure(given) != jax.tree.structure(net.deploy_params(own, arch)):
        raise ValueError(f"--start: neither trained nor deployed weights of {net.space.text(arch)}")
    return unfolded(given, own, lambda params: net.deploy_params(params, arch))


def _fit(args: argparse.Namespace, model: Model, *, name: str, cycle: Round, params: Params | None, folder: Path):
    net, arch = model.network()
    settings = SuperResolutionTask(model.scale, args.patch, args.batch, degradation=model.degradation)
    task = super_resolution(settings, extracted_model(net, arch), single(arch))
    spec = host_spec(task.batch_spec, data_mesh())["image"].shape
    whole = open_source(_pictures(args, cycle), "train")
    source = whole if cycle.sizes == (1.0,) else Cached(AtSizes.of(whole, cycle.sizes, spec[1]), 2**28)
    data = patches(source, patch=spec[1], batch=spec[0], seed=0, on_small="skip")
    steps, lr = args.steps or cycle.steps, args.lr or cycle.lr
    config = TrainConfig(steps=steps, lr=lr, log_every=100, validate_every=500, changed=("steps", "lr"))
    start = None if params is None else {GENERATOR: params}
    with RunLog(folder, name, steps, validation=_validation(model)) as log:
        return fit(task, net.space, single(arch), data=data, config=config, log=log, params=start)


def _pictures(args: argparse.Namespace, cycle: Round) -> str:
    """Where a round's pictures are."""
    if args.data:
        return args.data
    if cycle.more and not args.more:
        raise ValueError("--more: this round learns from a folder that scripts/gather_pictures.py makes; name it")
    return f"folder:{args.more}" if cycle.more else "embedded"


def _validation(model: Model) -> Validation:
    """Y-PSNR on textured patches of the photographs that are held out for it."""
    side = (32 + 2 * MARGIN) * model.scale
    crops = jnp.asarray(validation_patches(open_source("embedded", "val"), side, SCORED))
    net, arch = model.network()
    network = net.extract(arch)

    @jax.jit
    def score(params: Params, crops: jax.Array) -> jax.Array:
        low, high = degrade(to_float(crops), model.scale)
        return psnr(network.apply({"params": params}, low), high, sr_protocol(model.scale)).mean()

    return Validation(lambda params: {"psnr_y": float(score(params[GENERATOR], crops))})


def hours(folder: Path) -> float:
    """Hours that the trainings of a model ran for, by the rates of its log."""
    return sum(_seconds(folder / "metrics.jsonl")) / 3600


def _seconds(path: Path) -> Iterator[float]:
    before: dict[str, int] = {}
    for line in path.read_text().splitlines() if path.is_file() else []:
        row = json.loads(line)
        if row.get("steps_per_s"):
            yield (row["step"] - before.get(row["phase"], 0)) / row["steps_per_s"]
        before[row["phase"]] = row["step"]


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The options of the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default="runs/upscalers")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=[*MODELS])
    parser.add_argument("--rounds", type=int, default=4, help="how many rounds of each; the first ones come first")
    parser.add_argument("--more", metavar="PICTURES", help="a folder with train/, of rounds that learn from more")
    parser.add_argument("--data", help="instead of both, for all rounds, such as folder:PICTURES")
    parser.add_argument(
        "--start", metavar="WEIGHTS", help="of one model, or its bundle's: what its last round starts from"
    )
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--patch", type=int, default=24, help="low-resolution pixels a side")
    parser.add_argument("--steps", type=int, help="of every round, instead of those of MODELS")
    parser.add_argument("--lr", type=float, help="of every round, instead of those of MODELS")
    return parser.parse_args(argv)


def until_stopped(work: Callable[[], None]) -> int:
    """The exit code of training what is missing: 0, or 128 and the signal that stopped it."""
    try:
        work()
    except Interrupted as stop:
        print(stop, file=sys.stderr)
        return 128 + stop.signum
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Train what is missing; see `until_stopped`."""
    args = parse(argv)

    def work() -> None:
        for number in range(1, args.rounds + 1):
            for name in args.models:
                train(args, name, number)

    return until_stopped(work)


if __name__ == "__main__":
    sys.exit(main())
