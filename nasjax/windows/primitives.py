"""What each primitive sees: how far a window's edge reaches into it, and what it finds beyond the picture's end."""

import operator
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from nasjax.windows.site import Rule, Site, Statistic, joined
from nasjax.windows.values import Axis, Value, filled

_POINTWISE = """
    abs acos acosh add add_any and asin asinh atan atan2 atanh cbrt ceil clamp convert_element_type copy copy_p cos
    cosh div eq erf erf_inv erfc exp exp2 expm1 floor ge gt integer_pow is_finite le log log1p logistic lt max min
    mul name ne neg nextafter not or pow reduce_precision rem round rsqrt select_n shift_left shift_right_arithmetic
    shift_right_logical sign sin sinh sqrt square stop_gradient sub tan tanh xor
""".split()  # noqa: SIM905
_SUMS = {"reduce_sum": operator.add, "reduce_max": jnp.maximum, "reduce_min": jnp.minimum}


class _Window(NamedTuple):
    """What one output sees along an axis: of the input, `dilated` apart and padded, `extent` places, `stride` apart."""

    extent: int
    stride: int = 1
    padding: tuple[int, int] = (0, 0)
    dilated: int = 1

    def spoilt(self, before: tuple[int, int], length: int, made: int) -> tuple[int, int]:
        """The ends of `made` outputs that see a spoilt place, or padding where the picture goes on."""
        low, high = (n * self.dilated + pad for n, pad in zip(before, self.padding, strict=True))
        high -= (self.dilated - 1) if before[1] else 0
        total = (length - 1) * self.dilated + 1 + sum(self.padding)
        last = (total - max(high, 0) - self.extent) // self.stride
        return int(max(0, -(-max(low, 0) // self.stride))), int(max(0, made - 1 - last))


def _pointwise(site: Site, values: list[Value]) -> list[Value]:
    _same(site)
    return [Value(site.bind(*_arrays(values)), spoilt=joined(values))]


def _same_place(*varying: str) -> Rule:
    """Values only change their shape; the named parameters say how large it is."""

    def rule(site: Site, values: list[Value]) -> list[Value]:
        _same(site, *varying)
        return [Value(site.bind(*_arrays(values)), spoilt=joined(values))]

    return rule


def _reshape(site: Site, values: list[Value]) -> list[Value]:
    """Axes may be split and joined where a place of the picture stays one place, or one block of places."""
    _same(site, "new_sizes")
    (value,), after = values, site.axes()
    made = site.eqns[0].outvars[0].aval.shape
    spoilt: Any = [(0, 0), (0, 0)]
    for old, new in _groups(value.array.shape, made):
        before = [(i, axis) for i in old if (axis := value.axes[i]) is not None]
        now = [(i, axis) for i in new if (axis := after[i]) is not None]
        if not before and not now:
            continue
        if len(before) != 1 or len(now) != 1 or not _leads(old, before[0][0], value.array.shape):
            raise site.refuse("rows and columns are laid out as one axis")
        if not _leads(new, now[0][0], made):
            raise site.refuse("a block of places comes before the places")
        (_, axis), (_, scaled) = before[0], now[0]
        ratio = scaled.scale / axis.scale
        spoilt[axis.side] = tuple(-(-n * ratio.numerator // ratio.denominator) for n in value.spoilt[axis.side])
    return [Value(site.bind(value.array), spoilt=(spoilt[0], spoilt[1]))]


def _slice(site: Site, values: list[Value]) -> list[Value]:
    _same(site, "limit_indices")
    (value,), spoilt = values, list(values[0].spoilt)
    strides = site.params["strides"] or (1,) * len(value.axes)
    for i, axis in enumerate(value.axes):
        if axis is None:
            continue
        start, end, length = site.params["start_indices"][i], site.params["limit_indices"][i], value.array.shape[i]
        _keeps(site, i, axis.scale / strides[i])
        window = _Window(1, strides[i], (-start, end - length))
        spoilt[axis.side] = window.spoilt(value.spoilt[axis.side], length, site.eqns[0].outvars[0].aval.shape[i])
    return [Value(site.bind(value.array), spoilt=(spoilt[0], spoilt[1]))]


def _pad(site: Site, values: list[Value]) -> list[Value]:
    """Beyond the picture's end is what it is padded with."""
    _same(site)
    value, content = values
    if content.spatial:
        raise site.refuse("what it pads with differs from place to place")
    spoilt, config = list(value.spoilt), site.params["padding_config"]
    for i, axis in enumerate(value.axes):
        if axis is not None:
            low, high, inner = config[i]
            window, made = _Window(1, 1, (low, high), inner + 1), site.eqns[0].outvars[0].aval.shape[i]
            spoilt[axis.side] = window.spoilt(value.spoilt[axis.side], value.array.shape[i], made)
    needed = any(axis is not None and config[i][1] > 0 for i, axis in enumerate(value.axes))
    array = filled(site.run.frame, value, content.array) if needed else value.array
    return [Value(site.bind(array, content.array), spoilt=(spoilt[0], spoilt[1]))]


def _conv(site: Site, values: list[Value]) -> list[Value]:
    _same(site)
    (image, kernel), given = values, site.params
    numbers = given["dimension_numbers"]
    if kernel.spatial or any(image.axes[i] is not None for i in numbers.lhs_spec[:2]):
        raise site.refuse("its kernel depends on the picture's places")
    windows = {
        numbers.lhs_spec[2 + k]: _Window(
            (kernel.array.shape[numbers.rhs_spec[2 + k]] - 1) * given["rhs_dilation"][k] + 1,
            given["window_strides"][k],
            tuple(given["padding"][k]),
            given["lhs_dilation"][k],
        )
        for k in range(len(numbers.lhs_spec) - 2)
    }
    placed = {axis: numbers.out_spec[2 + k] for k, axis in enumerate(numbers.lhs_spec[2:])}
    return _windowed(site, values, windows, placed=placed, content=0)


def _pool(content: Any) -> Rule:
    """Reductions of windows; `content` is what never counts in one."""

    def rule(site: Site, values: list[Value]) -> list[Value]:
        _same(site)
        given = site.params
        windows = {
            i: _Window(
                (given["window_dimensions"][i] - 1) * given["window_dilation"][i] + 1,
                given["window_strides"][i],
                tuple(given["padding"][i]),
                given["base_dilation"][i],
            )
            for i in range(len(values[0].axes))
        }
        return _windowed(site, values, windows, placed={i: i for i in windows}, content=content)

    return rule


def _windowed(
    site: Site, values: list[Value], windows: dict[int, _Window], *, placed: dict[int, int], content: Any
) -> list[Value]:
    image, made = values[0], site.eqns[0].outvars[0].aval.shape
    spoilt, padded = list(image.spoilt), False
    for i, axis in enumerate(image.axes):
        if axis is None:
            continue
        window = windows[i]
        _keeps(site, placed[i], axis.scale * window.dilated / window.stride)
        spoilt[axis.side] = window.spoilt(image.spoilt[axis.side], image.array.shape[i], made[placed[i]])
        padded |= window.padding[1] > 0
    array = filled(site.run.frame, image, content) if padded else image.array
    return [Value(site.bind(array, *_arrays(values[1:])), spoilt=(spoilt[0], spoilt[1]))]


def _dot(site: Site, values: list[Value]) -> list[Value]:
    _same(site)
    contract, batch = site.params["dimension_numbers"]
    for value, *used in zip(values, contract, batch, strict=True):
        if any(value.axes[i] is not None for axes in used for i in axes):
            raise site.refuse("it sums products over the picture's places")
    return [Value(site.bind(*_arrays(values)), spoilt=joined(values))]


def _reduce(site: Site, values: list[Value]) -> list[Value]:
    """Over channels, or over the whole picture: a statistic."""
    _same(site)
    (value,), axes = values, site.params["axes"]
    over = [i for i, axis in enumerate(value.axes) if axis is not None and i in axes]
    if not over:
        return [Value(site.bind(value.array), spoilt=value.spoilt)]
    if site.name not in _SUMS or any(site.axes()):
        raise site.refuse("it takes a line of the picture as a whole")
    nothing = _nothing(site.name, value.array.dtype)
    measure = Statistic(
        lambda mask, x: site.bind(jnp.where(mask, x, nothing)), _SUMS[site.name], lambda sums, x: jnp.asarray(sums)
    )
    return [site.statistic(values, measure)]


def _iota(site: Site, values: list[Value]) -> list[Value]:
    _same(site, "shape")
    array, axis = site.bind(*_arrays(values)), site.axes()[site.params["dimension"]]
    if axis is not None:
        site.run.placed = True
        array = array + site.run.frame.position(axis).astype(array.dtype)
    return [Value(array)]


def _along_channels(site: Site, values: list[Value]) -> list[Value]:
    """Joins, splits, turns around or adds up along axes that do not grow."""
    _same(site)
    given = site.params
    axes = given.get("dimensions", (given.get("dimension", given.get("axis")),))
    # What is stacked has not got the new axis yet.
    if site.name != "stack" and any(value.axes[axis] is not None for value in values for axis in axes):
        raise site.refuse("it takes a line of the picture as a whole")
    out = site.bind(*_arrays(values))
    return [Value(array, spoilt=joined(values)) for array in (out if len(site.eqns[0].outvars) > 1 else [out])]


def _same(site: Site, *varying: str) -> None:
    """Refuses an operation whose parameters depend on the picture's size, but for those that are sizes themselves."""
    if unexpected := sorted(set(site.differing()) - {*varying, "sharding"}):
        raise site.refuse(f"its {unexpected[0]} depends on the picture's size")


def _keeps(site: Site, output: int, scale: Fraction) -> None:
    """Refuses an operation that takes a part of fixed size, or of another share than its stride says."""
    found: Axis | None = site.axes()[output]
    if found is None or found.scale != scale:
        raise site.refuse("it takes a part of the picture by absolute places")


def _groups(old: Sequence[int], new: Sequence[int]) -> Iterator[tuple[list[int], list[int]]]:
    """The axes of two shapes of one size that a reshape turns into one another; axes of one element go along."""
    i = j = 0
    while i < len(old) or j < len(new):
        first, second = [i] if i < len(old) else [], [j] if j < len(new) else []
        i, j = i + len(first), j + len(second)
        while (left := _count(old, first)) != (right := _count(new, second)):
            if left < right:
                first.append(i)
                i += 1
            else:
                second.append(j)
                j += 1
        yield first, second


def _count(shape: Sequence[int], axes: Sequence[int]) -> int:
    return int(np.prod([shape[i] for i in axes], dtype=np.int64))


def _leads(axes: Sequence[int], place: int, shape: Sequence[int]) -> bool:
    """Whether nothing but axes of one element comes before the axis of places."""
    return all(shape[i] == 1 for i in axes if i < place)


def _nothing(name: str, dtype: Any) -> Any:
    if name == "reduce_sum":
        return jnp.zeros((), dtype)
    limits = jnp.finfo(dtype) if jnp.issubdtype(dtype, jnp.floating) else jnp.iinfo(dtype)
    return jnp.asarray(limits.min if name == "reduce_max" else limits.max, dtype)


def _arrays(values: Sequence[Value]) -> list[Any]:
    return [value.array for value in values]


PRIMITIVES: dict[str, Rule] = {
    **dict.fromkeys(_POINTWISE, _pointwise),
    **dict.fromkeys(("reduce_sum", "reduce_max", "reduce_min", "reduce_prod", "argmax", "argmin"), _reduce),
    **dict.fromkeys(("concatenate", "stack", "split", "rev", "cumsum", "cummax", "sort"), _along_channels),
    "broadcast_in_dim": _same_place("shape"),
    "transpose": _same_place(),
    "squeeze": _same_place(),
    "reshape": _reshape,
    "slice": _slice,
    "pad": _pad,
    "conv_general_dilated": _conv,
    "reduce_window_max": _pool(-jnp.inf),
    "reduce_window_min": _pool(jnp.inf),
    "reduce_window_sum": _pool(0),
    "dot_general": _dot,
    "iota": _iota,
}
