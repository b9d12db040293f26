"""Pictures through a network, from file to file: one, several, or folders of them."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from nasjax.apply.engine import too_large
from nasjax.apply.images import enlarge
from nasjax.apply.job import Job, Notes, Told, all_or_error, run_job
from nasjax.apply.picture import Picture
from nasjax.apply.plan import FileOptions, Item, Size, Wanted, plan
from nasjax.apply.reading import read_picture
from nasjax.apply.select import Location, select
from nasjax.export.bundle import Bundle, load_bundle
from nasjax.export.manifest import bundle_folder


class Change(NamedTuple):
    """What a command makes of one picture, wherever the picture is from: the whole of its own part.

    `picture_fn` is the network, `size_fn` the (height, width) of its output; `settings` is what decides about the
    output beside the input, in JSON; `refuse_fn` says why a picture of a (height, width) cannot be done, where it
    cannot.
    """

    picture_fn: Callable[[Picture], Picture]
    size_fn: Callable[[Size], Size]
    settings: Mapping[str, Any]
    refuse_fn: Callable[[Size], str] = lambda size: ""


def apply_bundle(
    bundle: Bundle | Location,
    images: Location | Sequence[Location],
    output: Location,
    *,
    options: FileOptions = FileOptions(),  # noqa: B008 - frozen
    wrap: bool = False,
    on_written: Callable[[Path, Path], None] = lambda source, target: None,
) -> list[Path]:
    """Run a bundle on image files and return the files written, as they were written.

    `images` are files or folders (`select`). One file may go to a file, whose suffix chooses the format (.png, .jpg,
    .jpeg, .webp); several go to an existing folder under their own names, in their own format where it can be written,
    else as PNG. A folder keeps a manifest: what it says was done before by the same bundle is not done again.
    `wrap`: left and right borders belong together (360-degree pictures). `on_written(source, target)` reports progress.

    Raises ValueError before any work for a missing bundle, folder or image, an unknown format, two outputs of one name
    and an output that exists; for images that failed only after all others are done, naming them.
    """
    job = picture_job(images, output, bundle_change(bundle, wrap=wrap), options=options)
    told = Told(on_written=lambda item: on_written(item.sources[0], item.target or Path()))
    return all_or_error(run_job(job, told))


def bundle_change(bundle: Bundle | Location, *, runtime: str = "jax", wrap: bool = False) -> Change:
    """What a bundle makes of a picture; raises ValueError as `load_bundle`, whose `runtime` it is.

    `wrap`: left and right borders belong together.
    """
    loaded = bundle if isinstance(bundle, Bundle) else load_bundle(bundle_folder(bundle), runtime=runtime)
    scale = int(loaded.card["scale"])
    return Change(
        lambda picture: enlarge(loaded, picture, wrap=wrap),
        size_fn=lambda size: (scale * size[0], scale * size[1]),
        settings={"network": digest(loaded.params), "arch": loaded.arch, "scale": scale, "wrap": wrap},
        refuse_fn=lambda size: too_large(loaded, size),
    )


def picture_job(
    images: Location | Sequence[Location], output: Location, change: Change, *, options: FileOptions
) -> Job:
    """The job of any command that makes one picture of one; raises ValueError as `select` and `plan`."""
    found = select(images, recursive=options.recursive, max_pixels=options.max_pixels, without=Path(output))
    planned = plan(
        [
            Wanted((s,), s.path.stem, change.size_fn(s.header.size), change.refuse_fn(s.header.size))
            for s in found.sources
        ],
        output,
        options,
        failed=found.failed,
        single=found.single,
        settings={**change.settings, "frames": options.frames},
    )

    def read(item: Item) -> tuple[Picture, Notes]:
        picture = read_picture(item.sources[0], frame=item.frame, max_pixels=options.max_pixels)
        return picture, [(item.name, text) for text in picture.notes]

    return Job(planned, read, lambda item, picture: change.picture_fn(picture), options)


def digest(params: Any) -> str:
    """A checksum of a network's parameters."""
    total = hashlib.blake2b(digest_size=16)
    for leaf in jax.tree.leaves(params):
        total.update(np.ascontiguousarray(leaf).data)
    return total.hexdigest()
