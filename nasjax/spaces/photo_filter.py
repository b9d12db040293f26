"""`photo_filter`: a small copy of a photograph decides how every pixel of the whole one changes.

A network of low resolution sees a copy of at most `base` x `base` pixels; from its features come a colour map (curves,
2D tables, 3D tables), a bilateral grid of local maps, and gains of the bands of a Laplacian pyramid; a small network of
neighbours may restore detail first. The first two do the same to a pixel wherever it is cut out, so any part of a
picture can be made by itself (`FilterNet.render`), and a picture gets the same filter at any size.

Path: depth of the low-resolution network, kind of colour map, whether there is a grid, bands, kind of restoration.
Operator: blocks, tables, grid, guide, layers of the restoration. Channel: widths, and the side of the small copy.
Sources: HDRNet (arXiv 1707.02880), image-adaptive 3D LUTs (arXiv 2009.14468), SVDLUT (arXiv 2508.16121), LPTN (arXiv
2105.09188). Every network starts as the identity.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from nasjax.ops.base import Op
from nasjax.ops.bilateral import grids, guides
from nasjax.ops.blocks import BLOCKS, OFF, activate, global_mean
from nasjax.ops.colour_maps import colour_maps, kind_of
from nasjax.ops.conv import conv_params
from nasjax.ops.reflect import fill_up
from nasjax.ops.restoring import bands, coarse_of, reach, restorers, step
from nasjax.ops.strided import halve, mean2
from nasjax.space import Choice, SearchSpace
from nasjax.supernet.base import Supernet
from nasjax.supernet.net import Net

COLOURS = ("none", "curves", "lut2", "mix9x2", "mix9x8", "mix17x4", "low17")
GRIDS = ("none", "a8x4", "a16x4", "a16x8", "a32x4")
RESTORERS = ("none", "half2conv", "half2sep", "half4conv", "half4sep", "full2conv", "full2sep")
WIDTHS = {"fine": (8, 12, 16), "trunk": (16, 24, 32), "inner": (16, 24, 32), "restore": (8, 16, 32)}


def photo_filter(
    widths: Mapping[str, Sequence[int]] = WIDTHS,
    *,
    blocks: int = 2,
    ops: Sequence[str] = ("res", "sep3", "ir2k3", "spab"),
    heads: Mapping[str, Sequence[str]] = {},
    sides: Sequence[int] = (64, 128, 256),
    cells: int = 16,
    nominal: int | None = None,
) -> Supernet:
    """The space and its generator: `[b, h, w, 3]` -> the same, both in [-1, 1], of any height and width.

    `widths` lists the options, ascending, of the small copy's first features ("fine"), the trunk, the inner width of
    its blocks, and the layers of the restoration. `heads` lists the options of "colour" (`ops.colour_maps`), "grid"
    (`ops.bilateral`), "bands" and "restore" (`ops.restoring`), whose defaults are above; where "none" is not among
    them, every network has one. `sides` are those of the small copy: `cells` times 4, 8, 16 ..., each dividing the
    largest. Raises ValueError for what is unknown or does not fit.
    """
    widths = {**WIDTHS, **widths}
    names = {"colour": COLOURS, "grid": GRIDS, "bands": tuple("0123"), "restore": RESTORERS, **heads}
    _check(widths, ops, names, blocks=blocks, sides=sides, cells=cells)
    parts = _Heads(*(tuple(names[head]) for head in _Heads._fields))
    sizes = {name: tuple(options) for name, options in widths.items()}
    choices = tuple(_choices(sizes, parts, blocks=blocks, ops=tuple(ops), sides=tuple(sides), nominal=nominal))
    space = SearchSpace("photo_filter", choices, ("path", "operator", "channel"))
    return Supernet(space, FilterNet(blocks, tuple(ops), parts, tuple(sides), cells))


class _Heads(NamedTuple):
    """The options of what makes the picture of the features."""

    colour: tuple[str, ...]
    grid: tuple[str, ...]
    bands: tuple[str, ...]
    restore: tuple[str, ...]


class FilterNet(NamedTuple):
    """The forward function of the space, in two halves: what the small copy says, and any part of the picture.

    `tapped`: it gives `(y, code)`.
    """

    blocks: int
    ops: tuple[str, ...]
    heads: _Heads
    sides: tuple[int, ...]
    cells: int
    tapped: bool = False

    def __call__(self, net: Net, x: Any) -> Any:
        """The whole picture; mirrored up to multiples of `step` on the way, where it is none."""
        filled, (height, width) = fill_up(x, self.step), x.shape[-3:-1]
        lead, (wide, high) = x.shape[:-3], (filled.shape[-2], filled.shape[-3])
        rows = jnp.broadcast_to(_places(high, height, x.dtype)[:, None, None], (*lead, high, 1, 1))
        columns = jnp.broadcast_to(_places(wide, width, x.dtype)[None, :, None], (*lead, 1, wide, 1))
        code = self.code(net, small_copy(x, max(self.sides)))
        y = self.render(net, code, filled, rows=rows, columns=columns)
        y = y if self.step == 1 else y[..., :height, :width, :]
        return (y, code) if self.tapped else y

    def code(self, net: Net, copy: Any) -> dict[str, Any]:
        """Features of the small copy `[..., base, base, 3]`: all that is known of the picture as a whole."""
        trunk = net.width("w.trunk")
        shrink = {str(side): _shrinking(side, max(self.sides), 2 * self.cells) for side in self.sides}
        fine = net.choose("side", shrink, copy, out=net.width("w.fine"))
        h = net.layer("down", _DOWN, fine, out=trunk)
        candidates = {"off": OFF} | {name: BLOCKS[name] for name in self.ops}
        for name in (f"b{i}" for i in range(1, self.blocks + 1)):
            h = net.choose(name, candidates, h, out=trunk, inner=f"{name}.w")
        return {"fine": fine, "trunk": h, "mean": global_mean(h)}

    def render(self, net: Net, code: Mapping[str, Any], x: Any, *, rows: Any, columns: Any) -> Any:
        """The filtered picture, or a part of it `[..., h, w, 3]`; `rows` and `columns` are where its pixels lie.

        They are `[..., h, 1, 1]` and `[..., 1, w, 1]`, 0..1 of the whole picture. h and w are multiples of `step`.
        """
        inner = "restore.w" if _present(self.heads.restore) else None
        y = net.choose("restore", restorers(self.heads.restore), x, out=3, inner=inner)
        y = net.choose("bands", bands(self.heads.bands), {"image": y, "mean": code["mean"]}, out=3)
        local = {"image": y, "rows": rows, "columns": columns, **code}
        if _present(self.heads.grid):
            local["guide"] = net.choose("grid.guide", guides(), y, out=1)
        y = net.choose("grid", grids(self.heads.grid, self.cells), local, out=3)
        y = net.choose("colour", colour_maps(self.heads.colour), {"image": y, "mean": code["mean"]}, out=3)
        return jnp.clip(y, -1, 1)

    def margin(self, options: Mapping[str, str]) -> int:
        """From how many pixels away the network of these options can change a pixel, beside by its code."""
        return reach(options["restore"]) + reach(options["bands"])

    @property
    def step(self) -> int:
        """Of what number the sizes of a picture, and of its parts, and where these begin, must be multiples."""
        return max(map(step, (*self.heads.bands, *self.heads.restore)))


def small_copy(x: Float[Array, "*d h w 3"], side: int) -> Float[Array, "*d s s 3"]:
    """`side` x `side` pixels of a picture, from the middles of as many equal parts; sizes may be symbolic.

    Pixels are picked, not averaged: the copy costs nothing on the largest picture, and a picture whose pixels are
    repeated has the same copy.
    """
    for axis in (x.ndim - 3, x.ndim - 2):
        size = jnp.asarray(x.shape[axis], jnp.float32)
        middle = (jnp.arange(side, dtype=jnp.float32) + 0.5) * (size / side)
        x = jnp.take(x, middle.astype(jnp.int32), axis, mode="clip")
    return x


def _places(number: Any, size: Any, dtype: Any) -> Array:
    """Where the middles of so many pixels lie, 0..1 of a picture of `size`."""
    return ((jnp.arange(number).astype(jnp.float32) + 0.5) / jnp.asarray(size, jnp.float32)).astype(dtype)


@functools.cache
def _shrinking(side: int, base: int, end: int) -> Op:
    """From the copy, by means down to `side`, then convolutions that halve, to `end` x `end` features."""
    halvings, means = (side // end).bit_length() - 1, (base // side).bit_length() - 1

    def params(c, out, inner):
        return {f"c{i}": conv_params(3, c if i == 0 else out, out, gain=1.0) for i in range(halvings)}

    def apply(p, x, out, inner):
        for _ in range(means):
            x = mean2(x)
        for i in range(halvings):
            x = activate(halve(p[f"c{i}"], x, out))
        return x

    return Op(f"side{side}of{base}", params, apply)


_DOWN = Op(
    "down3",
    lambda c, out, inner: conv_params(3, c, out, gain=1.0),
    lambda p, x, out, inner: activate(halve(p, x, out)),
)


def _choices(
    widths: Mapping[str, tuple[int, ...]],
    heads: _Heads,
    *,
    blocks: int,
    ops: tuple[str, ...],
    sides: tuple[int, ...],
    nominal: int | None,
) -> Iterator[Choice]:
    def width(name: str, options: tuple[int, ...], active=None) -> Choice:
        place = len(options) - 1 if nominal is None else min(nominal, len(options) - 1)
        return Choice(name, tuple(map(str, options)), "channel", default=place, active=active)

    yield width("w.fine", widths["fine"])
    yield width("w.trunk", widths["trunk"])
    yield Choice("side", tuple(map(str, sides)), "channel", default=len(sides) // 2)
    for name in (f"b{i}" for i in range(1, blocks + 1)):
        yield Choice(name, ("off", *ops), "operator", default=1, coarse=("path", (("off",), ops)))
        yield width(f"{name}.w", widths["inner"], (name, ops))
    yield _head("colour", heads.colour, kind_of)
    yield _head("grid", heads.grid, lambda name: name[0] if name != "none" else name)
    if _present(heads.grid):
        yield Choice("grid.guide", ("luma", "mlp"), "operator", active=("grid", _present(heads.grid)))
    yield Choice("bands", heads.bands, "path")
    yield _head("restore", heads.restore, coarse_of)
    if _present(heads.restore):
        yield width("restore.w", widths["restore"], ("restore", _present(heads.restore)))


def _present(options: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(option for option in options if option != "none")


def _head(name: str, options: tuple[str, ...], kind_fn: Any) -> Choice:
    """The path decides between kinds, the operators inside of one."""
    kinds = {kind: tuple(o for o in options if kind_fn(o) == kind) for kind in map(kind_fn, options)}
    return Choice(name, options, "operator", coarse=("path", tuple(kinds.values())))


def _check(
    widths: Mapping[str, Sequence[int]],
    ops: Sequence[str],
    heads: Mapping[str, Sequence[str]],
    *,
    blocks: int,
    sides: Sequence[int],
    cells: int,
) -> None:
    for what, found, known in (("widths", widths, WIDTHS), ("heads", heads, _Heads._fields), ("ops", ops, BLOCKS)):
        if unknown := [name for name in found if name not in known]:
            raise ValueError(f"photo_filter: {what}: unknown {unknown[0]!r}; allowed: {', '.join(known)}")
    for name, sizes in widths.items():
        if list(sizes) != sorted(set(sizes)) or min(sizes, default=0) < 1:
            raise ValueError(f"photo_filter: {name} widths must be positive and ascending, got {tuple(sizes)}")
    for name, options in heads.items():
        if not options or len(set(options)) < len(options):
            raise ValueError(f"photo_filter: {name} must list each of its options once, got {tuple(options)}")
    if blocks < 1 or cells < 2 or cells % 2:
        raise ValueError(f"photo_filter: blocks must be >= 1 and cells even, got {blocks} and {cells}")
    allowed = [cells * 2**k for k in range(2, 8)]
    if not sides or list(sides) != sorted(set(sides)) or any(s not in allowed for s in sides):
        raise ValueError(
            f"photo_filter: sides must ascend and be of {', '.join(map(str, allowed))}, got {tuple(sides)}"
        )
