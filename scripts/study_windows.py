"""What a student of a compression should learn from: the teacher's outputs on patches, or patches of its outputs.

    python scripts/study_windows.py RUN [--to runs/windows] [--steps 600] [--apart] [--encoders] [--source DATA]

RUN is a finished run of `configs/compress.py`, whose found network is trained on from the weights of its first
finalist, once by each row of `WAYS`, and scored like the run's own networks. `--encoders`: by each row of `ENCODERS`
instead, by whose features outputs are compared; seconds are those of the training, compiling included. `--source`: by
each row of `MORE` instead, from more windows of other pictures than the run's, which have the same ones to test on.
`--apart` trains nothing: it prints how far what the teacher makes of a picture in pieces is from what it makes of the
whole, in dB. Needs the package `vintagify`.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from nasjax.chain.alone import phase_alone, train_alone
from nasjax.chain.compare import Entry, compare
from nasjax.chain.configs import load_config
from nasjax.chain.folder import RunFolder, owned
from nasjax.chain.problem import make_problem
from nasjax.chain.run import open_run
from nasjax.chain.score import Scorer
from nasjax.data.sides import middles, open_sides
from nasjax.export.teachers import load_teacher
from nasjax.systems.translation.teach import outputs_of

SIDE, PIECES = 256, (64, 128)
SCORES = ("lpips", "ssim", "psnr", "seconds")


class Way(NamedTuple):
    """Patches of so many pixels, so many a step, out of so many windows; None: each is all that the teacher sees."""

    patch: int
    batch: int
    crops: int
    window: int | None
    encoder: Literal["vgg16", "narrow"] = "vgg16"  # compares outputs


WAYS = (Way(64, 4, 1000, None), Way(128, 1, 250, None), Way(64, 4, 250, SIDE), Way(128, 1, 250, SIDE))
ENCODERS = (Way(64, 4, 250, SIDE), Way(64, 4, 250, SIDE, "narrow"), Way(SIDE, 1, 250, SIDE, "narrow"))
MORE = (Way(64, 4, 1000, SIDE, "narrow"), Way(SIDE, 1, 1000, SIDE, "narrow"))


def trained_on(run: RunFolder, to: Path, way: Way, steps: int, *, source: str | None = None) -> dict[str, float]:
    """The scores of the run's found network after so many steps more."""
    config = load_config(run.path)
    data = replace(config.data, patch=way.patch, source=source or config.data.source)
    train = replace(config.final.train, steps=steps)
    final = replace(config.final, batch=way.batch, train=train, formats=())
    system = replace(config.system, crops=way.crops, window=way.window, encoder=way.encoder)
    experiment = replace(config, system=system, data=data, final=final)
    with owned(
        to / f"{way.patch}-{way.batch}-{way.window or way.patch}-{way.encoder}-{way.crops}-{train.steps}"
    ) as folder:
        own = open_run(folder, make_problem(experiment, folder.path), print)
        problem = own.problem
        arch = problem.space.parse(run.read("results.json")["arch"])
        net, start = problem.networks.supernet, run.load_params("finalist/0-0")
        phase = phase_alone(own, "finalist/0-0", net, arch=arch, settings=final, start=start)
        row = Entry("student", "found", "", "found", problem.networks, arch, train_alone(own, [phase]))
        found = compare(own, [row], Scorer(problem, problem.init()))[0]["values"]
        return found | {"seconds": next(r["wall_s"] for r in folder.read("ledger.json") if r["phase"] == phase.name)}


def apart(teach: Callable[[np.ndarray], np.ndarray]) -> dict[str, float]:
    """PSNR to what is made of the middle of each test photograph: of the photograph, and of what is made of pieces.

    Beside them the photograph with the affine change of its colours that comes nearest, fitted to each alone.
    """
    pictures = middles(open_sides("embedded", "test").inputs, 8, (SIDE, SIDE))[1]
    whole = teach(pictures)
    found = {"the photograph": pictures, "in its best colours": np.stack(list(map(_recoloured, pictures, whole)))}
    for side in PIECES:
        grid = (len(pictures), SIDE // side, side, SIDE // side, side, 3)
        pieces = pictures.reshape(grid).swapaxes(2, 3)
        made = teach(pieces.reshape(-1, side, side, 3)).reshape(pieces.shape)
        found[f"pieces of {side} pixels"] = made.swapaxes(2, 3).reshape(pictures.shape)
    return {name: float(np.mean([_psnr(a, b) for a, b in zip(x, whole, strict=True)])) for name, x in found.items()}


def _recoloured(picture: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    colours = np.pad(picture.reshape(-1, 3).astype(float), ((0, 0), (0, 1)), constant_values=1)
    change = np.linalg.lstsq(colours, wanted.reshape(-1, 3), rcond=None)[0]
    return (colours @ change).reshape(picture.shape)


def _psnr(a: np.ndarray, b: np.ndarray) -> float:
    return 10 * np.log10(255**2 / np.mean(np.square(a.astype(float) - b)))


def main() -> None:
    """Print a row a way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="?")
    parser.add_argument("--to", type=Path, default=Path("runs/windows"))
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--apart", action="store_true")
    parser.add_argument("--encoders", action="store_true")
    parser.add_argument("--source", help="data.source")
    args = parser.parse_args()
    if args.apart:
        for name, value in apart(outputs_of(load_teacher("vintagify"))).items():
            print(f"| {name} | {value:.2f} |")
        return
    if args.run is None:
        parser.error("name a finished run of configs/compress.py, or give --apart")
    for way in MORE if args.source else ENCODERS if args.encoders else WAYS:
        values = trained_on(RunFolder(args.run), args.to, way, args.steps, source=args.source)
        print(f"| {way} | {' | '.join(f'{values[name]:.4f}' for name in SCORES)} |", flush=True)


if __name__ == "__main__":
    main()
