"""Draw the sheets of docs/results/upscale.md with the networks of the package, of embedded photographs held out.

    python scripts/draw_upscale.py [--to docs/images]

upscale.jpg: pixels, bicubic, small, medium, large, the truth. upscale_sharp.jpg: bicubic, medium, `--sharpness 0.59`,
`--perceptual`, the truth. Both of test photographs halved and made four times smaller, at the square of each that
bicubic gets most wrong. upscale_real.jpg: pixels, bicubic, medium, medium-real, of photographs as they come.
"""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

import nasjax
from nasjax.data.embedded import embedded_photos
from nasjax.ops.resize import imresize_reference
from nasjax.shown import squares

SCALE, SIDE, SHOWN, GAP = 4, 128, 240, 4  # pixels: of a detail of the truth, as it is drawn, between
PICTURES = (0, 2, 6, 7)  # of the test split
Enlarge = Callable[[np.ndarray], np.ndarray]


def pixels(low: np.ndarray) -> np.ndarray:
    """Each pixel as a square."""
    return low.repeat(SCALE, 0).repeat(SCALE, 1)


def bicubic(low: np.ndarray) -> np.ndarray:
    """MATLAB's enlargement."""
    return imresize_reference(low, float(SCALE))


SMALL, MEDIUM, LARGE, REAL = (
    partial(nasjax.upscale, model=name) for name in ("small", "medium", "large", "medium-real")
)
BETWEEN, SHARP = (partial(nasjax.upscale, model="medium", sharpness=s) for s in (0.59, 1))


def main() -> None:
    """The three sheets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, default=Path("docs/images"))
    folder = parser.parse_args().to
    halved = [half(embedded_photos("test")[i]["image"]) for i in PICTURES]
    draw(folder / "upscale.jpg", [reduced(x, (pixels, bicubic, SMALL, MEDIUM, LARGE)) for x in halved])
    draw(folder / "upscale_sharp.jpg", [reduced(x, (bicubic, MEDIUM, BETWEEN, SHARP)) for x in halved])
    own = [embedded_photos("test")[i]["image"] for i in PICTURES[1:]]
    draw(folder / "upscale_real.jpg", [as_it_is(x, (pixels, bicubic, MEDIUM, REAL)) for x in own])


def half(image: np.ndarray) -> np.ndarray:
    """Half as large, a multiple of the scale: what lossy compression left is gone."""
    height, width = (n // (2 * SCALE) * SCALE for n in image.shape[:2])
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS))


def reduced(truth: np.ndarray, ways: Sequence[Enlarge]) -> list[np.ndarray]:
    """What becomes of the picture made small, and the truth, where bicubic is furthest from it."""
    low = imresize_reference(truth, 1 / SCALE)
    made = [np.asarray(way(low)) for way in ways]
    top, left = worst(truth, bicubic(low))
    return [image[top : top + SIDE, left : left + SIDE] for image in (*made, truth)]


def as_it_is(image: np.ndarray, ways: Sequence[Enlarge]) -> list[np.ndarray]:
    """A detail of the photograph itself, enlarged; the one that has most of what bicubic cannot keep."""
    small = imresize_reference(image[: image.shape[0] // 4 * 4, : image.shape[1] // 4 * 4], 1 / SCALE)
    top, left = worst(image[: small.shape[0] * 4, : small.shape[1] * 4], bicubic(small))
    part = image[top + 40 : top + 88, left + 40 : left + 88]
    return [np.asarray(way(part)) for way in ways]


def worst(truth: np.ndarray, made: np.ndarray) -> tuple[int, int]:
    """Top and left of the square of the most squared error."""
    error = np.square(truth.astype(np.float32) - made).mean(-1)
    (left, top, *_), *_ = squares(error, SIDE, 1)
    return top, left


def draw(path: Path, rows: Sequence[Sequence[np.ndarray]]) -> None:
    """A row a picture."""
    width, height = (n * (SHOWN + GAP) - GAP for n in (len(rows[0]), len(rows)))
    page = Image.new("RGB", (width, height), "white")
    for i, row in enumerate(rows):
        for j, detail in enumerate(row):
            shown = Image.fromarray(detail).resize((SHOWN, SHOWN), Image.Resampling.LANCZOS)
            page.paste(shown, (j * (SHOWN + GAP), i * (SHOWN + GAP)))
    page.save(path, quality=90)
    print(path)


if __name__ == "__main__":
    main()
