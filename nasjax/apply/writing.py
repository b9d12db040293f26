"""Pictures into files: all or nothing, in the depth and with the metadata that the format has room for."""

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nasjax.apply.canvas import behind, canvas, mapped, release, releasing
from nasjax.apply.deep import write_png
from nasjax.apply.formats import Format, format_of
from nasjax.apply.levels import greys_of, to_floats, to_levels
from nasjax.apply.metadata import save_options
from nasjax.apply.notes import listening
from nasjax.apply.photo import as_colours
from nasjax.apply.picture import Picture

_BLOCK = 2**22  # values that are converted at once


def write_picture(
    picture: Picture,
    path: str | os.PathLike[str],
    *,
    overwrite: bool = True,
    before: Callable[[Path], None] = lambda temporary: None,
) -> tuple[str, ...]:
    """Write a file by its suffix and return a line for each thing of the picture that the format has no room for.

    The file appears whole or not at all; `before` is called with the finished temporary file. JPEG, which has no
    transparency, is composed over white. Raises ValueError for an unknown suffix, a missing folder, and where something
    is at `path` unless `overwrite`; OSError naming the file where it cannot be written.
    """
    path = Path(path)
    format_ = format_of(path)
    check_folder(path)
    fitted, notes = _fitted(picture, format_)
    options, lost = save_options(fitted.meta, format_.kind, (fitted.size[1], fitted.size[0]))
    # Short, and the same for every name: one that has a suffix added to it may be too long for the file system.
    temporary = path.with_name(f".nasjax-{secrets.token_hex(4)}.tmp")
    try:
        with listening() as lines:
            _save(fitted, format_, temporary, options)
        if not overwrite and os.path.lexists(path):
            raise ValueError(f"cannot write {path}: it exists since a moment ago, and is only replaced if allowed")
        before(temporary)
        temporary.replace(path)
    except OSError as error:
        raise OSError(error.errno, f"cannot write {path}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)
    return (*notes, *lost, *dict.fromkeys(lines))


def check_folder(path: Path) -> None:
    """Raise ValueError when the folder that a file is to be written to does not exist or cannot be written to."""
    if not path.parent.is_dir():
        raise ValueError(f"cannot write {path}: the folder {path.parent} does not exist")
    if not os.access(path.parent, os.W_OK):
        raise ValueError(f"cannot write {path}: the folder {path.parent} may not be written to")


def over_white(picture: Picture) -> np.ndarray:
    """Levels `[h, w, 3]` of 8 bits of a picture that is put over white."""
    pixels, alpha = picture.pixels, picture.alpha
    if alpha is None:
        return to_levels(pixels, deep=False)
    out = canvas(picture.size, deep=False)
    for here in _blocks(picture.size):
        out[here] = to_levels(alpha[here, :, None] * (to_floats(pixels[here]) - 1) + 1, deep=False)
        for array in (pixels, alpha, out):
            release(array)
    return out


def _fitted(picture: Picture, format_: Format) -> tuple[Picture, list[str]]:
    """The picture as a format can hold it, and what had to be given up."""
    notes = []
    if picture.grey and not format_.greys:
        picture = as_colours(picture)
    if picture.alpha is not None and not format_.transparent:
        notes.append(f"{format_.kind} has no transparency: it is put over white")
        picture = picture._replace(pixels=over_white(picture), alpha=None)
    if picture.deep and not format_.deep:
        notes.append(f"{format_.kind} has 8 bits a channel, of 16 that the picture has")
        picture = picture._replace(deep=False)
    return picture, notes


def _save(picture: Picture, format_: Format, path: Path, options: dict[str, Any]) -> None:
    pixels, more = _channels(picture), {**format_.options, **options}
    with path.open("wb") as file:
        # Of a picture in a file Pillow would make a copy in memory: it takes no fourth byte for a PNG.
        if picture.deep or (format_.kind == "PNG" and isinstance(pixels, np.memmap)):
            write_png(file, pixels, more)
        else:
            with releasing(pixels):
                _pillow(pixels).save(file, format_.kind, **more)
        # Without this a power cut may leave a file of the right name and no content.
        file.flush()
        os.fsync(file.fileno())


def _pillow(pixels: np.ndarray) -> Image.Image:
    whole = behind(pixels)
    if whole is not None:
        return Image.frombuffer("RGBX", (whole.shape[1], whole.shape[0]), whole, "raw", "RGBX", 0, 1)
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def _channels(picture: Picture) -> np.ndarray:
    """Levels `[h, w, c]` of the picture's depth: one channel of greys or three of colours, and one of alpha."""
    pixels, deep = picture.pixels, picture.deep
    dtype, colours = np.dtype(np.uint16 if deep else np.uint8), 1 if picture.grey else 3
    if picture.alpha is None and not picture.grey and pixels.dtype == dtype:
        return pixels
    out = mapped((*picture.size, colours + (picture.alpha is not None)), dtype)
    for here in _blocks(picture.size):
        levels = to_levels(pixels[here], deep=deep)
        out[here, :, :colours] = greys_of(levels) if picture.grey else levels
        if picture.alpha is not None:
            out[here, :, colours] = np.round(picture.alpha[here].clip(0, 1) * np.float32(np.iinfo(dtype).max))
            release(picture.alpha)
        release(pixels)
        release(out)
    return out


def _blocks(size: tuple[int, ...]) -> Iterator[slice]:
    """Rows that are worked on at once: floats of a whole picture are four times what is written."""
    rows = max(1, _BLOCK // (3 * size[1]))
    return (slice(top, top + rows) for top in range(0, size[0], rows))
