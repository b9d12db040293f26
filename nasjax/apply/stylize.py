"""Photorealistic style transfer of one array by another."""

import functools
import hashlib
import os
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from nasjax.apply.regions import Labels, region_shares
from nasjax.apply.stylist import Style, Stylist
from nasjax.apply.transparency import spread_colours
from nasjax.export.stylist import load_style_network
from nasjax.linalg import METHODS
from nasjax.windows.store import kept_programs

Location: TypeAlias = str | os.PathLike[str]
Photo: TypeAlias = np.ndarray  # uint8, uint16 or float32 in [-1, 1], [h, w, 3]
Opacity: TypeAlias = np.ndarray  # float in [0, 1], [h, w]
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
    match: bool = True  # match the output's colours to the style's (`export.finish.colour_match`)
    wrap: bool = False  # left and right borders of the content belong together (360-degree pictures)

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
    content_alpha: Opacity | None = None,
    style_alpha: Opacity | None = None,
) -> Photo:
    """The content in the light and colour of the style, with its own edges; of the content's size and type.

    Pictures are `[h, w, 3]` of any sizes, uint8, uint16 or float in [-1, 1]. With alpha 0, and where a picture is its
    own style, the output is the content. Large pictures are worked on in windows, with the same result. With labels,
    each region of the content takes the statistics of the style's region of the same label. Opacities `[h, w]` in
    [0, 1] say how much a pixel counts in them; colours of what is invisible never do. Raises ValueError for other
    arrays, for labels and opacities that do not fit their picture, and for labels that only one of the two has.
    """
    (ours, counts), (theirs, their_counts) = (
        _visible(name, _pixels(name, image), alpha)
        for name, image, alpha in (("content", content, content_alpha), ("style", style, style_alpha))
    )
    shares = region_shares((content_labels, style_labels), (content.shape[:2], style.shape[:2]))
    known = _style(options, theirs, shares[1], their_counts)
    dtype = ours.dtype if ours.dtype in (np.uint8, np.uint16) else np.float32
    return _stylist(options)(
        ours, known, alpha=options.alpha, weights=shares[0], counts=counts, dtype=dtype, wrap=options.wrap
    )


def _stylist(options: StyleOptions) -> Stylist:
    return _loaded(Path(options.network or SHIPPED), options.method, options.smooth, options.match)


def _style(options: StyleOptions, pixels: Any, shares: Any, counts: Any) -> Style:
    """The statistics of a style, kept for the next content: many pictures often take the light of one."""
    arrays = [np.ascontiguousarray(a) for a in (pixels, shares, counts) if a is not None]
    digests = tuple(hashlib.blake2b(a.data).digest() for a in arrays)
    key = (str(options.network), options.method, *(a.shape for a in arrays), *digests)
    if key not in _styles:
        _styles[key] = _stylist(options).style(pixels, shares, counts)
        while len(_styles) > _KEPT_STYLES:
            _styles.popitem(last=False)
    return _styles[key]


_styles: OrderedDict[Hashable, Style] = OrderedDict()


@functools.lru_cache(4)
def _loaded(folder: Path, method: str, smooth: bool, match: bool) -> Stylist:
    """Kept, so that a second picture does not compile again."""
    return Stylist(load_style_network(folder), method=method, smooth=smooth, match=match, programs=kept_programs())


def _pixels(name: str, image: Photo) -> Any:
    if image.ndim != 3 or image.shape[-1] != 3 or 0 in image.shape:
        raise ValueError(f"stylize: the {name} must be [h, w, 3] with a pixel or more, got {image.shape}")
    if image.dtype in (np.uint8, np.uint16):
        return np.asarray(image)
    if not np.issubdtype(image.dtype, np.floating) or not np.isfinite(image).all() or np.abs(image).max() > 1.001:
        raise ValueError(f"stylize: the {name} must be uint8, uint16, or float in [-1, 1]; got {image.dtype}")
    return np.asarray(image, np.float32)


def _visible(name: str, pixels: Any, alpha: Opacity | None) -> tuple[Any, Any]:
    """The pixels without invisible colours, and how much each counts; None where all count alike."""
    if alpha is None:
        return pixels, None
    if alpha.shape != pixels.shape[:2]:
        raise ValueError(f"stylize: the {name} is {pixels.shape[:2]} (height, width), its alpha is {alpha.shape}")
    if not np.issubdtype(alpha.dtype, np.floating) or not (alpha.min() >= 0 and alpha.max() <= 1):
        raise ValueError(f"stylize: the alpha of the {name} must be float in [0, 1], got {alpha.dtype}")
    opacity = alpha.astype(np.float32)
    counts = opacity if opacity.min() < 1 and opacity.max() > 0 else None
    return spread_colours(pixels, opacity), counts
