"""How a bundle runs on pictures of any size: in windows, exactly, where its network allows it; else as a whole.

Three ways. A network whose code is known runs in windows of few shapes, statistics of the whole picture first. A graph
(ONNX, StableHLO) whose card says how far it sees runs in windows that lie inside the picture; if it is ONNX, statistics
of the whole picture first, too. Everything else needs the picture as a whole, and is refused where memory is short.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Num

from nasjax.apply.levels import LUMA
from nasjax.apply.memory import refusal
from nasjax.apply.parts import lanes
from nasjax.apply.passes import Passes
from nasjax.apply.tiles import Tile, cut
from nasjax.export.bundle import Bundle
from nasjax.windows.memory import peak_bytes
from nasjax.windows.store import Store, kept_programs
from nasjax.windows.values import NotWindowed
from nasjax.windows.windowed import Known, Place, Plan, fitted

SIDES = (64, 128, 256, 384, 512)  # of windows, in pixels: what there are programs for
_CACHED = 256  # a side beyond which windows outgrow the caches of CPUs: longer ones only where margins ask for it
_WINDOW_BYTES = 400 << 20  # what windows may take: wide networks get smaller ones, or fewer at once
_SPARE = 1.2  # of an estimate of memory
_KEPT = 4  # networks whose programs stay


class Need(NamedTuple):
    """What it takes to run a bundle on a picture, beside the picture and the output themselves.

    `bytes` at the peak, None where it is not known; `windows`: how many parts the picture is worked on in; `whole`: why
    it cannot be worked on in parts, where it cannot.
    """

    bytes: int | None
    windows: int
    whole: str = ""


class _Source(NamedTuple):
    """Pixels of a picture, filled up to a size by replication or mirrored, in so many channels.

    With `reach`, columns are filled up by the picture's own, and so many more are on either side.
    """

    pixels: np.ndarray
    size: tuple[int, int]
    channels: int
    mirrored: bool = False
    reach: int = 0

    def cut(self, tile: Tile) -> list[np.ndarray]:
        """The window of a tile: colours, or their luma (ITU-R BT.601) for a network of one channel."""
        x = cut(self.pixels, tile, mirrored=self.mirrored, reach=self.reach)
        return [x if self.channels == 3 else x @ LUMA[:, None]]


class _Way(NamedTuple):
    """How a network runs: in windows, or as a whole, and why; and its memory, None where it is not known."""

    passes: Passes | None
    bytes_per_pixel: float | None
    whole: str = ""


class _Inside(NamedTuple):
    """A graph on windows that lie inside the picture (`passes.Programs`); there are no statistics to pass for."""

    apply: Callable[[Any], Any]

    def output(self, parameters: Any, images: Sequence[Any], *, place: Place, known: Known) -> tuple[Any, dict]:
        """What it makes of the window."""
        return self.apply(images[0]), {}

    def sums(self, level: int, parameters: Any, images: Sequence[Any], *, place: Place, known: Known) -> dict:
        """There are none."""
        return {}

    def merge(self, a: dict, b: dict) -> dict:
        """There are none."""
        return {}


def outputs(
    bundle: Bundle, pixels: Num[np.ndarray, "h w c"], *, wrap: bool = False
) -> Iterator[tuple[Tile, np.ndarray]]:
    """The parts of a picture with what the network makes of their windows, float32 `[i, j, c]`, unclipped.

    Pixels are levels or float32 in [-1, 1]. `wrap`: left and right borders belong together, of a network that
    `sees_around`: it finds the columns of the other side beyond them, and statistics are those of the picture. Raises
    ValueError where memory does not suffice.
    """
    if reason := too_large(bundle, (pixels.shape[0], pixels.shape[1])):
        raise ValueError(reason)
    way, source = _way(bundle), _Source(pixels, _accepted(bundle, pixels.shape[:2]), _channels(bundle))
    if way.passes is None:
        tile = Tile(0, 0, *source.size, (0, 0, *source.size))
        yield tile, np.asarray(bundle.apply(source.cut(tile)[0]))[0]
        return
    source = _filled(source, way.passes.plan, wrap=wrap)
    for tile, y, _ in way.passes.outputs(source, way.passes.gather(source, way.passes.plan.levels)):
        yield tile, np.asarray(y)[0]


def memory_needed(bundle: Bundle, size: tuple[int, int]) -> Need:
    """What it takes to run a bundle on a picture of (height, width), without running it."""
    way, size = _way(bundle), _accepted(bundle, size)
    tiles = [Tile(0, 0, *size, (0, 0, *size))] if way.passes is None else way.passes.tiles(size)
    each, at_once = way.bytes_per_pixel, min(len(tiles), 1 if way.passes is None else way.passes.lanes)
    return Need(None if each is None else int(at_once * each * tiles[0].height * tiles[0].width), len(tiles), way.whole)


def sees_around(bundle: Bundle) -> bool:
    """Whether a picture's border can be continued by the other side: how far the network sees is known.

    A network that counts columns would find others there.
    """
    passes = _way(bundle).passes
    return passes is not None and not passes.plan.placed


def _filled(source: _Source, plan: Plan, *, wrap: bool) -> _Source:
    """For a network that fills pictures up itself, the same done beforehand: its windows must not; and what wraps."""
    reach, pixels = max(plan.margins) if wrap else 0, source.pixels
    height, width = source.size
    if plan.mirrored:
        least = [(0, height - len(pixels)), (0, 0 if reach else width - pixels.shape[1]), (0, 0)]
        pixels = np.pad(pixels, least, mode="edge") if any(map(any, least)) else pixels
        height, width = (plan.multiple * -(-n // plan.multiple) for n in source.size)
    return _Source(pixels, (height, width + 2 * reach), source.channels, plan.mirrored, reach)


def _channels(bundle: Bundle) -> int:
    return 1 if str(bundle.card.get("colour_order", "RGB")).startswith("1 ") else 3


def too_large(bundle: Bundle, size: tuple[int, int]) -> str:
    """Why a picture of (height, width) cannot be done in the memory there is; nothing where it can."""
    need = memory_needed(bundle, size)
    return refusal(size, need.bytes, need.whole)


def _accepted(bundle: Bundle, size: tuple[int, ...]) -> tuple[int, int]:
    """The least size that the network takes and that holds the picture."""
    step, least = bundle.card["size_multiple"], bundle.card["min_size"]
    height, width = (max(-(-n // step) * step, least) for n in size)
    return height, width


def _way(bundle: Bundle) -> _Way:
    """How a bundle runs; what was found out about a network's code is kept, with its programs, for the last few."""
    if bundle.forward is None:
        return _of_graph(bundle)
    _, found = _studies.get(id(bundle.forward), (None, None))  # no other function has this number while it is kept
    if found is None:
        found = _of_code(bundle)
        _studies[id(bundle.forward)] = bundle.forward, found
        while len(_studies) > _KEPT:
            _studies.popitem(last=False)
    return found._replace(passes=found.passes and found.passes._replace(parameters=bundle.params))


_studies: OrderedDict[int, tuple[Any, _Way]] = OrderedDict()


def _of_graph(bundle: Bundle) -> _Way:
    """As the card says that the graph may run."""
    if (tiling := bundle.card.get("tiling")) is None:
        return _Way(None, None, "its card does not say how far it sees")
    each, step = tiling["bytes_per_pixel"], tiling["multiple"]
    if tiling["whole"] is not None and bundle.split is None:
        return _Way(None, each, tiling["whole"])
    passes = tiling["passes"] if bundle.split else []
    margins = (*(found["margin"] for found in passes), tiling["margin"])
    plan = Plan(margins, step, (), bundle.card["scale"], mirrored=tiling.get("mirrored", False))
    programs = bundle.split or _Inside(bundle.apply)
    return _Way(Passes(programs, bundle.params, plan, _sides(each, max(margins), step), step), each)


def _sides(bytes_per_pixel: float | int, margin: int, step: int) -> tuple[int, ...]:
    """The sides that windows may have: those within bounds, and one of which a third or more is not margin."""
    sides = [step * -(-side // step) for side in SIDES]
    least = max(sides[0], step * -(-3 * margin // step))
    within = [side for side in sides if side**2 * bytes_per_pixel <= _WINDOW_BYTES]
    return tuple(sorted({*within, *(() if within and within[-1] >= least else (least,))}))


def _cached(sides: tuple[int, ...], margin: int) -> tuple[int, ...]:
    """Those that CPUs are fast at: up to one that is long enough, and half of whose pixels are not margin."""
    if jax.default_backend() != "cpu":
        return sides
    enough = [side for side in sides if side >= _CACHED and 2 * (side - 2 * margin) ** 2 >= side**2]
    return tuple(side for side in sides if not enough or side <= enough[0])


def _of_code(bundle: Bundle) -> _Way:
    """As a study of its operations finds."""
    forward, card, step = bundle.forward, bundle.card, bundle.card["size_multiple"]
    assert forward is not None
    folder = kept_programs()
    store = None if folder is None or not bundle.identity else Store(folder, f"bundle {bundle.identity}")
    side, channels = step * -(-256 // step), _channels(bundle)
    x = jax.ShapeDtypeStruct((1, side, side, channels), jnp.float32)
    each = _SPARE * peak_bytes(jax.make_jaxpr(forward)(bundle.params, x)) / side**2
    try:
        windowed, plan = fitted(forward, bundle.params, multiple=step, channels=channels, side=side, store=store)
        if plan.scale != card["scale"]:
            raise NotWindowed(f"its output is {plan.scale} times as large, where its card says {card['scale']}")
        sides = _cached(_sides(each, max(plan.margins), plan.multiple), max(plan.margins))
        at_once = max(1, min(lanes(), int(_WINDOW_BYTES / (each * sides[-1] ** 2))))
        return _Way(Passes(windowed, bundle.params, plan, sides, lanes=at_once), each)
    except NotWindowed as error:
        return _Way(None, each, str(error))
