"""Windows: what they give is what the whole picture gives, wherever they lie, and what they cannot do is named."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.apply.passes import Passes
from nasjax.apply.tiles import cut
from nasjax.windows.values import NotWindowed
from nasjax.windows.windowed import Windowed, fitted
from tests.windows.cases import CASES, conv, kernel


class _Source:
    """A picture without anything around it."""

    reach = 0

    def __init__(self, pixels):
        self.pixels, self.size = pixels, pixels.shape[:2]

    def cut(self, tile):
        return [cut(self.pixels, tile)]


def _in_windows(case, pixels, least):
    """The function in windows of the least side or more, and how many there were."""
    windowed, plan = fitted(case.fn, case.params, multiple=case.multiple, side=64)
    passes = Passes(windowed, case.params, plan, (max(least, 3 * plan.margins[-1]),))
    fill = [(0, -n % plan.multiple if plan.mirrored else 0) for n in pixels.shape[:2]]
    source, scale, parts = _Source(np.pad(pixels, [*fill, (0, 0)], mode="symmetric")), plan.scale, 0
    out = np.full((scale * source.size[0], scale * source.size[1], 3), np.nan, np.float32)
    for tile, y, _ in passes.outputs(source, passes.gather(source, plan.levels)):
        top, left, bottom, right = (scale * edge for edge in tile.core)
        i, j = scale * tile.top, scale * tile.left
        out[top:bottom, left:right] = np.asarray(y)[0, top - i : bottom - i, left - j : right - j]
        parts += 1
    return out[: scale * pixels.shape[0], : scale * pixels.shape[1]], parts


@pytest.mark.parametrize("name", CASES)
def test_windows_give_what_the_whole_gives(name):
    """Windows that reach beyond the last row and do not hold all columns: the same to 1e-5 of the largest value."""
    case = CASES[name]()
    width = next(wide for part, wide in {"net ": 108, "rfdb": 200, "": 76}.items() if part in name)
    pixels = np.random.default_rng(0).uniform(-1, 1, (40, width, 3)).astype(np.float32)
    whole = np.asarray(jax.jit(case.fn)(case.params, pixels[None]))[0]
    found, parts = _in_windows(case, pixels, 48)
    assert parts >= 2
    assert np.abs(found - whole).max() <= 1e-5 * np.abs(whole).max()


def test_the_reach_is_read_off_the_function():
    """By hand: a 3x3 and a dilated 3x3 convolution see 1 and 2 pixels, one of stride 2 two on one side."""
    w = kernel(3, 3, 3)
    fn = Windowed(lambda p, x: conv(conv(x, p), p, rhs_dilation=(2, 2)))
    assert fn.plan(w).margins == (3,)
    assert Windowed(lambda p, x: x).plan(w).margins == (0,)
    halved = Windowed(lambda p, x: jnp.repeat(jnp.repeat(conv(conv(x, p), p, strides=(2, 2)), 2, 1), 2, 2), multiple=2)
    plan = halved.plan(w)
    # The two pixels 2i and 2i + 1 become what is between 2i and 2i + 2 behind a convolution: up to 2i + 3.
    assert plan.margins == (2,) and plan.multiple == 2 and plan.scale == 1


def test_statistics_that_depend_on_statistics_take_a_pass_each():
    """A mean, the deviation from it, and a mean behind both: three levels, each with what it must see around it."""
    w = kernel(3, 3, 3)

    def fn(p, x):
        y = (x - x.mean((1, 2), keepdims=True)) / x.std((1, 2), keepdims=True)
        return y * conv(y, p).mean((1, 2), keepdims=True)

    plan = Windowed(fn).plan(w)
    assert [level for _, level in plan.points] == [0, 0, 1, 2]
    assert plan.margins == (0, 0, 1, 0)


_REFUSED = {
    "all places": lambda p, x: jnp.einsum("bhwc,bijc->bhwij", x, x).sum((3, 4))[..., None],
    "one axis": lambda p, x: x.reshape(1, -1, 3)[:, ::-1].reshape(x.shape),
    "not known": lambda p, x: jax.lax.cumprod(x, 1),
    "absolute places": lambda p, x: x + x[:, :1],
    "line of the picture": lambda p, x: jnp.flip(x, 1) - x.mean(1, keepdims=True),
    "depends on the picture's size": lambda p, x: x * x.shape[1],
    "other operations": lambda p, x: x if x.shape[1] == 64 else x + 1,
    "to multiples of 2": lambda p, x: jnp.repeat(jnp.repeat(x[:, ::2, ::2], 2, 1), 2, 2),
}


@pytest.mark.parametrize("reason", _REFUSED)
def test_what_needs_the_picture_as_a_whole_is_refused(reason):
    """The reason says which operation it is."""
    with pytest.raises(NotWindowed, match=reason):
        Windowed(_REFUSED[reason]).plan({}, side=64)


def test_windows_of_one_shape_share_a_program():
    """Whatever the picture's size and the window's place; statistics need one for each level, and one that merges."""
    windowed = Windowed(lambda p, x: conv(x, p) * x.mean((1, 2), keepdims=True))
    w = kernel(3, 3, 3)
    plan, rng = windowed.plan(w), np.random.default_rng(0)
    for size in ((200, 130), (130, 210), (144, 138)):
        source = _Source(rng.uniform(-1, 1, (*size, 3)).astype(np.float32))
        passes = Passes(windowed, w, plan, (64, 128))
        assert len(list(passes.outputs(source, passes.gather(source, plan.levels)))) >= 4
    assert windowed.programs == plan.levels + 2 == 3
