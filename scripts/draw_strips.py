"""Draw what a finished run shows as one sheet: a row a held-out picture, a column a network, found and truth last.

    python scripts/draw_strips.py RUN OUT.jpg [--pictures 0 2 3] [--side 192]
    python scripts/draw_strips.py RUN OUT.jpg --whole PHOTO --teacher vintagify

The second draws one whole photograph instead, of any size: as it is, as what the run's bundle makes of it, and as the
teacher does.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import nasjax
from nasjax.chain.folder import RunFolder
from nasjax.export.teachers import load_teacher
from nasjax.systems.translation.teach import outputs_of

GAP, LINE = 4, 18  # pixels: between pictures, and of a line of text
Row = Mapping[str, Image.Image]


def shown(run: RunFolder, pictures: Sequence[int] | None) -> list[Row]:
    """The strips of a run: what each network makes of a picture."""
    strips = run.read("images.json")
    chosen = range(len(strips)) if pictures is None else pictures
    return [{p["label"]: Image.open(run.path / p["file"]) for p in strips[i]["panels"]} for i in chosen]


def whole(run: RunFolder, photo: Path, teacher: str) -> Row:
    """A photograph, and what the found network and its teacher make of it."""
    with Image.open(photo) as image:
        pixels = np.asarray(image.convert("RGB"))
    made = np.asarray(nasjax.load_bundle(run.path / "export").apply(pixels[None].astype(np.float32) / 127.5 - 1))[0]
    found = np.clip(np.round((made + 1) * 127.5), 0, 255).astype(np.uint8)
    taught = outputs_of(load_teacher(teacher))(pixels[None])[0]
    return {name: Image.fromarray(x) for name, x in (("input", pixels), ("found", found), ("teacher", taught))}


def sheet(rows: Sequence[Row], width: int) -> Image.Image:
    """Every picture `width` pixels wide under the names of the columns."""
    names = list(rows[0])
    drawn = [[scaled(row[name], width) for name in names] for row in rows]
    height = LINE + sum(row[0].height + GAP for row in drawn)
    page = Image.new("RGB", (len(names) * (width + GAP) - GAP, height), "white")
    write = ImageDraw.Draw(page)
    for j, name in enumerate(names):
        # In letters that fit.
        font = next(f for size in range(13, 0, -1) if (f := ImageFont.load_default(size)).getlength(name) < width)
        write.text((j * (width + GAP) + 2, 1), name, fill="black", font=font)
    top = LINE
    for row in drawn:
        for j, picture in enumerate(row):
            page.paste(picture, (j * (width + GAP), top))
        top += row[0].height + GAP
    return page


def scaled(picture: Image.Image, width: int) -> Image.Image:
    """Of that width."""
    size = (width, round(picture.height * width / picture.width))
    return picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--pictures", type=int, nargs="+")
    parser.add_argument("--side", type=int, default=192)
    parser.add_argument("--whole", type=Path)
    parser.add_argument("--teacher", default="vintagify")
    args = parser.parse_args()
    run = RunFolder(args.run)
    rows = shown(run, args.pictures) if args.whole is None else [whole(run, args.whole, args.teacher)]
    sheet(rows, args.side).save(args.out, quality=90)
    print(args.out)


if __name__ == "__main__":
    main()
