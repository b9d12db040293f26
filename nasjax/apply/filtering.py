"""A photo filter on pictures of any size: the small copy is looked at once, then the picture is made strip by strip."""

import functools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import nasjax
from nasjax.apply.around import wrapped
from nasjax.apply.canvas import canvas, release
from nasjax.apply.files import bundle_folder, digest
from nasjax.apply.images import enlarge
from nasjax.apply.levels import to_floats, to_levels
from nasjax.apply.picture import Picture
from nasjax.apply.select import Location
from nasjax.export.bundle import Bundle, load_bundle
from nasjax.export.network import BUILDERS
from nasjax.export.weights import read_weights
from nasjax.files import read_json
from nasjax.spaces.photo_filter import FilterNet
from nasjax.supernet.extract import Static, as_tuple
from nasjax.typing import Params

SHIPPED = Path(__file__).parent / "filters"
_PIXELS = 1 << 19  # of a strip: what is computed of it fits in the caches' neighbourhood, and in 100 MB
_LAST = re.compile(r"\d+$")
_GRAIN = 64  # strips of filters that read no neighbours are so many columns wide, or a multiple: few programs


class Filter(NamedTuple):
    """A filter ready for pictures: `change(pixels, strength)` takes levels or floats `[h, w, 3]` and gives the same.

    `settings` are what decides about its outputs, in JSON. `around` changes pictures whose left and right borders
    belong together, where the network can be shown the other side; others are turned (`apply.around`).
    """

    name: str
    change: Callable[[np.ndarray, float], np.ndarray]
    settings: dict[str, Any]
    around: Callable[[np.ndarray, float], np.ndarray] | None = None


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


def load_filter(model: Location, *, snapshots: int = 1) -> Filter:
    """The filter of a name that is shipped, of a bundle, or of a run that has one.

    Any bundle whose output is as large as its input will do; those of `photo_filter` run in strips. With more than one
    of `snapshots` the outputs of the newest ones of a run that was trained with warm restarts are averaged instead.
    ValueError for a name that is not known, a folder without a bundle, one that enlarges, or too few snapshots.
    """
    folder = filter_folder(model)
    bundle = load_bundle(folder)
    if int(bundle.card["scale"]) != 1:
        raise ValueError(f"filter {model}: its network enlarges by {bundle.card['scale']}; use nasjax apply")
    settings: dict[str, Any] = {"network": digest(bundle.params), "arch": bundle.arch}
    builder = read_json(folder / "arch.json")["builder"]
    in_strips = builder and builder["name"] == "photo_filter" and bundle.card["nasjax"] == nasjax.__version__
    if snapshots != 1 and not in_strips:
        raise ValueError(f"filter {model}: snapshots are averaged of networks of photo_filter of this version only")
    if snapshots != 1:
        members = [bundle._replace(params=p) for p in _snapshots(Path(model), snapshots)]
        settings["snapshots"] = [digest(member.params) for member in members]
        changes = [_in_strips(member, builder["arguments"]) for member in members]
        return Filter(str(bundle.card["name"]), functools.partial(_averaged, changes), settings)
    name = str(bundle.card["name"])
    if in_strips:
        return Filter(name, _in_strips(bundle, builder["arguments"]), settings)
    change, around = (functools.partial(_whole, bundle, wrap=wrap) for wrap in (False, True))
    return Filter(name, change, settings, around)


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


def _averaged(
    changes: list[Callable[[np.ndarray, float], np.ndarray]], pixels: np.ndarray, strength: float
) -> np.ndarray:
    """The mean of several networks' outputs, rounded once."""
    x = to_floats(pixels)
    total = functools.reduce(np.add, (change(x, strength) for change in changes))
    return _like(pixels, total / np.float32(len(changes)))


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


def _whole(bundle: Bundle, pixels: np.ndarray, strength: float, *, wrap: bool) -> np.ndarray:
    """Any network, over the picture as one."""
    x = to_floats(pixels)
    y = (1 - strength) * x + strength * to_floats(enlarge(bundle, Picture(x, deep=True), wrap=wrap).pixels)
    return _like(pixels, y)


def _like(pixels: np.ndarray, y: np.ndarray) -> np.ndarray:
    return y if np.issubdtype(pixels.dtype, np.floating) else to_levels(y, deep=pixels.dtype == np.uint16)


def _in_strips(bundle: Bundle, arguments: dict[str, Any]) -> Callable[[np.ndarray, float], np.ndarray]:
    """The same function for every strip; nothing as large as the picture is computed with."""
    net = BUILDERS["photo_filter"](**arguments)
    forward, space = net.forward, net.space
    assert isinstance(forward, FilterNet)
    arch = space.parse(bundle.arch)
    static, options = as_tuple(arch), space.decode(arch)
    margin, step, base = forward.margin(options), forward.step(options), max(forward.sides)
    code_fn = jax.jit(lambda p, copy: forward.code(Static(space, p, static), copy))

    @jax.jit
    def render(p: Params, code: Any, x: jax.Array, rows: jax.Array, columns: jax.Array, strength: jax.Array):
        y = forward.render(Static(space, p, static), code, x, rows=rows, columns=columns)
        return (1 - strength) * x + strength * y

    def change(pixels: np.ndarray, strength: float) -> np.ndarray:
        height, width = pixels.shape[:2]
        code = code_fn(bundle.params, jnp.asarray(_small_copy(pixels, base)[None]))
        rows, columns = (_places(n) for n in (height, width))
        out = _same_kind(pixels)
        for strip in _strips((height, width), margin, step):
            x = _cut(pixels, strip)[None]
            here = _filled(rows[strip.top : strip.bottom], strip.height).reshape(1, -1, 1, 1)
            across = _filled(columns, strip.width).reshape(1, 1, -1, 1)
            y = np.asarray(render(bundle.params, code, x, here, across, np.float32(strength)))[0]
            first, last = strip.core
            out[first:last] = _like(pixels, y[first - strip.top : last - strip.top, :width])
            release(out)
        return out

    return change


def _same_kind(pixels: np.ndarray) -> np.ndarray:
    """An array like the picture's; levels of a large one lie in a file."""
    floats = np.issubdtype(pixels.dtype, np.floating)
    height, width = pixels.shape[:2]
    return np.empty_like(pixels) if floats else canvas((height, width), deep=pixels.dtype == np.uint16)


class _Strip(NamedTuple):
    """Rows `top` to `bottom` of a picture, filled up to `height` x `width`, of which the rows of `core` are kept."""

    top: int
    bottom: int
    core: tuple[int, int]
    height: int
    width: int


def _strips(size: tuple[int, int], margin: int, step: int) -> Iterator[_Strip]:
    """Strips that cover a picture, with `margin` rows on either side of each core, but at the picture's borders.

    Without a margin they are filled up to few different sizes; a network that reads neighbours sees the picture's own
    borders, so its last strip has a size of its own.
    """
    height, width = size
    wide = width if margin else -(-width // _GRAIN) * _GRAIN
    rows = max(step, 2 * margin, _PIXELS // wide // step * step)
    if not margin:
        for top in range(0, height, rows):
            yield _Strip(top, min(top + rows, height), (top, min(top + rows, height)), rows, wide)
        return
    reach = -(-margin // step) * step
    first = 0
    while first < height:
        # What would be left over is no strip of its own where it is less than a margin.
        last = height if first + rows + reach >= height else first + rows
        top, bottom = max(0, first - reach), min(height, last + reach)
        yield _Strip(top, bottom, (first, last), bottom - top, wide)
        first = last


def _cut(pixels: np.ndarray, strip: _Strip) -> np.ndarray:
    part = to_floats(pixels[strip.top : strip.bottom])
    more = [(0, n - have) for n, have in zip((strip.height, strip.width), part.shape, strict=False)]
    return np.pad(part, [*more, (0, 0)], mode="edge") if any(n for _, n in more) else part


def _filled(places: np.ndarray, size: int) -> np.ndarray:
    return np.pad(places, (0, size - len(places)), mode="edge")


def _places(size: int) -> np.ndarray:
    """As `spaces.photo_filter` has them."""
    return (np.arange(size, dtype=np.float32) + np.float32(0.5)) / np.float32(size)


def _small_copy(pixels: np.ndarray, side: int) -> np.ndarray:
    """As `spaces.photo_filter.small_copy` picks them, without a program for each size."""
    for axis in (0, 1):
        size = np.float32(pixels.shape[axis])
        middle = (np.arange(side, dtype=np.float32) + np.float32(0.5)) * (size / np.float32(side))
        pixels = np.take(pixels, middle.astype(np.int32), axis, mode="clip")
    return to_floats(pixels)
