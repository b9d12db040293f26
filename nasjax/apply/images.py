"""A bundle on images in memory, of any size."""

from typing import Any, TypeVar

import jax
import numpy as np
from jaxtyping import Array, Float, Num
from PIL import Image

from nasjax.apply import engine
from nasjax.apply.around import continued, wrapped
from nasjax.apply.canvas import canvas, mapped, release
from nasjax.apply.engine import outputs, sees_around
from nasjax.apply.picture import Picture, from_pillow, to_pillow
from nasjax.apply.tiles import Tile
from nasjax.export.bundle import Bundle

_TAPS = 2  # pixels that bicubic enlargement looks at on either side
_BLOCK = 2**22  # values that are computed at once
AnyImage = TypeVar("AnyImage", Image.Image, np.ndarray, jax.Array)


def upscale(bundle: Bundle, image: AnyImage, *, wrap: bool = False) -> AnyImage:
    """Run a bundle on one image (or a float batch) and return the same kind of image, `scale` times as large.

    A Pillow picture of any mode gives an 8-bit one of mode L, LA, RGB or RGBA with its profile and EXIF; uint8
    `[h, w, 3]` gives uint8; float `[h, w, 3]` or `[b, h, w, 3]` in [-1, 1] gives float32, unclipped. Large images are
    worked on in windows, with the same result. `wrap`: left and right borders belong together (360-degree pictures).
    Raises ValueError for another type or shape, and where the network must see an image as a whole that memory does not
    suffice for.
    """
    if isinstance(image, Image.Image):
        return to_pillow(enlarge(bundle, from_pillow(image), wrap=wrap))
    array = np.asarray(image)
    if array.ndim not in (3, 4) or array.shape[-1] != 3 or 0 in array.shape:
        raise ValueError(f"upscale: expected an image [h, w, 3] or a batch [b, h, w, 3], got the shape {array.shape}")
    if array.dtype != np.uint8 and not np.issubdtype(array.dtype, np.floating):
        raise ValueError(f"upscale: expected uint8 or float in [-1, 1], got {array.dtype}")
    dtype, batch = (np.uint8 if array.dtype == np.uint8 else np.float32), array.reshape(-1, *array.shape[-3:])
    scale = bundle.card["scale"]
    out = np.empty((len(batch), scale * array.shape[-3], scale * array.shape[-2], 3), dtype)
    for pixels, target in zip(batch, out, strict=True):
        enlarge_into(target, bundle, pixels, wrap=wrap)
    return _like(image, out if array.ndim == 4 else out[0])


def predict(bundle: Bundle, x: Float[Array, "b h w c"]) -> Float[Array, "b H W d"]:
    """What a bundle makes of a batch in [-1, 1]: of one program where a picture is no larger than a window.

    Larger pictures are worked on in windows, one after the other, with the same result.
    """
    if max(x.shape[1:3]) <= engine.SIDES[-1] or x.shape[-1] != 3:
        return jax.numpy.asarray(bundle.apply(x))
    return upscale(bundle, x)


def enlarge(bundle: Bundle, picture: Picture, *, wrap: bool = False) -> Picture:
    """The picture through the network, `scale` times as large; transparency is enlarged beside it, by bicubic.

    `wrap` as of `upscale`.
    """
    scale = bundle.card["scale"]
    size = (scale * picture.size[0], scale * picture.size[1])
    out = canvas(size, deep=picture.deep)
    enlarge_into(out, bundle, picture.pixels, wrap=wrap)
    alpha = None if picture.alpha is None else _enlarged(picture.alpha, size, around=_TAPS if wrap else 0)
    return picture._replace(pixels=out, alpha=alpha)


def enlarge_into(
    out: Num[np.ndarray, "H W c"], bundle: Bundle, pixels: Num[np.ndarray, "h w 3"], *, wrap: bool = False
) -> None:
    """Write what the network makes of pixels into an array of `scale` times their size, part by part.

    Pixels and output are levels (uint8, uint16: clipped and rounded) or float32 in [-1, 1] (unclipped), each for
    itself; the output may be mapped from a file. `wrap` and ValueError as of `upscale`.
    """
    if wrap and not sees_around(bundle):
        out[...] = wrapped(lambda turned: _made(out, bundle, turned), pixels)
        return
    scale = bundle.card["scale"]
    for tile, y in outputs(bundle, pixels, wrap=wrap):
        _paste(out, tile, y, scale)
        release(out)


def _made(like: np.ndarray, bundle: Bundle, pixels: np.ndarray) -> np.ndarray:
    out = np.empty_like(like)
    enlarge_into(out, bundle, pixels)
    return out


def _paste(out: np.ndarray, tile: Tile, y: np.ndarray, scale: int) -> None:
    """The tile's core into its place, as much of it as the picture has; one channel into all of them."""
    top, left, bottom, right = (scale * edge for edge in tile.core)
    place = out[top:bottom, left:right]
    core = y[top - scale * tile.top :, left - scale * tile.left :][: place.shape[0], : place.shape[1]]
    if np.issubdtype(out.dtype, np.floating):
        place[...] = core
        return
    half = np.float32(np.iinfo(out.dtype).max / 2)
    levels = (core + np.float32(1)) * half
    np.rint(np.clip(levels, 0, 2 * half, levels), levels)
    place[...] = levels


def _enlarged(alpha: Float[np.ndarray, "h w"], size: tuple[int, int], *, around: int = 0) -> Float[np.ndarray, "H W"]:
    """A plane of another size by bicubic, in [0, 1]; some rows at a time, since it may be as large as the picture.

    `around`: how many columns of the other side are found beyond the left and right border.
    """
    out, factor = mapped(size, np.float32), alpha.shape[0] / size[0]
    image = Image.fromarray(continued(alpha, around))
    rows = max(1, _BLOCK // size[1])
    for top in range(0, size[0], rows):
        part = out[top : top + rows]
        box = (around, top * factor, around + alpha.shape[1], (top + len(part)) * factor)
        resized = image.resize((size[1], len(part)), Image.Resampling.BICUBIC, box)
        np.clip(np.asarray(resized), 0, 1, part)
        release(out)
    return out


def _like(image: Any, output: np.ndarray) -> Any:
    return jax.numpy.asarray(output) if isinstance(image, jax.Array) else output
