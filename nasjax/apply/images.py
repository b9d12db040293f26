"""A bundle on images in memory: whole images, whatever their size."""

from typing import Any, TypeVar

import jax
import numpy as np
from PIL import Image

from nasjax.apply.picture import Picture, from_pillow, to_pillow
from nasjax.export.bundle import Bundle

AnyImage = TypeVar("AnyImage", Image.Image, np.ndarray, jax.Array)


def upscale(bundle: Bundle, image: AnyImage) -> AnyImage:
    """Run a bundle on one image (or a float batch) and return the same kind of image, `scale` times as large.

    A Pillow picture of any mode gives an 8-bit one of mode L, LA, RGB or RGBA with its profile and EXIF; uint8
    `[h, w, 3]` gives uint8; float `[h, w, 3]` or `[b, h, w, 3]` in [-1, 1] gives float32, unclipped.
    The first call for each distinct size compiles. Raises ValueError for another type or shape.
    """
    if isinstance(image, Image.Image):
        return to_pillow(enlarge(bundle, from_pillow(image)))
    array = np.asarray(image)
    if array.ndim not in (3, 4) or array.shape[-1] != 3 or 0 in array.shape:
        raise ValueError(f"upscale: expected an image [h, w, 3] or a batch [b, h, w, 3], got the shape {array.shape}")
    if array.dtype == np.uint8:
        output = _run(bundle, array.astype(np.float32) / 127.5 - 1)
        return _like(image, np.round(np.clip((output + 1) * 127.5, 0, 255)).astype(np.uint8))
    if not np.issubdtype(array.dtype, np.floating):
        raise ValueError(f"upscale: expected uint8 or float in [-1, 1], got {array.dtype}")
    return _like(image, _run(bundle, array.astype(np.float32)))


def enlarge(bundle: Bundle, picture: Picture) -> Picture:
    """The picture through the network, `scale` times as large; transparency is enlarged beside it, by bicubic."""
    rgb = np.clip(_run(bundle, picture.rgb), -1, 1)
    if picture.alpha is None:
        return picture._replace(pixels=rgb)
    alpha = Image.fromarray(picture.alpha).resize(rgb.shape[1::-1], Image.Resampling.BICUBIC)
    return picture._replace(pixels=rgb, alpha=np.clip(np.asarray(alpha), 0, 1))


def _run(bundle: Bundle, image: np.ndarray) -> np.ndarray:
    """The network on float `[..., h, w, 3]`, padded to the sizes that it accepts and cropped back."""
    batch = _in_channels(bundle, image if image.ndim == 4 else image[None])
    height, width = batch.shape[1:3]
    step, least = bundle.card["size_multiple"], bundle.card["min_size"]
    added = [max(-(-n // step) * step, least) - n for n in (height, width)]
    padded = np.pad(batch, ((0, 0), (0, added[0]), (0, added[1]), (0, 0)), mode="edge")
    scale = bundle.card["scale"]
    output = np.asarray(bundle.apply(jax.numpy.asarray(padded)))[:, : scale * height, : scale * width]
    output = np.repeat(output, 3, -1) if output.shape[-1] == 1 else output
    return output if image.ndim == 4 else output[0]


def _in_channels(bundle: Bundle, batch: np.ndarray) -> np.ndarray:
    """Colours as the network takes them: their luma (ITU-R BT.601) where it takes one channel."""
    one = str(bundle.card.get("colour_order", "RGB")).startswith("1 ")
    return batch @ np.array([[0.299], [0.587], [0.114]], np.float32) if one else batch


def _like(image: Any, output: np.ndarray) -> Any:
    return jax.numpy.asarray(output) if isinstance(image, jax.Array) else output
