"""Functions of `ops` that are recognised by the name of their jitted call: borders that mirror, and statistics."""

from typing import Any

import jax.numpy as jnp
from jax.extend.core import Literal

from nasjax.windows.site import Rule, Site, Statistic
from nasjax.windows.sums import channel_sums, merge_sums, normalised
from nasjax.windows.values import Value


def _resize(radius: int) -> Rule:
    """An enlargement that sees the border's pixels again beyond the border."""

    def rule(site: Site, values: list[Value]) -> list[Value]:
        (value,) = values
        before, after = value.array.shape, site.eqns[0].outvars[0].aval.shape
        factor, array = after[-3] // before[-3], value.array
        for side in (0, 1):
            if radius and site.run.frame.open_ended[side]:
                at = jnp.minimum(jnp.arange(before[side - 3]), _end(site, value, side) - 1)
                array = jnp.take(array, at, side - 3, mode="clip")
        spoilt = tuple(tuple((n + radius) * factor for n in ends) for ends in value.spoilt)
        return [Value(site.bind(array), spoilt=(spoilt[0], spoilt[1]))]

    return rule


def _reflect(site: Site, values: list[Value]) -> list[Value]:
    """A border that mirrors the picture about its last pixel, as often as it takes (`numpy.pad`)."""
    (value,), made = values, site.eqns[0].outvars[0].aval.shape
    widths = [(made[side - 3] - value.array.shape[side - 3]) // 2 for side in (0, 1)]
    spoilt = tuple(tuple(n + widths[side] for n in value.spoilt[side]) for side in (0, 1))
    array = value.array if any(site.run.frame.open_ended) else site.bind(value.array)
    for side in (0, 1):
        if any(site.run.frame.open_ended) and widths[side]:
            first = site.run.frame.position(_axis(value, side))
            at = first + jnp.arange(made[side - 3]) - widths[side]
            # Back and forth: a picture of n pixels repeats after 2 (n - 1), one of a single pixel after each.
            period = jnp.maximum(2 * (first + _end(site, value, side) - 1), 1)
            at = jnp.minimum(at % period, period - at % period)
            array = jnp.take(array, at - first, side - 3, mode="clip")
    return [Value(array, spoilt=(spoilt[0], spoilt[1]))]


def _global_mean(site: Site, values: list[Value]) -> list[Value]:
    mean = Statistic(channel_sums, merge_sums, lambda sums, x: sums.mean.astype(x.dtype))
    return [site.statistic(values, mean)]


def _normalise(site: Site, values: list[Value]) -> list[Value]:
    """The epsilon is a static argument, hence a constant of the body: the only one that is added there."""
    body = site.params["jaxpr"].eqns
    (epsilon,) = (float(a.val) for e in body if e.primitive.name == "add" for a in e.invars if isinstance(a, Literal))

    return [site.statistic(values, Statistic(channel_sums, merge_sums, lambda sums, x: normalised(sums, x, epsilon)))]


def _rough_mean(site: Site, values: list[Value]) -> list[Value]:
    """A number that only helps against rounding: that of the window does as well."""
    return [Value(site.bind(values[0].array))]


def _materialised(site: Site, values: list[Value]) -> list[Value]:
    return [values[0]._replace(array=site.bind(values[0].array))]


def _axis(value: Value, side: int) -> Any:
    axis = value.axes[side - 3]
    assert axis is not None and axis.side == side, "images are [..., rows, columns, channels]"
    return axis


def _end(site: Site, value: Value, side: int) -> Any:
    return site.run.frame.end(_axis(value, side), value.array.shape[side - 3])


NAMED: dict[str, Rule] = {
    "resize_bicubic": _resize(2),
    "resize_bilinear": _resize(1),
    "resize_nearest": _resize(0),
    "pad_reflect": _reflect,
    "global_mean": _global_mean,
    "normalise": _normalise,
    "rough_mean": _rough_mean,
    "materialised": _materialised,
}
