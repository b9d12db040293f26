"""How a bundle runs on pictures of any size: in windows, exactly, where its network allows it; else as a whole.

Three ways. A network whose code is known runs in windows of few shapes, statistics of the whole picture first. A graph
(ONNX, StableHLO) whose card says how far it sees runs in windows that lie inside the picture. Everything else, as a
graph that takes statistics of the whole picture, needs the picture as a whole, and is refused where memory is short.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Num

from nasjax.apply.memory import refusal
from nasjax.apply.passes import Passes
from nasjax.apply.tiles import Tile, cut, tiles_of
from nasjax.export.bundle import Bundle
from nasjax.windows.memory import peak_bytes
from nasjax.windows.store import Store, kept_programs
from nasjax.windows.values import NotWindowed
from nasjax.windows.windowed import Plan, Windowed, fitted

SIDES = (64, 128, 256, 384, 512)  # of windows, in pixels: what there are programs for
_WINDOW_BYTES = 400 << 20  # what a window may take: wide networks get smaller ones
_SPARE = 1.2  # of an estimate of memory
_LUMA = np.array([[0.299], [0.587], [0.114]], np.float32)
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
    """Pixels of a picture, filled up to a size by replication or mirrored, in so many channels."""

    pixels: np.ndarray
    size: tuple[int, int]
    channels: int
    mirrored: bool = False

    def cut(self, tile: Tile) -> list[np.ndarray]:
        """The window of a tile: colours, or their luma (ITU-R BT.601) for a network of one channel."""
        x = cut(self.pixels, tile, mirrored=self.mirrored)
        return [x if self.channels == 3 else x @ _LUMA]


class _Study(NamedTuple):
    """A network in windows, the sides that they may have, and its memory; or why it has to see a picture as a whole.

    It holds the network's function, by which it is found again.
    """

    forward: Callable[..., Any]
    windowed: Windowed | None
    plan: Plan | None
    sides: tuple[int, ...]
    bytes_per_pixel: float
    whole: str = ""


def outputs(bundle: Bundle, pixels: Num[np.ndarray, "h w c"]) -> Iterator[tuple[Tile, np.ndarray]]:
    """The parts of a picture with what the network makes of their windows, float32 `[i, j, c]`, unclipped.

    Pixels are levels or float32 in [-1, 1]. Raises ValueError where memory does not suffice.
    """
    if reason := too_large(bundle, (pixels.shape[0], pixels.shape[1])):
        raise ValueError(reason)
    source = _Source(pixels, _accepted(bundle, pixels.shape[:2]), _channels(bundle))
    if bundle.forward is not None and (study := _study(bundle)).plan and study.windowed:
        passes, source = Passes(study.windowed, bundle.params, study.plan, study.sides), _filled(source, study.plan)
        for tile, y, _ in passes.outputs(source, passes.gather(source, study.plan.levels)):
            yield tile, np.asarray(y)[0]
        return
    for tile in _inside_tiles(bundle, source.size):
        yield tile, np.asarray(bundle.apply(jnp.asarray(source.cut(tile)[0])))[0]


def memory_needed(bundle: Bundle, size: tuple[int, int]) -> Need:
    """What it takes to run a bundle on a picture of (height, width), without running it."""
    size = _accepted(bundle, size)
    if bundle.forward is not None:
        study = _study(bundle)
        if study.plan is None:
            return Need(int(study.bytes_per_pixel * size[0] * size[1]), 1, study.whole)
        tiles = tiles_of(size, sides=study.sides, margin=study.plan.margins[-1])
        return Need(int(study.bytes_per_pixel * tiles[0].height * tiles[0].width), len(tiles))
    if (tiling := bundle.card.get("tiling")) is None:
        return Need(None, 1, "its card does not say how far it sees")
    tiles = _inside_tiles(bundle, size)
    each = tiling["bytes_per_pixel"] * tiles[0].height * tiles[0].width
    return Need(int(each), len(tiles), tiling["whole"] or "")


def _filled(source: _Source, plan: Plan) -> _Source:
    """For a network that fills pictures up itself, the same done beforehand: its windows must not."""
    if not plan.mirrored:
        return source
    least = [(0, n - m) for n, m in zip(source.size, source.pixels.shape[:2], strict=True)]
    pixels = np.pad(source.pixels, [*least, (0, 0)], mode="edge") if any(map(any, least)) else source.pixels
    height, width = (plan.multiple * -(-n // plan.multiple) for n in source.size)
    return _Source(pixels, (height, width), source.channels, True)


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


def _inside_tiles(bundle: Bundle, size: tuple[int, int]) -> list[Tile]:
    """Windows inside the picture for a graph that says how far it sees, else one that is the picture."""
    tiling = bundle.card.get("tiling")
    if bundle.forward is not None or tiling is None or tiling["whole"] is not None:
        return [Tile(0, 0, *size, (0, 0, *size))]
    sides = _sides(tiling["bytes_per_pixel"], tiling["margin"], tiling["multiple"])
    return tiles_of(size, sides=sides, margin=tiling["margin"], exact=tiling["multiple"])


def _sides(bytes_per_pixel: float | int, margin: int, step: int) -> tuple[int, ...]:
    """The sides that windows may have: those within bounds, and one of which a third or more is not margin."""
    sides = [step * -(-side // step) for side in SIDES]
    least = max(sides[0], step * -(-3 * margin // step))
    within = [side for side in sides if side**2 * bytes_per_pixel <= _WINDOW_BYTES]
    return tuple(sorted({*within, *(() if within and within[-1] >= least else (least,))}))


def _study(bundle: Bundle) -> _Study:
    """What was found out about the network of a bundle; kept, with its programs, for the last few."""
    assert bundle.forward is not None
    found = _studies.get(id(bundle.forward))  # no other function has this number while its study is kept
    if found is None:
        found = _studies[id(bundle.forward)] = _studied(bundle)
        while len(_studies) > _KEPT:
            _studies.popitem(last=False)
    return found


_studies: OrderedDict[int, _Study] = OrderedDict()


def _studied(bundle: Bundle) -> _Study:
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
        return _Study(forward, windowed, plan, _sides(each, max(plan.margins), plan.multiple), each)
    except NotWindowed as error:
        return _Study(forward, None, None, (), each, str(error))
