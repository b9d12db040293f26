"""A bundle on images in memory, of any size."""

from typing import Any, TypeVar

import jax
import numpy as np
from jaxtyping import Array, Float, Num
from PIL import Image

from nasjax.apply import engine
from nasjax.apply.around import wrapped
from nasjax.apply.arrays import as_array, as_opacity, check_array, opacity_of
from nasjax.apply.canvas import canvas, release
from nasjax.apply.engine import outputs, sees_around
from nasjax.apply.levels import LUMA
from nasjax.apply.opacity import enlarged_opacity
from nasjax.apply.picture import Picture, from_pillow, to_pillow
from nasjax.apply.tiles import Tile
from nasjax.apply.transparency import spread_colours
from nasjax.export.bundle import Bundle

AnyImage = TypeVar("AnyImage", Image.Image, np.ndarray, jax.Array)


def upscale(bundle: Bundle, image: AnyImage, *, wrap: bool = False) -> AnyImage:
    """Run a bundle on one image (or a batch) and return the same kind of image, `scale` times as large.

    A Pillow picture of any mode gives an 8-bit one of mode L, LA, RGB or RGBA with its profile and EXIF, greys of 16
    bits I;16. Arrays are greys `[h, w]`, colours `[h, w, 3]`, colours with opacity `[h, w, 4]`, or batches of the
    latter two: uint8 and uint16 give the same, floats in [-1, 1] (opacity in [0, 1]) float32, unclipped. Large images
    are worked on in windows, with the same result. `wrap`: left and right borders belong together (360-degree
    pictures). Raises ValueError for another type, shape or range (NaN is in none), for the name of a file, and where
    the network must see an image as a whole that memory does not suffice for.
    """
    if isinstance(image, Image.Image):
        return to_pillow(enlarge(bundle, from_pillow(image), wrap=wrap))
    array = as_array(image, "upscale")
    check_array(array)
    batch, scale = array if array.ndim == 4 else array[None], bundle.card["scale"]
    dtype = np.float32 if np.issubdtype(array.dtype, np.floating) else array.dtype
    out = np.empty((len(batch), scale * batch.shape[1], scale * batch.shape[2], *batch.shape[3:]), dtype)
    for pixels, target in zip(batch, out, strict=True):
        _array_into(target, bundle, pixels, wrap=wrap)
    return _like(image, out if array.ndim == 4 else out[0])


def _array_into(out: np.ndarray, bundle: Bundle, pixels: np.ndarray, *, wrap: bool) -> None:
    """Write one image of any number of channels, enlarged, into an array that has as many."""
    if pixels.ndim == 2:
        enlarge_into(out[..., None], bundle, np.broadcast_to(pixels[..., None], (*pixels.shape, 3)), wrap=wrap)
        return
    alpha = opacity_of(pixels)
    colours = pixels[..., :3] if alpha is None else spread_colours(pixels[..., :3], alpha)
    enlarge_into(out[..., :3], bundle, colours, wrap=wrap)
    if alpha is not None:
        out[..., 3] = as_opacity(_opacity(bundle, alpha, wrap=wrap), out.dtype)


def predict(bundle: Bundle, x: Float[Array, "b h w c"]) -> Float[Array, "b H W d"]:
    """What a bundle makes of a batch in [-1, 1]: of one program where a picture is no larger than a window.

    Larger pictures are worked on in windows, one after the other, with the same result.
    """
    if max(x.shape[1:3]) <= engine.SIDES[-1] or x.shape[-1] != 3:
        return jax.numpy.asarray(bundle.apply(x))
    return upscale(bundle, x)


def enlarge(bundle: Bundle, picture: Picture, *, wrap: bool = False) -> Picture:
    """The picture through the network, `scale` times as large; opacity goes through it too (`enlarged_opacity`).

    `wrap` as of `upscale`.
    """
    scale = bundle.card["scale"]
    out = canvas((scale * picture.size[0], scale * picture.size[1]), deep=picture.deep)
    enlarge_into(out, bundle, picture.pixels, wrap=wrap)
    alpha = None if picture.alpha is None else _opacity(bundle, picture.alpha, wrap=wrap)
    return picture._replace(pixels=out, alpha=alpha)


def _opacity(bundle: Bundle, alpha: Float[np.ndarray, "h w"], *, wrap: bool) -> Float[np.ndarray, "H W"]:
    def through(out: np.ndarray, pixels: np.ndarray) -> None:
        enlarge_into(out, bundle, pixels, wrap=wrap)

    return enlarged_opacity(alpha, bundle.card["scale"], through, wrap=wrap)


def enlarge_into(
    out: Num[np.ndarray, "H W d"], bundle: Bundle, pixels: Num[np.ndarray, "h w 3"], *, wrap: bool = False
) -> None:
    """Write what the network makes of pixels into an array of `scale` times their size, part by part.

    Pixels and output are levels (uint8, uint16: clipped and rounded) or float32 in [-1, 1] (unclipped), each for
    itself; an output of one channel gets the luma. The output may be mapped from a file. `wrap` and
    ValueError as of `upscale`.
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
    """The tile's core into its place, as much of it as the picture has; one channel into all, or the luma into one."""
    top, left, bottom, right = (scale * edge for edge in tile.core)
    place = out[top:bottom, left:right]
    core = y[top - scale * tile.top :, left - scale * tile.left :][: place.shape[0], : place.shape[1]]
    if core.shape[-1] == 3 and place.shape[-1] == 1:
        core = core @ LUMA[:, None]
    if np.issubdtype(out.dtype, np.floating):
        place[...] = core
        return
    half = np.float32(np.iinfo(out.dtype).max / 2)
    levels = (core + np.float32(1)) * half
    np.rint(np.clip(levels, 0, 2 * half, levels), levels)
    place[...] = levels


def _like(image: Any, output: np.ndarray) -> Any:
    return jax.numpy.asarray(output) if isinstance(image, jax.Array) else output
