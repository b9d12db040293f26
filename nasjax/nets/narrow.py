"""The narrow encoder that comes with the package: VGG16's features, distilled into a quarter of its widths."""

import jax.numpy as jnp

from nasjax.nets.vgg import WEIGHTS, vgg
from nasjax.typing import Params

NARROW = 4  # its widths are VGG16's divided by this
_FILE, _WIDTHS = WEIGHTS / "narrow_relu3_1.safetensors", (16, 32, 64)


def load_narrow(levels: int = 3) -> Params:
    """Parameters for `vgg(widths=(16, 32, 64)[:levels])`, scaled to unit mean activation.

    Made by `scripts/distill_encoder.py`. Raises ValueError for other than 1 to 3 levels.
    """
    from safetensors.numpy import load_file

    if not 1 <= levels <= len(_WIDTHS):
        raise ValueError(
            f"load_narrow: levels must be 1 to {len(_WIDTHS)} (relu1_1 to relu{len(_WIDTHS)}_1), got {levels}"
        )
    flat = load_file(_FILE)
    names = vgg(_WIDTHS[:levels]).params()
    return {n: {part: jnp.asarray(flat[f"{n}/{part}"], jnp.float32) for part in ("w", "b")} for n in names}
