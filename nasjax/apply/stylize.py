"""Photorealistic style transfer of one array by another."""

import functools
import hashlib
import os
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import jax.numpy as jnp
import numpy as np

from nasjax.apply.regions import Labels, region_shares
from nasjax.apply.stylist import Style, Stylist
from nasjax.export.stylist import load_style_network
from nasjax.linalg import METHODS
from nasjax.ops.guided import keep_detail

Location: TypeAlias = str | os.PathLike[str]
Photo: TypeAlias = np.ndarray  # uint8 or float32 in [-1, 1], [h, w, 3]
SHIPPED = Path(__file__).parent / "network"
_KEPT_STYLES = 4


@dataclass(frozen=True)
class StyleOptions:
    """How pictures are stylised. Raises ValueError naming the option that is out of range."""

    alpha: float = 1.0  # 0 transfers nothing, 1 everything
    size: int | None = None  # longest side that is worked at; None: the content's own
    smooth: bool = True  # filter the change along the content's edges (`ops.guided.keep_detail`)
    method: str = "newton-schulz"  # how statistics are moved: eigh, newton-schulz or cholesky
    network: Location | None = None  # a network folder of a search; None: the one that comes with the package

    def __post_init__(self) -> None:
        if not 0 <= self.alpha <= 1:
            raise ValueError(f"stylize: alpha must be 0 to 1, got {self.alpha}")
        if self.size is not None and self.size < 1:
            raise ValueError(f"stylize: size must be 1 pixel or more, got {self.size}")
        if self.method not in METHODS:
            raise ValueError(f"stylize: unknown method {self.method!r}; allowed: {', '.join(METHODS)}")


def stylize(
    content: Photo,
    style: Photo,
    options: StyleOptions = StyleOptions(),  # noqa: B008 - frozen
    *,
    content_labels: Labels | None = None,
    style_labels: Labels | None = None,
) -> Photo:
    """The content in the light and colour of the style, with its own edges; of the content's size and type.

    Pictures are `[h, w, 3]` of any sizes, uint8 or float in [-1, 1]. With labels, each region of the content takes the
    statistics of the style's region of the same label. Raises ValueError for other arrays, and for labels that do not
    fit their picture or that only one of the two has.
    """
    pixels = [_pixels(name, image) for name, image in (("content", content), ("style", style))]
    found = region_shares((content_labels, style_labels), (content.shape[:2], style.shape[:2]))
    shares = [None if a is None else jnp.asarray(a) for a in found]
    out = _stylised(_stylist(options), pixels[0], _style(options, pixels[1], shares[1]), options, shares[0])
    return out if content.dtype != np.uint8 else np.round((out + 1) * 127.5).astype(np.uint8)


def _stylised(stylist: Stylist, content: Any, style: Style, options: StyleOptions, shares: Any) -> np.ndarray:
    out = stylist(content, style, alpha=options.alpha, weights=shares)
    if options.smooth:
        out = keep_detail(content, out).clip(-1, 1)
    return np.asarray(out)


def _stylist(options: StyleOptions) -> Stylist:
    return _loaded(Path(options.network or SHIPPED), options.method)


def _style(options: StyleOptions, pixels: Any, shares: Any) -> Style:
    """The statistics of a style, kept for the next content: many pictures often take the light of one."""
    arrays = [np.asarray(a) for a in (pixels, shares) if a is not None]
    digests = tuple(hashlib.blake2b(np.ascontiguousarray(a)).digest() for a in arrays)
    key = (str(options.network), options.method, *(a.shape for a in arrays), *digests)
    if key not in _styles:
        _styles[key] = _stylist(options).style(pixels, shares)
        while len(_styles) > _KEPT_STYLES:
            _styles.popitem(last=False)
    return _styles[key]


_styles: OrderedDict[Hashable, Style] = OrderedDict()


@functools.lru_cache(4)
def _loaded(folder: Path, method: str) -> Stylist:
    """Kept, so that a second picture of a size does not compile again."""
    return Stylist(load_style_network(folder), method=method)


def _pixels(name: str, image: Photo) -> Any:
    if image.ndim != 3 or image.shape[-1] != 3 or 0 in image.shape:
        raise ValueError(f"stylize: the {name} must be [h, w, 3] with a pixel or more, got {image.shape}")
    if image.dtype == np.uint8:
        return jnp.asarray(image, jnp.float32) / 127.5 - 1
    if not np.issubdtype(image.dtype, np.floating) or not np.isfinite(image).all() or np.abs(image).max() > 1.001:
        raise ValueError(f"stylize: the {name} must be uint8, or float in [-1, 1]; got {image.dtype}")
    return jnp.asarray(image, jnp.float32)
