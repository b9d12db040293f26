"""The network to beat: what one would build by hand, a plain residual network of about the found one's size."""

import numpy as np

from nasjax.spaces.sr_cell import sr_cell
from nasjax.supernet.base import Supernet

_DEPTHS = (3, 4, 5, 6)
_WIDTHS = tuple(range(8, 65, 2))
_NEAR = 0.03


def handmade(scale: int, size: int) -> tuple[Supernet, np.ndarray]:
    """The plain network closest to `size` parameters: equal-width 3x3 residual pairs, bicubic image, sub-pixel tail.

    A space of this one network, and its arch.

    Three to six blocks of one width throughout (EDSR's recipe at small scale). Of those within 3 % of the size the
    one of four blocks, or nearest to four, is taken: a shape that served well at such sizes; otherwise the closest.
    """
    options = [
        (abs(p - size) / size, abs(d - 4), d, w) for d in _DEPTHS for w in _WIDTHS for p in [plain_size(scale, d, w)]
    ]
    near = [o for o in options if o[0] <= _NEAR]
    _, _, depth, width = min(near, key=lambda o: o[1:]) if near else min(options)
    net = sr_cell(scale, blocks=depth, trunk=[width], inner=[width], ops=["res"])
    return net, net.space.encode({"tail": "conv", "image": "bicubic", "att": "none"})


def plain_size(scale: int, depth: int, width: int) -> int:
    """Parameters of the plain network: stem, residual pairs, 1x1 fusion, tail."""
    pair = 2 * (9 * width * width + width)
    return 27 * width + width + depth * pair + width * width + width + (9 * width + 1) * 3 * scale**2
