"""A look from two sets of pictures that do not belong together: photographs in the light of dusk.

    python scripts/train_look.py --photos PHOTOS --run runs/dusk [--steps N] [--sheet sheet.jpg]

PHOTOS is a folder of the pictures that `scripts/look_dusk.csv` names, with their side (day, dusk) and split. They are
copied into RUN/pictures/{input,target}/{train,val,test}, and one
network of `nasjax.spaces.photo_filter`, chosen by hand, is trained by `configs/filter.py` at a size for one core, then
written to RUN/export: `nasjax filter photo.jpg dusk.jpg --model RUN`. Stopped and called again it goes on where it was.
`--sheet` shows held-out pictures that may be embedded, whole: as they are, at strength 1, and at 0.6.
"""

import argparse
import csv
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

import nasjax
from nasjax.chain.configs import load_config
from nasjax.chain.problem import make_problem
from nasjax.chain.steps import export_arch, finetune_arch
from nasjax.config import Experiment

CHOSEN = Path(__file__).with_name("look_dusk.csv")
SIDES = {"day": "input", "dusk": "target"}
NETWORK = {
    "w.fine": "12",
    "w.trunk": "24",
    "b1": "res",
    "b1.w": "24",
    "b2": "off",
    "side": "128",
    "colour": "mix9x8",
    "grid": "a8x4",
    "grid.guide": "luma",
    "bands": "0",
    "restore": "none",
}


def main() -> None:
    """Copy, train, write, show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--run", type=Path, default=Path("runs/dusk"))
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--sheet", type=Path)
    args = parser.parse_args()
    gather(args.photos, args.run / "pictures")
    config = experiment(args.run / "pictures", args.steps)
    space = make_problem(config).space
    arch = space.text(space.encode(NETWORK))
    finetune_arch(config, args.run, arch, from_scratch=True)
    export_arch(args.run, arch, args.run / "export")
    if args.sheet:
        write_sheet(args.sheet, args.run)


def gather(photos: Path, folder: Path) -> None:
    """The chosen pictures, copied to where `unpaired:FOLDER` finds them."""
    with CHOSEN.open(newline="") as lines:
        rows = [*csv.DictReader(lines)]
    if missing := [row["file"] for row in rows if not (photos / row["file"]).is_file()]:
        raise SystemExit(f"{photos}: {len(missing)} of {len(rows)} pictures are missing, such as {missing[0]}")
    for row in rows:
        # "free-" is what a sheet may show (CC0, public domain); the others are there to be learned from.
        name = row["file"].replace("/", "-")
        target = folder / SIDES[row["side"]] / row["split"] / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.is_file():
            shutil.copyfile(photos / row["file"], target)


def experiment(pictures: Path, steps: int) -> Experiment:
    """The shipped config on these pictures, at a third of its size and half of its batch: a step is a quarter."""
    config = load_config("filter")
    train = replace(
        config.final.train, steps=steps, lr=1e-3, betas=(0.5, 0.999), schedule="linear", checkpoint_seconds=60.0
    )
    return replace(
        config,
        name="dusk",
        system=replace(config.system, size=120, critic=24),
        data=replace(config.data, source=f"unpaired:{pictures}", patch=96, val_patches=8, val_patch=112),
        final=replace(config.final, train=train, batch=2, formats=("onnx",)),
    )


def write_sheet(path: Path, run: Path) -> None:
    """Held-out pictures that may be embedded."""
    names = sorted((run / "pictures" / "input" / "test").glob("free-*"))
    loaded, rows = nasjax.load_filter(run), []
    for name in names:
        with Image.open(name) as image:
            x = np.asarray(image.convert("RGB"))
        rows.append([x, *(nasjax.filter_image(x, loaded, strength=strength) for strength in (1.0, 0.6))])
    Image.fromarray(_stacked(rows)).save(path, quality=88)


def _stacked(rows: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
    """Rows of pictures, filled up with white to one width."""
    lines = [np.concatenate(row, 1) for row in rows]
    width = max(line.shape[1] for line in lines)
    return np.concatenate(
        [np.pad(line, ((0, 0), (0, width - line.shape[1]), (0, 0)), constant_values=255) for line in lines]
    )


if __name__ == "__main__":
    main()
