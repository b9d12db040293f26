"""Pictures of noise, for systems that ask what they are given rather than what it shows."""

import numpy as np
from PIL import Image


def pictures(folder, count: int = 12, size=(40, 36)):
    """A folder of pictures of noise over a slope, no two alike."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        rng = np.random.default_rng(i)
        slope = np.linspace(0, 150, size[0])[None, :, None] * rng.random(3)
        noise = rng.integers(0, 100, (size[1], size[0], 3))
        Image.fromarray((slope + noise).astype(np.uint8)).save(folder / f"{i:02d}.png")
    return folder
