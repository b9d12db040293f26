"""One folder of lossless pictures out of several, to train networks of larger sets than the embedded photographs.

    python scripts/gather_pictures.py TO [--halved FOLDER ...] [--whole FOLDER ...]

Pictures of `--halved` are made half as large, which takes the traces of lossy compression away; those of `--whole` stay
as they are. Names are those of folder and file. What is there already is not made again; what cannot be read is named.
Photographs that the package holds out, to choose or to test by, are left out.
"""

import argparse
import sys
from pathlib import Path

from PIL import Image, ImageOps

from nasjax.data.spec import open_source

SUFFIXES = (".webp", ".png", ".jpg", ".jpeg", ".bmp")


def main() -> None:
    """Folder by folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("to", type=Path)
    parser.add_argument("--halved", type=Path, nargs="*", default=[])
    parser.add_argument("--whole", type=Path, nargs="*", default=[])
    args = parser.parse_args()
    args.to.mkdir(parents=True, exist_ok=True)
    made = sum(gather(folder, args.to, k) for k, folders in ((2, args.halved), (1, args.whole)) for folder in folders)
    print(f"{made} pictures in {args.to}")


def gather(folder: Path, to: Path, divisor: int) -> int:
    """How many pictures of a folder are in the other one now."""
    held_out = {Path(name).stem for split in ("val", "test") for name in _names(split)}
    files = sorted(f for f in folder.rglob("*") if f.suffix.lower() in SUFFIXES and f.stem not in held_out)
    if not files:
        raise SystemExit(f"{folder}: no pictures ({', '.join(SUFFIXES)})")
    return sum(_copied(file, to / f"{folder.name}-{file.stem}.png", divisor) for file in files)


def _names(split: str) -> list[str]:
    source = open_source("embedded", split)
    return [source.name(i) for i in range(len(source))]


def _copied(file: Path, target: Path, divisor: int) -> bool:
    if target.is_file():
        return True
    try:
        with Image.open(file) as opened:
            image = ImageOps.exif_transpose(opened).convert("RGB")
    except OSError as error:
        print(f"{file}: left out, {error}", file=sys.stderr)
        return False
    part = target.with_suffix(".part")
    image.reduce(divisor).save(part, "PNG")
    part.replace(target)
    return True


if __name__ == "__main__":
    main()
