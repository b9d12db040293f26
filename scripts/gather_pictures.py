"""One folder of lossless pictures out of several, to train networks of larger sets than the embedded photographs.

    python scripts/gather_pictures.py TO [--halved FOLDER ...] [--whole FOLDER ...] [--pieces FOLDER ...]

Pictures of `--halved` are made half as large, which takes the traces of lossy compression away; those of `--whole` stay
as they are. Those of `--pieces`, photographs of many megapixels, are made a half, a third and a quarter as large and
cut into pieces of 480 pixels; pieces with next to nothing in them, such as skies, are left out. Names are those of
folder and file. What is there already is not made again; what cannot be read is named. Photographs that the package
holds out, to choose or to test by, are left out.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from nasjax.data.spec import open_source

SUFFIXES = (".webp", ".png", ".jpg", ".jpeg", ".bmp")
PIECE = 480  # pixels a side
DIVISORS = (2, 3, 4)  # of what is cut into pieces
FLAT = 3.0  # levels: mean difference of neighbours' luma below which a piece teaches nothing


def main() -> None:
    """Folder by folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("to", type=Path)
    parser.add_argument("--halved", type=Path, nargs="*", default=[])
    parser.add_argument("--whole", type=Path, nargs="*", default=[])
    parser.add_argument("--pieces", type=Path, nargs="*", default=[])
    args = parser.parse_args()
    args.to.mkdir(parents=True, exist_ok=True)
    made = sum(_copied(file, _target(args.to, file), 2) for folder in args.halved for file in pictures(folder))
    made += sum(_copied(file, _target(args.to, file), 1) for folder in args.whole for file in pictures(folder))
    made += sum(_cut(file, args.to) for folder in args.pieces for file in pictures(folder))
    print(f"{made} pictures in {args.to}")


def pictures(folder: Path) -> list[Path]:
    """Those of a folder that are no held-out photographs of the package."""
    held_out = {Path(name).stem for split in ("val", "test") for name in _names(split)}
    files = sorted(f for f in folder.rglob("*") if f.suffix.lower() in SUFFIXES and f.stem not in held_out)
    if not files:
        raise SystemExit(f"{folder}: no pictures ({', '.join(SUFFIXES)})")
    return files


def _names(split: str) -> list[str]:
    source = open_source("embedded", split)
    return [source.name(i) for i in range(len(source))]


def _target(to: Path, file: Path, part: str = "") -> Path:
    return to / f"{file.parent.name}-{file.stem}{part}.png"


def _copied(file: Path, target: Path, divisor: int) -> bool:
    """Whether there is a copy of the picture now."""
    if target.is_file():
        return True
    if (image := _opened(file)) is None:
        return False
    _write(image.reduce(divisor), target)
    return True


def _cut(file: Path, to: Path) -> int:
    """How many pieces of a picture there are now."""
    if (image := _opened(file)) is None:
        return 0
    made = [(k, i, piece) for k in DIVISORS for i, piece in enumerate(_pieces(image.reduce(k))) if not _flat(piece)]
    for k, i, piece in made:
        _write(piece, _target(to, file, f"-{k}-{i}"))
    return len(made)


def _pieces(image: Image.Image) -> Iterator[Image.Image]:
    for top in range(0, image.height - PIECE + 1, PIECE):
        for left in range(0, image.width - PIECE + 1, PIECE):
            yield image.crop((left, top, left + PIECE, top + PIECE))


def _flat(piece: Image.Image) -> bool:
    luma = np.asarray(piece.convert("L"), np.float32)
    return float(np.abs(np.diff(luma, axis=0)).mean() + np.abs(np.diff(luma, axis=1)).mean()) / 2 < FLAT


def _opened(file: Path) -> Image.Image | None:
    try:
        with Image.open(file) as opened:
            return ImageOps.exif_transpose(opened).convert("RGB")
    except OSError as error:
        print(f"{file}: left out, {error}", file=sys.stderr)
        return None


def _write(image: Image.Image, target: Path) -> None:
    part = target.with_suffix(".part")
    image.save(part, "PNG")
    part.replace(target)


if __name__ == "__main__":
    main()
