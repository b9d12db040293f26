"""Draw docs/images/stylize.jpg: embedded photographs in the light of others, by the network that is shipped.

    python scripts/plot_stylize.py [--output docs/images/stylize.jpg]

One row a pair: content, style, what `nasjax.stylize` makes of them at 480 pixels. Photographs of the validation split
were among those that the search compared candidates on (in other pairs); those of the test split were not.
"""

import argparse

import numpy as np
from PIL import Image

import nasjax
from nasjax.data.embedded import embedded_photos

PAIRS = ((("val", 1), ("val", 2)), (("test", 3), ("val", 3)), (("test", 1), ("val", 3)))  # content, style
SIZE, GAP = (480, 320), 4


def photo(split: str, place: int) -> np.ndarray:
    """An embedded photograph at the size of the picture's fields."""
    image = Image.fromarray(embedded_photos(split)[place]["image"])
    return np.asarray(image.resize(SIZE, Image.Resampling.LANCZOS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", default="docs/images/stylize.jpg")
    args = parser.parse_args()
    page = Image.new("RGB", (3 * SIZE[0] + 2 * GAP, len(PAIRS) * (SIZE[1] + GAP) - GAP), "white")
    for row, pair in enumerate(PAIRS):
        content, style = (photo(*place) for place in pair)
        for column, image in enumerate((content, style, nasjax.stylize(content, style))):
            page.paste(Image.fromarray(image), (column * (SIZE[0] + GAP), row * (SIZE[1] + GAP)))
    page.save(args.output, quality=85)


if __name__ == "__main__":
    main()
