"""How pictures are prepared for InceptionV3: three protocols, each of which gives another FID.

Resizing is most of the difference between implementations (arXiv 2104.11222): a figure without its protocol means
nothing.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

_SIDE = 299


def inception_input(image: UInt8[np.ndarray, "h w 3"], protocol: str) -> Float[np.ndarray, "299 299 3"]:
    """A picture as `nets.inception` gets it: resized to 299 x 299 and scaled to about [-1, 1].

    - "clean": Pillow's antialiased bicubic in float, clipped to 0..255, then (x - 128) / 128 (clean-fid);
    - "legacy-tensorflow": TensorFlow 1's bilinear, whose corners are off, then the same (the original, torch-fidelity);
    - "legacy-pytorch": PyTorch's bilinear, not antialiased, then x / 127.5 - 1 (pytorch-fid).

    ValueError on another protocol.
    """
    if protocol not in _RESIZE:
        raise ValueError(f"unknown Inception protocol {protocol!r}; allowed: {', '.join(_RESIZE)}")
    levels = _RESIZE[protocol](image)
    scaled = levels / 127.5 - 1 if protocol == "legacy-pytorch" else (levels - 128) / 128
    return scaled.astype(np.float32)


def _antialiased(image: np.ndarray) -> np.ndarray:
    planes = [Image.fromarray(image[..., c].astype(np.float32)) for c in range(3)]
    resized = [np.asarray(p.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)) for p in planes]
    return np.stack(resized, -1).clip(0, 255)


def _bilinear(shift: float) -> Callable[[np.ndarray], np.ndarray]:
    """Two taps an axis at (i + shift) * ratio - shift, without antialiasing, borders replicated."""

    def resize(image: np.ndarray) -> np.ndarray:
        x = image.astype(np.float32)
        for axis in (0, 1):
            size = x.shape[axis]
            # In float32, as both have it: a place that is off by its rounding shows in the features.
            at = (np.arange(_SIDE, dtype=np.float32) + np.float32(shift)) * np.float32(size / _SIDE) - np.float32(shift)
            at = np.maximum(at, 0)
            low = np.floor(at).astype(int)
            share = (at - low.astype(np.float32)).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
            near, far = x.take(low, axis), x.take(np.minimum(low + 1, size - 1), axis)
            x = near + (far - near) * share
        return x

    return resize


_RESIZE = {"clean": _antialiased, "legacy-tensorflow": _bilinear(0.0), "legacy-pytorch": _bilinear(0.5)}
