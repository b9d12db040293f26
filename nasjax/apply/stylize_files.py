"""Photorealistic style transfer of files: two pictures, or folders of them, every content by every style."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from nasjax.apply.files import picture_files
from nasjax.apply.photo import in_colours_of, limit_size, read_photo, repaint
from nasjax.apply.picture import FORMATS, Picture, check_folder, known_suffix, read_picture, write_picture
from nasjax.apply.regions import MOST_REGIONS, Labels
from nasjax.apply.stylize import Location, StyleOptions, stylize


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
    written = []
    for style_path in styles_:
        theirs = limit_size(read_photo(style_path), options.size)
        for path in sources:
            picture = limit_size(read_photo(path), options.size)
            labels = (None, None) if masks is None else _mask_labels(masks, (picture, theirs))
            style = in_colours_of(theirs, picture).rgb
            out = stylize(picture.rgb, style, options, content_labels=labels[0], style_labels=labels[1])
            write_picture(repaint(picture, out), targets[path, style_path])
            written.append(targets[path, style_path])
            on_written(written[-1])
    return written


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
        if (number := len(np.unique(level))) > MOST_REGIONS:
            raise ValueError(
                f"stylize: mask {path} has {number} colours; each is a region, at most {MOST_REGIONS} are supported "
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
