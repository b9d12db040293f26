"""One line of text names a data set; this turns it into a source."""

import zlib
from collections.abc import Callable
from pathlib import Path

from nasjax.data.degrade import Degraded
from nasjax.data.domains import Reversed, Unpaired, apart, unpair
from nasjax.data.embedded import embedded_photos
from nasjax.data.embedded_pairs import furniture
from nasjax.data.folders import folder, matching, pairs, side_by_side
from nasjax.data.source import Cached, Halved, OnError, Source, Subset
from nasjax.data.tfds import tfds_domains, tfds_source

_FORMS = (
    "embedded, furniture, folder:PATH (or just a path), pairs:PATH (with input/ and target/), folders:INPUTS|TARGETS, "
    "side-by-side:PATH, "
    "unpaired:PATH (with input/ and target/), unpaired:PAIRS, apart:PAIRS or reversed:PAIRS (any form of pairs), "
    "degraded:KIND:PICTURES (any form of single pictures, made worse), tfds:NAME or tfds:NAME#FEATURE"
)
SPLITS = ("train", "val", "test", "all")
_SIDES = ("input", "target")
_DECODED = 1 << 29  # bytes of pictures that are kept as they were before they were degraded
_VARIANTS = {"train": 16, "val": 8}  # of each degraded picture; once in other splits


def open_source(
    spec: str, split: str, *, halve: bool | None = None, on_error: OnError = "fail", cache_bytes: int = 2 << 30
) -> Source:
    """Opens the data set that `spec` names, halved if asked for, and cached up to `cache_bytes` of decoded pictures.

    Forms: "embedded" (photographs), "furniture" (edges and pictures), "folder:PATH" or just a path, "pairs:PATH"
    (PATH/input and PATH/target), "folders:INPUTS|TARGETS" (pairs where all names match, unpaired where none does),
    "side-by-side:PATH" (input left, target right), "tfds:NAME" or "tfds:NAME#FEATURE".
    "reversed:" before any form of pairs swaps the sides, "unpaired:" forgets which belong together, and "apart:" has
    the inputs of one half of the pictures and the targets of the other, so that no truth is in them; "unpaired:PATH" is
    two folders that do not, PATH/input and PATH/target or CycleGAN's PATH/trainA, trainB, testA, testB; TFDS sets with
    such splits (tfds:cycle_gan/horse2zebra) are unpaired too. "degraded:KIND:" before single pictures makes pairs of
    them and of what `data.degrade` makes of them. `halve=None` halves the embedded photographs alone, which
    are lossy. `split` is train, val, test or all: of a folder its sub-folder of that name if it has such sub-folders;
    else a tenth each (at least one picture) is held out as val and test by a hash of the name, so that adding pictures
    hardly moves others. ValueError on an unknown form or split, or a data set that is missing or empty.
    """
    opened = _open(spec, split, on_error)

    def kept(source: Source) -> Source:
        halved = halve or (halve is None and spec == "embedded")
        return Cached(Halved(source) if halved else source, cache_bytes)

    return Unpaired(kept(opened.inputs), kept(opened.targets)) if isinstance(opened, Unpaired) else kept(opened)


def _open(spec: str, split: str, on_error: OnError) -> Source:
    form, _, rest = spec.partition(":")
    if form == "degraded":
        return _degraded(rest, split, on_error)
    if spec == "embedded":
        return embedded_photos(split)
    if spec == "furniture":
        return furniture(split)
    if form == "tfds":
        return _tfds(rest, split)
    if split not in SPLITS:
        raise ValueError(f"data {spec!r}: unknown split {split!r}; allowed: {', '.join(SPLITS)}")
    if form == "folders":
        return _folders(rest, split, on_error)
    if form == "unpaired":
        return _unpaired(rest, split, on_error)
    if form == "apart":
        return apart(_open(rest, split, on_error))
    if form == "reversed":
        return _reversed(_open(rest, split, on_error))
    if form == "folder" or Path(spec).is_dir():
        path = Path(rest if form == "folder" else spec)
        return _split_folder(path, split, lambda place: folder(place, on_error))
    if form == "pairs":
        return _pairs(Path(rest), split, on_error)
    if form == "side-by-side":
        return _split_folder(Path(rest), split, lambda place: side_by_side(place, on_error))
    raise ValueError(f"data {spec!r}: neither an existing folder nor a known form; allowed: {_FORMS}")


def _pairs(path: Path, split: str, on_error: OnError) -> Source:
    """Two folders in one; a config that nobody has told of any pictures names one that is not there."""
    if not path.is_dir():
        raise ValueError(
            f"image folder {path} does not exist or is not a folder; pairs:PATH has input/ and target/ in it, and two "
            "folders anywhere are folders:BEFORE|AFTER, or --a BEFORE --b AFTER of a command"
        )
    return _split_folder(path, split, lambda place: pairs(place / "input", place / "target", on_error))


def _folders(rest: str, split: str, on_error: OnError) -> Source:
    """Two folders anywhere, which belong together where their files are called alike."""
    inputs, _, targets = rest.partition("|")
    if not inputs or not targets:
        raise ValueError(f"data folders:{rest}: needs two folders, INPUTS|TARGETS")
    if matching(inputs, targets):
        return hold_out(pairs(inputs, targets, on_error), split, where=rest)
    return Unpaired(*(hold_out(folder(place, on_error), split, where=place) for place in (inputs, targets)))


def _degraded(rest: str, split: str, on_error: OnError) -> Degraded:
    """Pictures that are halved are so before they are degraded, not their degradations with them."""
    kind, _, spec = rest.partition(":")
    pictures = _open(spec, split, on_error)
    # Decoded once, however often each is degraded.
    pictures = Cached(Halved(pictures) if spec == "embedded" else pictures, _DECODED)
    return Degraded(pictures, kind, _VARIANTS.get(split, 1))


def _tfds(rest: str, split: str) -> Source:
    name, _, feature = rest.partition("#")
    domains = tfds_domains(name, split, key=feature or None)
    return tfds_source(name, split, key=feature or None) if domains is None else Unpaired(*domains)


def _unpaired(rest: str, split: str, on_error: OnError) -> Unpaired:
    """Two folders, or the two sides of a source of pairs."""
    path = Path(rest)
    if not path.is_dir():
        opened = _open(rest, split, on_error)
        return opened if isinstance(opened, Unpaired) else unpair(opened)
    cycle = (path / "trainA").is_dir() and (path / "trainB").is_dir()
    if not cycle and not all((path / side).is_dir() for side in _SIDES):
        raise ValueError(f"data unpaired:{rest}: needs the folders input/ and target/, or trainA/ and trainB/")
    if not cycle:
        return Unpaired(*(_split_folder(path / side, split, lambda place: folder(place, on_error)) for side in _SIDES))
    return Unpaired(*(_cycle_side(path, letter, split, on_error) for letter in "AB"))


def _cycle_side(path: Path, letter: str, split: str, on_error: OnError) -> Source:
    """A domain of CycleGAN's folders, in which nothing is set aside for validation: a tenth of training is."""
    if split == "test" and (path / f"test{letter}").is_dir():
        return folder(path / f"test{letter}", on_error)
    place = path / f"train{letter}"
    has_test = (path / f"test{letter}").is_dir()
    return hold_out(folder(place, on_error), split, parts=("val",) if has_test else ("val", "test"), where=str(place))


def _reversed(source: Source) -> Source:
    return Unpaired(source.targets, source.inputs) if isinstance(source, Unpaired) else Reversed(source)


def _split_folder(path: Path, split: str, open_fn: Callable[[Path], Source]) -> Source:
    own = [name for name in SPLITS[:3] if (path / name).is_dir()]
    if split in own:
        return open_fn(path / split)
    if own and split != "all":
        # Holding out from the whole would mix pictures of train/ into another split.
        hint = "; make it, or test on another split (data.test)" if split == "test" else ""
        raise ValueError(f"image folder {path} has {', '.join(n + '/' for n in own)} but no {split}/{hint}")
    return hold_out(open_fn(path), split, where=str(path))


def hold_out(source: Source, split: str, *, parts: tuple[str, ...] = ("val", "test"), where: str = "") -> Source:
    """The part of a source that a split is: a tenth for each of `parts` by a hash of the name, the rest for "train".

    ValueError for a source that is too small, which is called by `where` it is, and for an unknown split.
    """
    if split == "all":
        return source
    count = len(source)
    tenth = -(-count // 10)
    if count <= len(parts):
        raise ValueError(
            f"{where}{': ' * bool(where)}{count} pictures do not split into train, {' and '.join(parts)}; give "
            f"{len(parts) + 1} or more, or sub-folders"
        )
    ranked = sorted(range(count), key=lambda i: (zlib.crc32(source.name(i).encode()), i))
    held = {name: ranked[k * tenth : (k + 1) * tenth] for k, name in enumerate(parts)}
    chosen = {**held, "train": ranked[len(parts) * tenth :]}
    if split not in chosen:
        raise ValueError(f"unknown split {split!r}; allowed: train, {', '.join(parts)}, all")
    return Subset(source, tuple(sorted(chosen[split])))
