"""Photorealistic style transfer for pictures: two arrays, two files, or folders of them."""

import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from nasjax.apply.files import picture_files
from nasjax.apply.photo import in_colours_of, limit_size, read_photo, repaint
from nasjax.apply.picture import FORMATS, Picture, check_folder, known_suffix, read_picture, write_picture
from nasjax.apply.programs import kept_programs
from nasjax.apply.stylist import Style, Stylist
from nasjax.export.stylist import load_style_network
from nasjax.linalg import METHODS

Location: TypeAlias = str | os.PathLike[str]
Photo: TypeAlias = np.ndarray  # uint8 or float32 in [-1, 1], [h, w, 3]
Labels: TypeAlias = np.ndarray  # integers, [h, w]
SHIPPED = Path(__file__).parent / "network"
_MOST_REGIONS = 16


@dataclass(frozen=True)
class StyleOptions:
    """How pictures are stylised. Raises ValueError naming the option that is out of range."""

    alpha: float = 1.0  # 0 transfers nothing, 1 everything
    size: int | None = None  # longest side that is worked at; None: the content's own
    smooth: bool = True  # filter the change along the content's edges (`ops.guided.keep_detail`)
    method: str = "newton-schulz"  # how statistics are moved: eigh, newton-schulz or cholesky
    network: Location | None = None  # a network folder of a search; None: the one that comes with the package
    match: bool = True  # match the output's colours to the style's (`export.finish.colour_match`)

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
    shares = _shares((content_labels, style_labels), pixels)
    stylist = _stylist(options)
    out = _stylised(stylist, pixels[0], stylist.style(pixels[1], shares[1]), options, shares[0])
    return out


def stylize_files(
    contents: Location | Sequence[Location],
    styles: Location | Sequence[Location],
    output: Location,
    *,
    options: StyleOptions = StyleOptions(),  # noqa: B008 - frozen
    masks: tuple[Location, Location] | None = None,
    on_written: Callable[[Path], None] = lambda target: None,
) -> list[Path]:
    """Stylise every content by every style and return the files written.

    One content and one style may go to a file; otherwise `output` is an existing folder, and files are named
    CONTENT_STYLE. Files or folders may be given. Profile, EXIF and transparency of the content are kept. `masks` are
    pictures of one content's and one style's regions: areas of equal colour belong together. Raises ValueError before
    any work for what is missing or does not fit.
    """
    sources, styles_ = picture_files(contents), picture_files(styles)
    targets = _targets(sources, styles_, Path(output))
    if masks is not None and len(targets) > 1:
        raise ValueError("stylize: masks go with one content and one style; stylise the others one by one")
    stylist, written = _stylist(options), []
    for style_path in styles_:
        # A style's colours depend on the space in which the content keeps its own: nearly always the same for all.
        known: dict[bytes, Style] = {}
        theirs = limit_size(read_photo(style_path), options.size)
        for path in sources:
            picture = limit_size(read_photo(path), options.size)
            labels = (None, None) if masks is None else _mask_labels(masks, (picture, theirs))
            shares = _shares(labels, [picture.rgb, theirs.rgb])
            if picture.profile not in known:
                known[picture.profile] = stylist.style(in_colours_of(theirs, picture).rgb, shares[1])
            out = _stylised(stylist, picture.rgb, known[picture.profile], options, shares[0])
            write_picture(repaint(picture, out), targets[path, style_path])
            written.append(targets[path, style_path])
            on_written(written[-1])
    return written


def _stylised(stylist: Stylist, content: Photo, style: Style, options: StyleOptions, shares: Any) -> np.ndarray:
    """uint8 for levels of 8 bits, float32 for floats."""
    dtype = np.uint8 if content.dtype == np.uint8 else np.float32
    return stylist(content, style, alpha=options.alpha, weights=shares, dtype=dtype)


def _stylist(options: StyleOptions) -> Stylist:
    return _loaded(Path(options.network or SHIPPED), options.method, options.smooth, options.match)


@functools.lru_cache(4)
def _loaded(folder: Path, method: str, smooth: bool, match: bool) -> Stylist:
    """Kept, so that a second picture does not compile again."""
    return Stylist(load_style_network(folder), method=method, smooth=smooth, match=match, programs=kept_programs())


def _pixels(name: str, image: Photo) -> Any:
    if image.ndim != 3 or image.shape[-1] != 3 or 0 in image.shape:
        raise ValueError(f"stylize: the {name} must be [h, w, 3] with a pixel or more, got {image.shape}")
    if image.dtype == np.uint8:
        return image
    if not np.issubdtype(image.dtype, np.floating) or not np.isfinite(image).all() or np.abs(image).max() > 1.001:
        raise ValueError(f"stylize: the {name} must be uint8, or float in [-1, 1]; got {image.dtype}")
    return np.asarray(image, np.float32)


def _shares(labels: tuple[Labels | None, Labels | None], pixels: Sequence[Any]) -> tuple[Any, Any]:
    """Labels as one share a region, `[h, w, k]`, in a common order; None where there are none."""
    ours, theirs = labels
    if ours is None and theirs is None:
        return None, None
    if ours is None or theirs is None:
        raise ValueError("stylize: labels are needed for both content and style, or for neither")
    for name, array, image in zip(("content", "style"), (ours, theirs), pixels, strict=True):
        if array.shape != image.shape[:2]:
            raise ValueError(f"stylize: the {name} is {image.shape[:2]} (height, width), its labels are {array.shape}")
    values, others = np.unique(ours), np.unique(theirs)
    if missing := sorted(set(values.tolist()) - set(others.tolist())):
        raise ValueError(
            f"stylize: label {missing[0]} of the content does not occur in the style, which has {others.tolist()}"
        )
    if len(values) > _MOST_REGIONS:
        raise ValueError(f"stylize: {len(values)} regions; at most {_MOST_REGIONS} are supported")
    return ours[..., None] == values, theirs[..., None] == values


def _mask_labels(masks: tuple[Location, Location], pictures: tuple[Picture, Picture]) -> tuple[Labels, Labels]:
    """Label images from mask pictures: each colour of the two is one label; resized where the picture was."""
    levels = []
    for path, picture in zip(masks, pictures, strict=True):
        rgb = np.round((read_picture(path).rgb + 1) * 127.5).astype(np.int64)
        size, (height, width) = rgb.shape[:2], picture.rgb.shape[:2]
        if abs(size[0] * width - size[1] * height) > max(*size, height, width):
            raise ValueError(f"stylize: mask {path} is {size} (height, width), its picture {(height, width)}")
        rows, columns = (np.arange(n) * m // n for n, m in ((height, size[0]), (width, size[1])))
        levels.append((rgb @ np.array([65536, 256, 1]))[rows[:, None], columns[None, :]])
    for path, level in zip(masks, levels, strict=True):
        if (number := len(np.unique(level))) > _MOST_REGIONS:
            raise ValueError(
                f"stylize: mask {path} has {number} colours; each is a region, at most {_MOST_REGIONS} are supported "
                "(save masks without anti-aliasing, and as PNG: JPEG invents colours)"
            )
    return levels[0], levels[1]


def _targets(contents: list[Path], styles: list[Path], output: Path) -> dict[tuple[Path, Path], Path]:
    if len(contents) == len(styles) == 1 and not output.is_dir():
        known_suffix(output)
        check_folder(output)
        return {(contents[0], styles[0]): output}
    if not output.is_dir():
        raise ValueError(f"the output of several pictures must be an existing folder; {output} is not one")
    named = {(c, s): output / f"{c.stem}_{s.stem}{_suffix(c)}" for s in styles for c in contents}
    taken: dict[Path, tuple[Path, Path]] = {}
    for pair, target in named.items():
        if target in taken:
            raise ValueError(f"{pair[0]} and {taken[target][0]} would both become {target}")
        if target.resolve() in (pair[0].resolve(), pair[1].resolve()):
            raise ValueError(f"{target} would replace its own input; choose another output folder")
        taken[target] = pair
    return named


def _suffix(source: Path) -> str:
    return source.suffix if source.suffix.lower() in FORMATS else ".png"
