"""Folders of small random pictures for the tests of the data package."""

from pathlib import Path

import numpy as np
from PIL import Image


def write_picture(path: Path, height: int, width: int, seed: int = 0) -> np.ndarray:
    """Writes a noisy lossless picture and returns its pixels."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return pixels


def write_folder(folder: Path, count: int, height: int = 20, width: int = 24) -> list[np.ndarray]:
    """Writes pictures 00.png, 01.png, ... and returns their pixels."""
    return [write_picture(folder / f"{i:02d}.png", height, width, seed=i) for i in range(count)]
