"""Gathers photographs for searching and judging corrections: more than the package has, since these are too few.

    python scripts/gather_photographs.py --photos PHOTOS --more BSD200 --held-out BSD100 --out FOLDER

Makes FOLDER/train, val and test, for `data.source` degraded:KIND:folder:FOLDER. To learn by are the embedded training
photographs and `--more`; of `--photos` every other one, of `--held-out` every fourth is to choose by, the rest to test
on; each with the embedded ones of that split. What is learned or chosen by is made 120 pixels at its shorter side, as
corrections of colour make it in any case; what is tested on at most 512 at its longer side. FOLDER/all-test has all of
`--photos` and `--held-out` that way. How a picture is degraded depends on its name: leave names as they are.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from nasjax.data.spec import open_source

_SHORTER, _LONGER = 120, 512
_ENDINGS = {".png", ".jpg", ".jpeg", ".webp"}


def main() -> None:
    """Write the folders."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("photos", "more", "held-out", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    args = parser.parse_args()
    others, held_out = (pictures(place) for place in (args.photos, args.held_out))
    val = {*others[::2], *held_out[::4]}
    for path in pictures(args.more):
        save(small(opened(path)), args.out / "train" / f"b-{path.stem}.png")
    for path in (*others, *held_out):
        image, name = large(opened(path)), f"{'other' if path in others else 'bsd'}-{path.stem}.png"
        save(image, args.out / "all-test" / name)
        save(small(image) if path in val else image, args.out / ("val" if path in val else "test") / name)
    for split in ("train", "val", "test"):
        for name, image in embedded(split):
            save(image if split == "test" else small(image), args.out / split / f"e-{name}.png")


def pictures(place: Path) -> list[Path]:
    """The pictures in a folder and below, sorted. ValueError when there are none."""
    found = sorted(path for path in place.rglob("*") if path.suffix.lower() in _ENDINGS)
    if not found:
        raise ValueError(f"no pictures ({', '.join(sorted(_ENDINGS))}) in {place}")
    return found


def embedded(split: str) -> Iterator[tuple[str, Image.Image]]:
    """The photographs that come with the package, halved, with their names."""
    source = open_source("embedded", split)
    for i in range(len(source)):
        yield source.name(i).replace("/", "_"), Image.fromarray(source[i]["image"])


def opened(path: Path) -> Image.Image:
    """A picture in colours."""
    with Image.open(path) as image:
        return image.convert("RGB")


def small(image: Image.Image) -> Image.Image:
    """Its shorter side made 120 pixels."""
    scale = _SHORTER / min(image.size)
    return image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)


def large(image: Image.Image) -> Image.Image:
    """Its longer side made at most 512 pixels."""
    image.thumbnail((_LONGER, _LONGER), Image.Resampling.LANCZOS)
    return image


def save(image: Image.Image, path: Path) -> None:
    """Lossless, into a folder that is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


if __name__ == "__main__":
    main()
