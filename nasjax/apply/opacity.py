"""Opacity beside the colours: enlarged by the network that enlarges them, as a grey picture."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from nasjax.apply.around import continued
from nasjax.apply.canvas import mapped, release

_BLOCK = 2**22  # values that are worked on at once


def enlarged_opacity(
    alpha: Float[np.ndarray, "h w"],
    scale: int,
    enlarge_fn: Callable[[Float[np.ndarray, "H W 1"], Float[np.ndarray, "h w 3"]], None],
    *,
    wrap: bool = False,
) -> Float[np.ndarray, "H W"]:
    """The opacity, 0 to 1, of a picture `scale` times as large; `enlarge_fn(out, pixels)` runs the network in [-1, 1].

    Each pixel stays between the least and the most of the 3x3 pixels around where it is from: what is opaque or clear
    stays so exactly, and no edge has a halo. It assumes that opacity has nothing finer than that to invent. `wrap`:
    left and right borders belong together. At scale 1 it is what it was.
    """
    if scale == 1:
        return alpha
    out = mapped((scale * alpha.shape[0], scale * alpha.shape[1]), np.float32)
    least, most = (_around(alpha, reduce_fn, wrap) for reduce_fn in (np.minimum, np.maximum))
    if (least < most).any():
        enlarge_fn(out[..., None], np.broadcast_to((2 * alpha - 1)[..., None], (*alpha.shape, 3)))
    rows = max(1, _BLOCK // (scale * out.shape[1]))
    for top in range(0, len(alpha), rows):
        part = out[scale * top : scale * (top + rows)]
        low, high = (x[top : top + rows].repeat(scale, 0).repeat(scale, 1) for x in (least, most))
        np.clip((part + 1) / 2, low, high, out=part)
        release(out)
    return out


def _around(alpha: np.ndarray, reduce_fn: Callable[..., np.ndarray], wrap: bool) -> np.ndarray:
    """The least or most of the 3x3 pixels around each one."""
    height, width = alpha.shape
    beside = np.pad(alpha, ((1, 1), (0, 0)), mode="edge")
    beside = continued(beside, 1) if wrap else np.pad(beside, ((0, 0), (1, 1)), mode="edge")
    found = beside[:height, :width]
    for i in range(9):
        found = reduce_fn(found, beside[i // 3 :, i % 3 :][:height, :width])
    return found
