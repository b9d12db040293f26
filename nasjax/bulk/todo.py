"""What is to be made of many pictures, decided from lists of names before any is opened, and written down first."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from nasjax.apply.formats import FORMATS
from nasjax.apply.journal import MANIFEST, entries, made, settings_digest
from nasjax.apply.plan import FileOptions, short_stem
from nasjax.apply.select import Location
from nasjax.bulk.places import Found, Place, append, pictures, place_of, stamps
from nasjax.files import to_json


class Entry(NamedTuple):
    """One picture to make: of what, to where, and what tells the file that is there `before`; None where there is none.

    Its target follows from its source, and a file there that is not the one before is this picture: whoever is asked to
    make it a second time, because a machine was lost, sees that it is made.
    """

    source: Found
    target: str
    before: list[Any] | None


class Beside(NamedTuple):
    """What all outputs are made of beside their own picture: files as a manifest has them, and what names end in."""

    of: tuple[list[Any], ...] = ()
    ending: str = ""


class Named(NamedTuple):
    """Pictures and where each of them goes to, in a place."""

    output: Place
    found: list[Found]
    targets: list[str]
    beside: Beside = Beside()


class Todo(NamedTuple):
    """What is to be made in a place, and the targets of what was made before."""

    output: Place
    entries: list[Entry]
    done: list[str]
    beside: Beside = Beside()


def named(
    images: Location | Sequence[Location],
    output: Location,
    options: FileOptions,
    *,
    beside: Beside = Beside(),  # noqa: B008 - immutable
) -> Named:
    """The pictures of folders and what their outputs are called, from the names of files alone.

    Raises ValueError for a folder without pictures or one that does not exist, two outputs of one name, and one that
    would replace an input.
    """
    place = place_of(output)
    if place.local and not Path(place.path).is_dir():
        raise ValueError(f"the output of pictures in bulk must be an existing folder; {place.path} is not one")
    places = [place_of(each) for each in ([images] if isinstance(images, str | os.PathLike) else images)]
    found = [each for given in places for each in pictures(given, recursive=options.recursive, without=place)]
    if not found:
        raise ValueError(f"{', '.join(p.name(p.path) for p in places[:3])}: no file in there is called like a picture")
    return Named(place, found, _targets(found, place, options, beside.ending), beside)


def look(names: Named, *, settings: Mapping[str, Any], options: FileOptions) -> Todo:
    """What is to be done, from the manifest of the output folder and what is in it.

    Raises ValueError for an output that exists, unless `options.overwrite` or the manifest says that it is the same
    command's.
    """
    place = names.output
    there, noted, digest = stamps(place), entries(_manifest(place)), settings_digest(settings)
    todo, done = [], []
    for source, target in zip(names.found, names.targets, strict=True):
        now, entry = there.get(target), noted.get(target[len(place.path) + 1 :])
        if now is not None and made(entry, digest, of=_of(source, names.beside), there=now):
            done.append(target)
        else:
            todo.append(Entry(source, target, now))
    if not options.overwrite:
        _check_new(todo, place)
    return Todo(place, todo, done, names.beside)


def write_down(todo: Todo, settings: Mapping[str, Any]) -> None:
    """Say in the manifest of the output folder what is going to be made of what, so that it is known again later."""
    digest, place = settings_digest(settings), todo.output
    lines: list[dict[str, Any]] = [{"settings": digest, "are": settings}]
    for entry in todo.entries:
        name = entry.target[len(place.path) + 1 :]
        of = _of(entry.source, todo.beside)
        lines.append({"target": name, "of": of, "before": entry.before, "settings": digest})
    append(place, f"{place.path}/{MANIFEST}", (to_json(line) for line in lines))


def output_names(insides: Sequence[PurePosixPath], format: str | None, ending: str = "") -> list[PurePosixPath]:
    """What outputs of inputs of these names are called; as `apply.plan` has it, but for files without a suffix.

    `ending` is what each name has before its suffix.
    """
    own = [each.suffix if each.suffix.lower() in FORMATS else ".png" for each in insides]
    suffixes = [f".{format}" for _ in insides] if format else own
    # Pictures that differ in their suffix alone keep it in their names, but the one whose output is called like itself.
    times = Counter(each.with_suffix(suffix) for each, suffix in zip(insides, suffixes, strict=True))
    names = []
    for each, suffix in zip(insides, suffixes, strict=True):
        alone = times[each.with_suffix(suffix)] == 1 or each.suffix == suffix
        stem = each.stem + ending + ("" if alone else f"_{each.suffix[1:]}")
        names.append(each.with_name(short_stem(stem, suffix) + suffix))
    return names


def _targets(found: Sequence[Found], place: Place, options: FileOptions, ending: str) -> list[str]:
    names = output_names([each.inside for each in found], options.format, ending)
    targets = [f"{place.path}/{name}" for name in names]
    taken: dict[str, Found] = {}
    for source, target in zip(found, targets, strict=True):
        if (other := taken.setdefault(target, source)) is not source:
            both = " and ".join(each.place.name(each.path) for each in (source, other))
            raise ValueError(f"{both} would both become {place.name(target)}")
    inputs = {each.path for each in found if each.place.fs == place.fs}
    if over := next((target for target in targets if target in inputs), None):
        raise ValueError(f"{place.name(over)} would replace an input; choose another output")
    return targets


def _of(source: Found, beside: Beside) -> list[list[Any]]:
    return [source.noted, *beside.of]


def _manifest(place: Place) -> bytes:
    path = f"{place.path}/{MANIFEST}"
    return place.fs.cat_file(path) if place.fs.exists(path) else b""


def _check_new(todo: Sequence[Entry], place: Place) -> None:
    there = [place.name(entry.target) for entry in todo if entry.before is not None]
    if there:
        some = ", ".join(there[:3]) + (f" and {len(there) - 3} more" if len(there) > 3 else "")
        exist = "exists" if len(there) == 1 else "exist"
        raise ValueError(f"{some} {exist} and would be replaced; allow that with --overwrite, or choose another output")
