"""PSNR and SSIM, each by a protocol that is spelled out: without it the number means nothing."""

import dataclasses
from typing import Literal, TypeAlias

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from nasjax.metrics.base import Metric, mean_metric
from nasjax.metrics.similarity import PEAK, WINDOW, similarity_map

Pictures: TypeAlias = Float[Array, "*batch h w c"] | Float[np.ndarray, "*batch h w c"]
Sizes: TypeAlias = Int[Array, "*batch 2"] | Int[np.ndarray, "*batch 2"]


@dataclasses.dataclass(frozen=True)
class Protocol:
    """What changes an image score; nothing has a default.

    `channel`: "y" (luma of `rgb_to_y`, not rounded again) or "rgb" (mean over the three). `crop`: pixels cut from
    each side. `round_to_uint8`: round and clip to 0..255 first, as if the picture had been saved. ValueError on
    anything else.
    """

    channel: Literal["y", "rgb"]
    crop: int
    round_to_uint8: bool

    def __post_init__(self) -> None:
        if self.channel not in ("y", "rgb"):
            raise ValueError(f"Protocol: unknown channel {self.channel!r}; allowed: y, rgb")
        if self.crop < 0:
            raise ValueError(f"Protocol: crop must be 0 or more pixels, got {self.crop}")

    def __str__(self) -> str:
        levels = "uint8" if self.round_to_uint8 else "float"
        channel = {"y": "Y (MATLAB rgb2ycbcr)", "rgb": "RGB"}[self.channel]
        return f"{channel}, {levels}, {self.crop} px cropped"


def sr_protocol(scale: int) -> Protocol:
    """The protocol of the super-resolution tables: luma, uint8, `scale` pixels cropped."""
    return Protocol(channel="y", crop=scale, round_to_uint8=True)


def rgb_to_y(x: Float[Array, "*batch h w 3"]) -> Float[Array, "*batch h w 1"]:
    """Luma of RGB in [-1, 1] in levels 16..235 (ITU-R BT.601, as MATLAB's `rgb2ycbcr`; not rounded)."""
    return _luma((x + 1) * 127.5)


def psnr(
    prediction: Pictures, target: Pictures, protocol: Protocol, *, sizes: Sizes | None = None
) -> Float[Array, "*batch"]:
    """Peak signal-to-noise ratio in dB of each image; images in [-1, 1], infinite where they are equal.

    `sizes` gives the (height, width) of images that were padded at the bottom and right; NaN where the crop leaves
    nothing.
    """
    error = jnp.square(_levels(prediction, protocol) - _levels(target, protocol))
    mse = _mean_inside(error, _inside(error.shape, sizes, protocol.crop, window=1))
    return 10 * jnp.log10(PEAK**2 / mse)


def ssim(
    prediction: Pictures, target: Pictures, protocol: Protocol, *, sizes: Sizes | None = None
) -> Float[Array, "*batch"]:
    """Structural similarity of each image in [-1, 1]: 11x11 Gaussian, sigma 1.5, windows that lie wholly inside.

    Wang et al. 2004, equation 13, K1 = 0.01, K2 = 0.03. `sizes` as in `psnr`. ValueError if the array, less the crop,
    is smaller than the window; NaN for an image whose own size is.
    """
    height, width = prediction.shape[-3:-1]
    if min(height, width) - 2 * protocol.crop < WINDOW:
        raise ValueError(f"ssim: {height}x{width} pixels less a crop of {protocol.crop} do not hold the 11x11 window")
    similarity = similarity_map(_levels(prediction, protocol), _levels(target, protocol))
    inside = _inside((*prediction.shape[:-1], 1), sizes, protocol.crop, window=WINDOW)
    return _mean_inside(similarity, inside)


def image_metric(protocol: Protocol) -> Metric:
    """Mean PSNR and SSIM over images, named by channel: `psnr_y` and `ssim_y`, or `psnr_rgb` and `ssim_rgb`."""
    return mean_metric(
        {
            f"psnr_{protocol.channel}": lambda p, t, sizes: psnr(p, t, protocol, sizes=sizes),
            f"ssim_{protocol.channel}": lambda p, t, sizes: ssim(p, t, protocol, sizes=sizes),
        }
    )


def _levels(x: Pictures, protocol: Protocol) -> Array:
    levels = (jnp.asarray(x, jnp.float32) + 1) * 127.5
    if protocol.round_to_uint8:
        levels = jnp.clip(jnp.round(levels), 0, 255)
    return _luma(levels) if protocol.channel == "y" else levels


def _luma(levels: Array) -> Array:
    # Three products, not a matrix product: accelerators would run that one in reduced precision.
    red, green, blue = (levels[..., i : i + 1] for i in range(3))
    return 16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255


def _inside(shape: tuple[int, ...], sizes: Sizes | None, crop: int, *, window: int) -> Bool[Array, "*batch i j"]:
    """Which windows (named by their top left corner) lie inside the images less the crop."""
    *batch, height, width, _ = shape
    sizes = jnp.broadcast_to(jnp.array([height, width]), (*batch, 2)) if sizes is None else jnp.asarray(sizes)
    axes = []
    for i, size in enumerate((height, width)):
        start = lax.broadcasted_iota(jnp.int32, (*batch, size - window + 1), len(batch))
        axes.append((start >= crop) & (start + window <= sizes[..., i : i + 1] - crop))
    return axes[0][..., :, None] & axes[1][..., None, :]


def _mean_inside(values: Array, inside: Bool[Array, "*batch h w"]) -> Float[Array, "*batch"]:
    # Rows first: a sum of a million squares in one float32 accumulator loses the third decimal of a PSNR.
    rows = jnp.where(inside[..., None], values, 0.0).sum(axis=(-1, -2))
    return rows.sum(axis=-1) / (inside.sum(axis=(-1, -2)) * values.shape[-1])
