"""What a command will write, decided and checked before any work: names, formats, sizes, and nothing overwritten."""

import hashlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from nasjax.apply.formats import FORMATS, format_of, suffix_for, too_long
from nasjax.apply.journal import Journal
from nasjax.apply.reading import MAX_PIXELS
from nasjax.apply.select import Failure, Source
from nasjax.apply.writing import check_folder

_LONGEST_NAME = 255  # bytes, of every file system in use
Size = tuple[int, int]


@dataclass(frozen=True)
class FileOptions:
    """How pictures are found, read and written, the same for every command. ValueError naming what is out of range."""

    recursive: bool = False  # pictures of folders inside the given ones too, in the same folders of the output
    frames: str = "first"  # of animated and multi-page files: the one that they open at, or "all"
    format: str | None = None  # of outputs in a folder: png, jpg or webp (default: the input's, else PNG)
    overwrite: bool = False  # replace what exists; an input is never replaced
    max_pixels: int = MAX_PIXELS  # a larger input is refused
    shard: tuple[int, int] = (1, 1)  # (k, n): every n-th picture from the k-th on; n processes share the work
    # Pictures that are read, and as many that are written, beside the network.
    jobs: int = field(default_factory=lambda: max(2, (os.cpu_count() or 2) // 2))

    def __post_init__(self) -> None:
        k, n = self.shard
        wrong = {
            f"frames must be 'first' or 'all', got {self.frames!r}": self.frames not in ("first", "all"),
            f"unknown format {self.format!r}; allowed: {', '.join(s[1:] for s in FORMATS)}": self.format is not None
            and f".{self.format}" not in FORMATS,
            f"max_pixels must be positive, got {self.max_pixels}": self.max_pixels < 1,
            f"the shard must be K/N with K from 1 to N, got {k}/{n}": not 1 <= k <= n,
            f"jobs must be 1 or more, got {self.jobs}": self.jobs < 1,
        }
        if message := next((text for text, holds in wrong.items() if holds), None):
            raise ValueError(message)


class Wanted(NamedTuple):
    """An output that is asked for: the files it is made of, the first of which it is named after, and its stem."""

    sources: tuple[Source, ...]
    stem: str
    size: Size  # height and width of the output
    refusal: str = ""  # why it cannot be made


class Item(NamedTuple):
    """One piece of work: inputs, which frame of the first, the file to write (None: nothing), and its size."""

    sources: tuple[Path, ...]
    target: Path | None = None
    size: Size = (0, 0)
    frame: int = 0

    @property
    def name(self) -> str:
        """What messages call it."""
        return " by ".join(map(str, self.sources))


class Plan(NamedTuple):
    """The work of one process: what to do, what cannot be done and why, and what was done before."""

    items: list[Item]
    failed: list[Failure]
    done: list[Path]
    notes: list[tuple[str, str]]  # what is to be said about a file
    journal: Journal | None = None  # of a folder of outputs


def plan(
    wanted: Sequence[Wanted],
    output: str | os.PathLike[str],
    options: FileOptions,
    *,
    failed: Sequence[Failure] = (),
    single: bool,
    settings: Mapping[str, Any],
    inputs: Sequence[Path] = (),
) -> Plan:
    """Where everything goes: to the file `output` where it is no folder and a `single` file is asked for, or into it.

    What is refused, and an output whose size its format does not take, is in `failed`, by name. Raises ValueError for a
    folder that does not exist, a file of another format than `options` ask for, two outputs of one name, an output that
    is one of the inputs (`inputs`: further ones, such as masks), and for one that exists unless `options.overwrite`, or
    the manifest of the folder says that it is the same command's.
    """
    given, output = os.fspath(output), Path(output)
    into = output.is_dir()
    if not into and given.endswith(("/", os.sep)):
        raise ValueError(f"the output {given}: there is no such folder; make it first")
    if not into and not single:
        raise ValueError(f"the output of several pictures must be an existing folder; {output} is not one")
    if not into and any(_frames(each, options) != [each.sources[0].header.first] for each in wanted):
        raise ValueError(f"all frames of a file go to a folder; {output} is none: give an existing one as the output")
    refused = [Failure(_item(each).name, each.refusal) for each in wanted if each.refusal]
    wanted = [each for each in wanted if not each.refusal]
    items = _into_folder(wanted, output, options) if into else _to_file(wanted, output, options)
    journal = Journal(output, settings) if into else None
    _check_inputs(items, {path for item in items for path in item.sources} | set(inputs))
    k, n = options.shard
    failures = [*failed, *refused][k - 1 :: n]
    todo, done = [], []
    for item in items[k - 1 :: n]:
        assert item.target is not None
        if journal is not None and journal.done(item.target, item.sources):
            done.append(item.target)
        elif reason := too_long(format_of(item.target), item.size):
            failures.append(Failure(item.name, reason))
        else:
            todo.append(item)
    if not options.overwrite:
        _check_new(todo)
    return Plan(todo, failures, done, _frame_notes(wanted, todo, options), journal)


def _to_file(wanted: Sequence[Wanted], output: Path, options: FileOptions) -> list[Item]:
    if not output.suffix:
        raise ValueError(
            f"the output {output}: there is no such folder, and the name of a file ends in one of {', '.join(FORMATS)}"
        )
    if options.format is not None and FORMATS[f".{options.format}"] != format_of(output):
        raise ValueError(
            f"the format {options.format} contradicts the output {output}, whose name says what it is; the format is "
            "for outputs in a folder"
        )
    check_folder(output)
    return [_item(each)._replace(target=output) for each in wanted]


def _into_folder(wanted: Sequence[Wanted], output: Path, options: FileOptions) -> list[Item]:
    check_folder(output / "any")
    named = [(each, _suffix(each.sources[0], options)) for each in wanted]
    # Pictures that differ in their suffix alone keep it in their names, but the one whose output is called like itself.
    times = Counter(output / each.sources[0].inside.parent / f"{each.stem}{suffix}" for each, suffix in named)
    items = []
    for each, suffix in named:
        folder = output / each.sources[0].inside.parent
        own = each.sources[0].path.suffix
        stem = each.stem if times[folder / f"{each.stem}{suffix}"] == 1 or own == suffix else f"{each.stem}_{own[1:]}"
        frames = _frames(each, options)
        ends = [suffix] if len(frames) == 1 else [f"_{i + 1:0{len(str(len(frames)))}d}{suffix}" for i in frames]
        targets = [folder / f"{short_stem(stem, end)}{end}" for end in ends]
        items += [_item(each)._replace(target=t, frame=frame) for t, frame in zip(targets, frames, strict=True)]
    taken: dict[Path | None, Item] = {}
    for item in items:
        if (other := taken.setdefault(item.target, item)) is not item:
            raise ValueError(f"{item.name} and {other.name} would both become {item.target}")
    return items


def _suffix(source: Source, options: FileOptions) -> str:
    return suffix_for(source.path, source.header.kind) if options.format is None else f".{options.format}"


def _frames(wanted: Wanted, options: FileOptions) -> list[int]:
    header = wanted.sources[0].header
    return list(range(header.frames)) if options.frames == "all" and header.frames > 1 else [header.first]


def _frame_notes(wanted: Sequence[Wanted], todo: Sequence[Item], options: FileOptions) -> list[tuple[str, str]]:
    """Which frame is used, of files with several of which not all are: those that are named after, or all others."""
    used = {path for item in todo for path in item.sources}
    first = [s for each in wanted for s in each.sources[options.frames == "all" :]]
    several = {s.path: s.header for s in first if s.header.frames > 1 and s.path in used}
    more = ", all of them with --frames all" if options.frames == "first" else ""
    return [(str(path), f"{h.frames} frames: number {h.first + 1} is used{more}") for path, h in several.items()]


def short_stem(stem: str, end: str) -> str:
    """The stem, cut where with its end a name would be too long; a digest keeps two such names apart."""
    most = _LONGEST_NAME - len(end.encode())
    if len(stem.encode()) <= most:
        return stem
    digest = hashlib.blake2b(stem.encode(), digest_size=4).hexdigest()
    return stem.encode()[: most - 9].decode(errors="ignore") + f"~{digest}"


def _item(wanted: Wanted) -> Item:
    """The work of one output, as yet without a place for it."""
    return Item(tuple(s.path for s in wanted.sources), None, wanted.size, wanted.sources[0].header.first)


def _check_inputs(items: Sequence[Item], inputs: set[Path]) -> None:
    """Links and names that differ in case alone are the same file too."""
    files = {file: path for path in inputs if (file := _identity(path)) is not None}
    for item in items:
        file = None if item.target is None else _identity(item.target)
        if file is not None and (found := files.get(file)) is not None:
            raise ValueError(f"{item.target} would replace the input {found}; choose another output")


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file a path leads to; None where there is none (any more)."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


def _check_new(items: Sequence[Item]) -> None:
    there = [str(item.target) for item in items if item.target is not None and os.path.lexists(item.target)]
    if there:
        some = ", ".join(there[:3]) + (f" and {len(there) - 3} more" if len(there) > 3 else "")
        exist = "exists" if len(there) == 1 else "exist"
        raise ValueError(f"{some} {exist} and would be replaced; allow that with --overwrite, or choose another output")
