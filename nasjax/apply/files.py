"""A bundle on image files: one file, several, or folders of them."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image

from nasjax.apply.images import enlarge
from nasjax.apply.picture import FORMATS, check_folder, known_suffix, read_picture, write_picture
from nasjax.export.bundle import Bundle, load_bundle

Location = str | os.PathLike[str]


def apply_bundle(
    bundle: Bundle | Location,
    images: Location | Sequence[Location],
    output: Location,
    *,
    on_written: Callable[[Path, Path], None] = lambda source, target: None,
) -> list[Path]:
    """Run a bundle on image files and return the files written, in order.

    `images` are files or folders (their image files, not those of folders inside). One file may go to a file, whose
    suffix chooses the format (.png, .jpg, .jpeg, .webp); several go to an existing folder under their own names, in
    their own format where it can be written, else as PNG. Whole images: memory grows with the largest one, and every
    distinct size compiles once, so a folder of equal sizes is fastest. `on_written(source, target)` reports progress.

    Raises ValueError before any work for a missing bundle, folder or image, an unknown format, or two outputs of one
    name; for unreadable images only after all others are done, naming them.
    """
    pairs = _targets(_sources([images] if isinstance(images, str | os.PathLike) else images), Path(output))
    loaded = bundle if isinstance(bundle, Bundle) else load_bundle(bundle)
    written, failed = [], []
    for source, target in pairs:
        try:
            picture = read_picture(source)
        except ValueError as error:
            failed.append(str(error))
            continue
        write_picture(enlarge(loaded, picture), target)
        written.append(target)
        on_written(source, target)
    if failed:
        more = "" if len(pairs) == 1 else f"{len(failed)} of {len(pairs)} images failed, the others are done: "
        raise ValueError(more + "; ".join(failed[:5]) + (f"; and {len(failed) - 5} more" if len(failed) > 5 else ""))
    return written


def picture_files(locations: Location | Sequence[Location]) -> list[Path]:
    """The picture files of files and folders, in order; raises ValueError naming what is missing or has none."""
    return [p for p, _ in _sources([locations] if isinstance(locations, str | os.PathLike) else locations)]


def _sources(images: Sequence[Location]) -> list[tuple[Path, bool]]:
    """Each file, and whether it came out of a folder (then the output is a folder, too)."""
    found: list[tuple[Path, bool]] = []
    readable = {suffix for suffix, kind in Image.registered_extensions().items() if kind in Image.OPEN}
    for location in map(Path, images):
        if location.is_dir():
            inside = [p for p in sorted(location.iterdir()) if p.suffix.lower() in readable and p.is_file()]
            if not inside:
                raise ValueError(f"the folder {location} holds no image file")
            found += [(p, True) for p in inside]
        elif location.is_file():
            found.append((location, False))
        else:
            raise ValueError(f"cannot read image {location}: there is no such file or folder")
    if not found:
        raise ValueError("no image was given")
    return found


def _targets(sources: list[tuple[Path, bool]], output: Path) -> list[tuple[Path, Path]]:
    if len(sources) == 1 and not sources[0][1] and not output.is_dir():
        known_suffix(output)
        check_folder(output)
        return [(sources[0][0], output)]
    if not output.is_dir():
        raise ValueError(f"the output of several images must be an existing folder; {output} is not one")
    pairs = [(source, output / _name(source)) for source, _ in sources]
    taken: dict[Path, Path] = {}
    for source, target in pairs:
        if target in taken:
            raise ValueError(f"{source} and {taken[target]} would both become {target}")
        if target.resolve() == source.resolve():
            raise ValueError(f"{target} would replace its own input; choose another output folder")
        taken[target] = source
    return pairs


def _name(source: Path) -> str:
    return source.name if source.suffix.lower() in FORMATS else f"{source.stem}.png"
