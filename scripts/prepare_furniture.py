"""Makes the embedded pairs in nasjax/data/furniture/ from a folder of product pictures and their credits.

    pip install scikit-image==0.26.0
    python scripts/prepare_furniture.py SOURCE [--folder nasjax/data/furniture]

SOURCE holds images/NAME.webp (128 x 128) and credits.csv (file, name, category, creator, licence), as made from the
Debian package sweethome3d-furniture 1.8. Written are:

- the pictures and credits as they are;
- edges.png: the edges of all pictures one below the other, in the order of their names, one bit a pixel, black lines
  on white (Canny of scikit-image, sigma 1, thresholds 0.08 and 0.16 on luma in 0..1);
- split.json: the names held out for validation and test. Whatever shares a creator is on one side: of the groups of
  pictures so connected, the small ones (at most 12) are taken in the order of a hash of their names, until validation
  and test have 100 pictures each; all others are for training.
"""

import argparse
import csv
import json
import re
import shutil
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

SIDE, HELD_OUT, LARGEST = 128, 100, 12
SIGMA, LOW, HIGH = 1.0, 0.08, 0.16
PUBLISHERS = {"eteks", "blendswap"}  # who passed the models on, not who made them


def edges(path: Path) -> np.ndarray:
    """True where there is no edge."""
    from skimage.feature import canny

    luma = np.asarray(Image.open(path).convert("RGB"), np.float64) @ [0.299, 0.587, 0.114] / 255
    if luma.shape != (SIDE, SIDE):
        raise ValueError(f"{path} must have {SIDE}x{SIDE} pixels, has {luma.shape}")
    return ~canny(luma, SIGMA, LOW, HIGH, mode="nearest")


def creators(row: dict[str, str]) -> set[str]:
    """Who made a picture's model, without spaces and publishers."""
    names = {re.sub(r"\W", "", name).lower() for name in re.split(r",|&", row["creator"])}
    return names - PUBLISHERS or {row["file"]}


def groups(rows: list[dict[str, str]]) -> list[list[str]]:
    """Names of pictures by connected creators."""
    found: list[tuple[set[str], list[str]]] = []
    for row in rows:
        who, names = creators(row), [Path(row["file"]).stem]
        for other in [g for g in found if g[0] & who]:
            found.remove(other)
            who, names = who | other[0], other[1] + names
        found.append((who, names))
    return [sorted(names) for _, names in found]


def split(rows: list[dict[str, str]]) -> dict[str, list[str]]:
    """Validation and test, by groups."""
    small = sorted((g for g in groups(rows) if len(g) <= LARGEST), key=lambda g: zlib.crc32(g[0].encode()))
    held: dict[str, list[str]] = {"val": [], "test": []}
    for group in small:
        for names in held.values():
            if len(names) + len(group) <= HELD_OUT:
                names += group
                break
    return {name: sorted(names) for name, names in held.items()}


def main() -> None:
    """Write the folder and say what is in it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--folder", type=Path, default=Path("nasjax/data/furniture"))
    args = parser.parse_args()
    files = sorted((args.source / "images").glob("*.webp"))
    with open(args.source / "credits.csv", newline="", encoding="utf-8") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["file"])
    if [f.name for f in files] != [row["file"] for row in rows]:
        raise ValueError("credits.csv and images/ do not name the same files")
    args.folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copyfile(file, args.folder / file.name)
    shutil.copyfile(args.source / "credits.csv", args.folder / "credits.csv")
    stack = np.concatenate([edges(file) for file in files])
    Image.fromarray(stack).save(args.folder / "edges.png", optimize=True)
    held = split(rows)
    (args.folder / "split.json").write_text(json.dumps(held, indent=0) + "\n", encoding="utf-8")
    print({name: len(names) for name, names in held.items()}, f"of {len(files)} pictures are held out")


if __name__ == "__main__":
    main()
