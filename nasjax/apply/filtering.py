"""A photo filter on pictures of any size: the small copy is looked at once, then the picture is made part by part."""

import contextlib
import functools
import itertools
import math
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from nasjax.apply.around import wrapped
from nasjax.apply.canvas import canvas, release
from nasjax.apply.engine import outputs, sees_around, too_large
from nasjax.apply.files import bundle_folder, digest
from nasjax.apply.levels import to_floats, to_levels
from nasjax.apply.memory import refusal
from nasjax.apply.parts import in_turn, lanes
from nasjax.apply.picture import Picture
from nasjax.apply.select import Location
from nasjax.apply.tiles import Tile, cut, spans
from nasjax.export.bundle import Bundle, load_bundle
from nasjax.export.network import BUILDERS
from nasjax.export.weights import read_weights
from nasjax.files import read_json
from nasjax.spaces.photo_filter import FilterNet
from nasjax.supernet.extract import Static, as_tuple
from nasjax.typing import Params

SHIPPED = Path(__file__).parent / "filters"
_PIXELS = 1 << 18  # of a strip: what is computed of it fits in the caches' neighbourhood, and in 50 MB
_WINDOW = 3 << 17  # pixels of a window: of smaller ones, more is margin
_AT_ONCE = 4  # parts, at most
_STRIP_BYTES = 250 << 20  # of the parts that are being computed, and of the small copy's network
_ROWS = 576  # of a window: convolutions of higher ones take up to 1.7 times as long a pixel, on CPUs
_TURNS = 8  # of a picture without borders at its sides: its halves are made by one mean, and so is any turn of it
_GRAIN = 64  # sides of parts are multiples of it: few programs
_LAST = re.compile(r"\d+$")


class Filter(NamedTuple):
    """A filter ready for pictures: `change(pixels, strength)` takes levels or floats `[h, w, 3]` and gives the same.

    `settings` are what decides about its outputs, in JSON. `around` changes pictures whose left and right borders
    belong together, where the network can be shown the other side; others are turned (`apply.around`). `refuse_fn` says
    why a picture of (height, width) cannot be done in the memory there is; nothing where it can.
    """

    name: str
    change: Callable[[np.ndarray, float], np.ndarray]
    settings: dict[str, Any]
    around: Callable[[np.ndarray, float], np.ndarray] | None = None
    refuse_fn: Callable[[tuple[int, int]], str] = lambda size: ""


def shipped_filters() -> list[str]:
    """The names of the filters that come with the package."""
    return sorted(path.parent.name for path in SHIPPED.glob("*/manifest.json"))


def filter_folder(model: Location) -> Path:
    """The bundle's folder of a filter that is shipped, by its name, or of a run; ValueError where there is none."""
    known = shipped_filters()
    folder = SHIPPED / str(model) if str(model) in known else Path(model)
    if not folder.is_dir():
        raise ValueError(
            f"filter {model}: neither a folder nor one of those that are shipped: {', '.join(known) or 'none'}"
        )
    return bundle_folder(folder)


def load_filter(model: Location, *, snapshots: int = 1, average: Literal["outputs", "weights"] = "outputs") -> Filter:
    """The filter of a name that is shipped, of a bundle, or of a run that has one.

    Any bundle whose output is as large as its input will do; those of `photo_filter` run in parts. With more than one
    of `snapshots` the outputs of the newest ones of a run that was trained with warm restarts are averaged instead, or
    their weights, in one pass. ValueError for a name that is not known, a folder without a bundle, one that enlarges,
    too few snapshots, or another `average`.
    """
    if average not in ("outputs", "weights"):
        raise ValueError(f"filter: average must be outputs or weights, got {average!r}")
    folder = filter_folder(model)
    bundle = load_bundle(folder)
    if int(bundle.card["scale"]) != 1:
        raise ValueError(f"filter {model}: its network enlarges by {bundle.card['scale']}; use nasjax apply")
    settings: dict[str, Any] = {"network": digest(bundle.params), "arch": bundle.arch}
    builder = read_json(folder / "arch.json")["builder"]
    in_parts = builder and builder["name"] == "photo_filter" and bundle.forward is not None
    if snapshots != 1 and not in_parts:
        raise ValueError(f"filter {model}: snapshots are averaged of networks of photo_filter that this version builds")
    name = str(bundle.card["name"])
    if not in_parts:
        change, around = (functools.partial(_in_windows, bundle, wrap=wrap) for wrap in (False, True))
        return Filter(name, change, settings, around, functools.partial(too_large, bundle))
    members = [bundle.params]
    if snapshots != 1:
        members = _snapshots(Path(model), snapshots)
        if average == "weights":
            members = [jax.tree.map(lambda *ps: np.mean(ps, 0, dtype=np.float32), *members)]
        settings["snapshots"] = [digest(params) for params in members]
    change = _in_parts(bundle, builder["arguments"], members)

    def around(pixels: np.ndarray, strength: float) -> np.ndarray:
        return wrapped(lambda turned: change(turned, strength, turns=_TURNS), pixels)

    return Filter(name, change, settings, around, functools.partial(refusal, needed=_STRIP_BYTES))


def _snapshots(run: Path, number: int) -> list[Params]:
    """The newest params that a run kept at the ends of cycles, of the training that its bundle is from."""
    if number < 1:
        raise ValueError(f"filter: the number of snapshots must be 1 or more, got {number}")
    results = run / "results.json"
    weights = str(read_json(results)["weights"]).replace("/", "-") if results.is_file() else ""
    files = sorted(
        (run / "checkpoints").glob(f"{weights}-snapshot*.safetensors"), key=lambda f: int(_LAST.findall(f.stem)[0])
    )
    if not weights or len(files) < number:
        raise ValueError(
            f"filter {run}: {number} snapshots were asked for and it has {len(files) if weights else 0}; a finished "
            "run has them whose networks were trained with final.train.schedule restarts"
        )
    return [read_weights(file) for file in files[-number:]]


def apply_filter(filter_: Filter, picture: Picture, *, strength: float = 1.0, wrap: bool = False) -> Picture:
    """The picture, filtered: transparency and what travels with it stay, greys stay grey.

    `strength` 0 leaves every pixel as it is, 1 is what the network was trained for. `wrap`: the left and right borders
    belong together (360-degree pictures). ValueError for a strength outside 0..1.
    """
    check_strength(strength)
    if strength == 0:
        return picture

    pixels = picture.pixels
    if not wrap:
        changed = filter_.change(pixels, strength)
    elif filter_.around is not None:
        changed = filter_.around(pixels, strength)
    else:
        changed = wrapped(lambda turned: filter_.change(turned, strength), pixels)
    return picture._replace(pixels=changed)


def check_strength(strength: float) -> None:
    """Raises ValueError for a strength outside 0..1."""
    if not 0 <= strength <= 1:
        raise ValueError(f"filter: strength must be 0 to 1, got {strength}")


def _in_windows(bundle: Bundle, pixels: np.ndarray, strength: float, *, wrap: bool) -> np.ndarray:
    """Any network, over the picture as one or in windows, as it allows."""
    if wrap and not sees_around(bundle):
        return wrapped(lambda turned: _in_windows(bundle, turned, strength, wrap=False), pixels)
    out = _same_kind(pixels)
    for tile, y in outputs(bundle, pixels, wrap=wrap):
        first, left, last, right = tile.core
        # A window may be the whole picture: what is mixed at once is as much of it as a strip has.
        rows = max(1, _PIXELS // (right - left))
        for top in range(first, min(last, len(pixels)), rows):
            x = to_floats(pixels[top : min(top + rows, last), left:right])
            core = y[top - tile.top :, left - tile.left :][: x.shape[0], : x.shape[1]].clip(-1, 1)
            out[top : top + len(x), left:right] = _like(pixels, (1 - strength) * x + strength * core)
        release(out)
    return out


def _like(pixels: np.ndarray, y: np.ndarray) -> np.ndarray:
    return y if np.issubdtype(pixels.dtype, np.floating) else to_levels(y, deep=pixels.dtype == np.uint16)


def _in_parts(bundle: Bundle, arguments: dict[str, Any], members: Sequence[Params]) -> Callable[..., np.ndarray]:
    """The same function for every part; nothing as large as the picture is computed with.

    What the params of all `members` make of a part is averaged, and rounded once.
    """
    net = BUILDERS["photo_filter"](**arguments)
    forward, space = net.forward, net.space
    assert isinstance(forward, FilterNet)
    arch = space.parse(bundle.arch)
    static, base, margin = as_tuple(arch), max(forward.sides), forward.margin(space.decode(arch))
    code_fn = jax.jit(lambda p, copy: forward.code(Static(space, p, static), copy))

    @_compiled_once
    @jax.jit
    def render(p: Params, code: Any, x: jax.Array, rows: jax.Array, columns: jax.Array, strength: jax.Array):
        y = forward.render(Static(space, p, static), code, x, rows=rows, columns=columns)
        return (1 - strength) * x + strength * y

    def code_of(params: Params, copy: np.ndarray, turns: int) -> dict[str, Any]:
        """What the small copy says; its mean is that of a copy whose borders lie in so many places."""
        codes = [code_fn(params, np.roll(copy, base * i // turns, 2)) for i in range(turns)]
        return {**codes[0], "mean": sum(code["mean"] for code in codes) / turns}

    def change(pixels: np.ndarray, strength: float, *, turns: int = 1) -> np.ndarray:
        size, copy = pixels.shape[:2], _small_copy(pixels, base)[None]
        coded = [(params, code_of(params, copy, turns)) for params in members]
        parts = list(_windows(size, margin, forward.step) if margin else _strips(size))
        out = _same_kind(pixels)

        def made(tile: Tile) -> np.ndarray:
            places = [_places(*axis) for axis in ((tile.top, tile.height, size[0]), (tile.left, tile.width, size[1]))]
            rows, columns = places[0].reshape(1, -1, 1, 1), places[1].reshape(1, 1, -1, 1)
            x = cut(pixels, tile, mirrored=margin > 0)
            return _mean(np.asarray(render(*each, x, rows, columns, np.float32(strength)))[0] for each in coded)

        for tile, y in in_turn(made, parts, at_once=min(lanes(), _AT_ONCE)):
            top, left, bottom, right = tile.core
            core = y[top - tile.top : bottom - tile.top, left - tile.left : right - tile.left]
            out[top:bottom, left:right] = _like(pixels, core)
            release(out)
        return out

    return change


def _compiled_once(render: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
    """The same function of params, code and a part: of several threads with parts of a new size, one compiles."""
    compiling, ready = threading.Lock(), set[tuple[int, ...]]()

    def rendered(p: Params, code: Any, x: np.ndarray, *rest: Any) -> jax.Array:
        with contextlib.nullcontext() if x.shape in ready else compiling:
            y = render(p, code, x, *rest)
        ready.add(x.shape)
        return y

    return rendered


def _mean(arrays: Iterator[np.ndarray]) -> np.ndarray:
    """The mean of arrays, of which two are there at a time; a single one is itself."""
    total, number = next(arrays), 1
    for array in arrays:
        total, number = total + array, number + 1
    return total if number == 1 else total / np.float32(number)


def _same_kind(pixels: np.ndarray) -> np.ndarray:
    """An array like the picture's; levels of a large one lie in a file."""
    floats = np.issubdtype(pixels.dtype, np.floating)
    height, width = pixels.shape[:2]
    return np.empty_like(pixels) if floats else canvas((height, width), deep=pixels.dtype == np.uint16)


def _strips(size: tuple[int, int]) -> Iterator[Tile]:
    """Strips that reach beyond the picture, so that there are few different sizes of them."""
    height, width = size
    wide = _GRAIN * -(-width // _GRAIN)
    rows = max(1, _PIXELS // wide)
    for top in range(0, height, rows):
        yield Tile(top, 0, rows, wide, (top, 0, min(top + rows, height), width))


def _windows(size: tuple[int, int], margin: int, step: int) -> Iterator[Tile]:
    """Windows of few different sizes for a network that reads neighbours and sees the picture's own borders.

    They lie inside the picture, which is mirrored up to multiples of `step` as the network would do it.
    """
    margin, (height, width) = step * -(-margin // step), size
    filled = [step * -(-n // step) for n in size]
    rows, columns = (
        spans(n, (side,), margin, exact=step) for n, side in zip(filled, _sides(filled, margin), strict=True)
    )
    for y, tall, top, bottom in rows:
        for x, wide, left, right in columns:
            yield Tile(y, x, tall, wide, (top, left, min(bottom, height), min(right, width)))


def _sides(size: Sequence[int], margin: int) -> tuple[int, ...]:
    """The height and width of windows, of few, with which the fewest pixels are computed."""
    least = _GRAIN * -(-4 * margin // _GRAIN)
    most = (max(_ROWS, least), max(_WINDOW // least, least))
    lengths = [range(least, min(n, m) + 1, _GRAIN) or (n,) for n, m in zip(size, most, strict=True)]

    def computed(sides: tuple[int, ...]) -> int:
        each = zip(size, sides, strict=True)
        return math.prod(side if side == n else side * -(-(n - 2 * margin) // (side - 2 * margin)) for n, side in each)

    return min((s for s in itertools.product(*lengths) if math.prod(s) <= _WINDOW), key=computed)


def _places(first: int, number: int, size: int) -> np.ndarray:
    """As `spaces.photo_filter` has them: of so many rows or columns from the first one; none lies beyond the last."""
    at = np.minimum(np.arange(first, first + number, dtype=np.float32), np.float32(size - 1))
    return (at + np.float32(0.5)) / np.float32(size)


def _small_copy(pixels: np.ndarray, side: int) -> np.ndarray:
    """As `spaces.photo_filter.small_copy` picks them, without a program for each size."""
    for axis in (0, 1):
        size = np.float32(pixels.shape[axis])
        middle = (np.arange(side, dtype=np.float32) + np.float32(0.5)) * (size / np.float32(side))
        pixels = np.take(pixels, middle.astype(np.int32), axis, mode="clip")
    return to_floats(pixels)
