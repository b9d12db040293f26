"""The space of photo filters: what a filter is before it has learned, and what it may not depend on."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.ops.bilateral import grids
from nasjax.ops.colour_maps import colour_maps
from nasjax.ops.restoring import bands, restorers
from nasjax.spaces.photo_filter import photo_filter, small_copy
from nasjax.tasks.photo_filter import FilterLoss, table_penalty
from tests.contracts.members import FILTER
from tests.export.networks import random_params

HEADS = {**FILTER["heads"], "colour": ["none", "curves", "mix3x2"], "grid": ["none", "a2x2", "a8x2", "m4x2"]}
NET = photo_filter(**{**FILTER, "heads": HEADS})
ALL = {"colour": "mix3x2", "grid": "a8x2", "grid.guide": "mlp", "bands": "2", "restore": "half1conv"}
POINTWISE = {**ALL, "bands": "0", "restore": "none"}


def _picture(height, width):
    return jnp.asarray(np.random.default_rng(height).uniform(-1, 1, (1, height, width, 3)), jnp.float32)


@functools.cache
def _network(**options):
    arch = NET.space.encode(options)
    shapes = jax.eval_shape(NET.extract(arch).init, jax.random.key(0), jnp.zeros(NET.probe))["params"]
    params = jax.tree.map(lambda p: 0.3 * p, random_params(shapes))
    return jax.jit(lambda x: NET.extract(arch).apply({"params": params}, x))


@pytest.mark.parametrize("colour", HEADS["colour"])
@pytest.mark.parametrize("grid", ["a2x2", "m4x2"])
def test_a_fresh_filter_changes_nothing(colour, grid):
    """Whatever is drawn at first, every pixel comes out as it went in."""
    options = {**ALL, "colour": colour, "grid": grid}
    arch, x = NET.space.encode(options), _picture(9, 13)
    params = NET.extract_params(NET.init(jax.random.key(3)), arch)
    filtered = jax.jit(lambda params, x: NET.extract(arch).apply({"params": params}, x))
    np.testing.assert_allclose(filtered(params, x), x, atol=1e-6)


def test_every_part_of_a_fresh_filter_learns():
    """Two steps from the identity, no parameter is without a gradient."""
    arch, x = NET.space.encode(ALL), _picture(12, 12)
    params = NET.extract_params(NET.init(jax.random.key(3)), arch)
    loss = jax.jit(jax.grad(lambda p: jnp.square(NET.extract(arch).apply({"params": p}, x) - 0.5 * x**2).mean()))
    after = params
    for _ in range(2):
        after = jax.tree.map(lambda p, g: p - 0.1 * g, after, loss(after))
    still = [
        jax.tree_util.keystr(path)
        for path, g in jax.tree_util.tree_leaves_with_path(loss(after))
        if not np.abs(g).max()
    ]
    assert not still


def test_a_picture_gets_the_same_filter_at_any_size():
    """A picture whose pixels are repeated three times is filtered as the small one is, to the bit."""
    x = _picture(32, 64)
    net = _network(**{**POINTWISE, "grid": "none"})
    large = x.repeat(3, 1).repeat(3, 2)
    assert np.abs(net(x) - x).max() > 0.01
    np.testing.assert_array_equal(net(large)[:, 1::3, 1::3], net(x))


def test_the_small_copy_picks_the_middles_of_equal_parts():
    """Of 6 x 9 pixels to 3 x 3: rows 1, 3, 5 and columns 1, 4, 7; a smaller picture's pixels are repeated."""
    x = jnp.arange(54.0).reshape(1, 6, 9, 1).repeat(3, -1)
    np.testing.assert_array_equal(small_copy(x, 3), x[:, 1::2, 1::3])
    assert small_copy(x[:, :2, :2], 4)[0, :, :, 0].tolist() == x[0, :2, :2, 0].repeat(2, 0).repeat(2, 1).tolist()


def test_outputs_stay_in_range():
    """However strong the change, no value leaves [-1, 1]."""
    y = _network(**ALL)(3 * _picture(8, 8))
    assert np.abs(y).max() <= 1


@pytest.mark.parametrize(
    ("make", "name", "words"),
    [
        (colour_maps, "mix99x2", "mixNxM"),
        (colour_maps, "lut9", "unknown colour map"),
        (lambda names: grids(names, 4), "a5x2", "S of 2, 4, 8"),
        (restorers, "half0conv", "halfDconv"),
        (bands, "7", "0 to 5"),
    ],
)
def test_unknown_parts_are_refused(make, name, words):
    """The message names what is allowed."""
    with pytest.raises(ValueError, match=words):
        make([name])


def test_unsuitable_settings_are_refused():
    """Sides that do not halve to the places, and an option that is there twice."""
    with pytest.raises(ValueError, match="sides must ascend"):
        photo_filter(sides=(100,))
    with pytest.raises(ValueError, match="colour must list each of its options once"):
        photo_filter(heads={"colour": ["curves", "curves"]})


def test_heads_that_nothing_uses_have_no_choices():
    """With no grid and no restoring branch to choose, there is no guide and no width of layers."""
    net = photo_filter(heads={"colour": ["curves", "lut2"], "grid": ["none"], "restore": ["none"]})
    assert not {"grid.guide", "restore.w"} & {c.name for c in net.space.choices}
    smallest = net.space.canonical(np.zeros(net.space.num_choices, np.int32))
    assert net.space.decode(smallest)["colour"] == "curves"
    shapes = jax.eval_shape(net.extract(smallest).init, jax.random.key(0), jnp.zeros(net.probe))["params"]
    assert "colour" in shapes and not {"grid", "restore"} & set(shapes)


def test_tables_are_penalised_where_they_turn_colours_around():
    """A cube that inverts red costs more than the identity, which costs nothing; a rough one costs its roughness."""
    steps = np.linspace(-1, 1, 3, dtype=np.float32)
    flat, turned = np.zeros((1, 3, 3, 3, 3), np.float32), np.zeros((1, 3, 3, 3, 3), np.float32)
    turned[..., 0] = -2 * steps[None, :, None, None]
    params = {"colour": {"mix3x1": {"table": jnp.asarray(flat).reshape(1, -1)}}}
    assert float(table_penalty(params, FilterLoss())) == 0
    params["colour"]["mix3x1"]["table"] = jnp.asarray(turned).reshape(1, -1)
    # Red falls by 1 a step where it should rise; its change has steps of 2, on one of three channels.
    assert float(table_penalty(params, FilterLoss(smooth=0.0, monotone=1.0))) == pytest.approx(1.0)
    assert float(table_penalty(params, FilterLoss(smooth=1.0, monotone=0.0))) == pytest.approx(4 / 3)


@pytest.mark.parametrize(("name", "size"), [("a8x4", 12), ("m8x4", 31)])
def test_grids_are_smooth_over_brightness_where_asked(name, size):
    """Weights that are the same at each step of brightness cost nothing, those of one step as much as they differ."""
    own = grids((name,), 16)[name].params({"trunk": 8, "fine": 8, "mean": 8}, 3, 0)
    made = {head: {"w": jnp.ones(own[head]["w"].shape)} for head in ("z", "g")}
    params = {"grid": {name: made | {"first": 0} if "first" in own else made}}
    assert float(table_penalty(params, FilterLoss(grid=1.0))) == 0
    shape = made["z"]["w"].shape
    made["z"]["w"] = jnp.ones((8, 4, size)).at[:, 2].set(3.0).reshape(shape)
    assert float(table_penalty(params, FilterLoss(grid=1.0))) > 0.1
    assert float(table_penalty(params, FilterLoss())) == 0
    with pytest.raises(ValueError, match="must not be negative"):
        FilterLoss(grid=-1.0)
