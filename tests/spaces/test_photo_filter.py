"""The space of photo filters: what a filter is before it has learned, and what it may not depend on."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.ops.bilateral import grids, maps_of
from nasjax.ops.colour_maps import colour_maps
from nasjax.ops.restoring import bands, restorers
from nasjax.spaces.photo_filter import photo_filter, small_copy
from nasjax.tasks.base import extracted_model
from nasjax.tasks.photo_filter import FilterLoss, grid_penalty, table_penalty
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
    params = jax.tree.map(lambda p: np.float32(0.3) * np.asarray(p), random_params(shapes))
    return jax.jit(lambda x: NET.extract(arch).apply({"params": params}, x))


def _penalty(params, weights):
    return float(jax.jit(lambda p: table_penalty(p, weights))(params))


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
        after = jax.tree.map(lambda p, g: np.asarray(p) - 0.1 * np.asarray(g), after, loss(after))
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
        (restorers, "half0conv", "quarterDconv"),
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
    assert _penalty(params, FilterLoss()) == 0
    params["colour"]["mix3x1"]["table"] = jnp.asarray(turned).reshape(1, -1)
    # Red falls by 1 a step where it should rise; its change has steps of 2, on one of three channels.
    assert _penalty(params, FilterLoss(smooth=0.0, monotone=1.0)) == pytest.approx(1.0)
    assert _penalty(params, FilterLoss(smooth=1.0, monotone=0.0)) == pytest.approx(4 / 3)


def test_tables_of_low_rank_keep_the_order_of_colours():
    """Curves that rise, times -2 of each channel, take more from a colour than it has: all of it falls."""
    net = photo_filter(heads={"colour": ["low5"], "grid": ["none"]}, blocks=1, sides=[64])
    params = net.extract_params(net.init(jax.random.key(0)), net.space.encode({}))
    assert _penalty(params, FilterLoss(smooth=0.0)) == 0
    own = params["colour"]["low5"]
    own["curves"] = jnp.ones((3, 5, 8)).at[0].set(jnp.linspace(-1, 1, 5)[:, None])
    own["z"]["b"] = jnp.zeros((8, 3)).at[0, 0].set(-2.0).ravel()  # red alone, which becomes -red
    assert _penalty(params, FilterLoss(smooth=0.0, monotone=1.0)) == pytest.approx(0.5)
    own["z"]["b"] = 0.25 * own["z"]["b"]
    assert _penalty(params, FilterLoss(smooth=0.0)) == 0


def _features(**images):
    """Of one picture, with a channel each."""
    flat = {name: np.ones((1, n, n, 1), np.float32) for name, n in (("trunk", 16), ("fine", 32), ("mean", 1))}
    return flat | images


@pytest.mark.parametrize(("name", "size"), [("a8x4", 12), ("a16x4", 12), ("a32x4", 12), ("m8x4", 31)])
def test_grids_are_smooth_over_place_and_brightness_where_asked(name, size):
    """Maps that are the same everywhere cost nothing, those that differ from place to place or step to step do."""
    own = grids((name,), 16)[name].params({"trunk": 1, "fine": 1, "mean": 1}, 3, 0)
    weights = {head: np.full(own[head]["w"].shape, 0.01, np.float32) for head in ("z", "g")}
    same = {head: {"w": w, "b": np.zeros(4 * size, np.float32)} for head, w in weights.items()}
    smooth = FilterLoss(grid=1.0, monotone=0.0)
    penalty = jax.jit(lambda own, features: grid_penalty({"grid": {name: own}}, features, smooth))
    assert float(penalty(same, _features())) == 0
    # Over place: a feature that rises by 1 from column to column, or by 2 where two are one; weights of 0.01.
    columns = {n: np.tile(np.arange(n, dtype=np.float32)[None, None, :, None], (1, n, 1, 1)) for n in (16, 32)}
    found = penalty(same, _features(trunk=columns[16], fine=columns[32]))
    assert float(found) == pytest.approx(4e-4 if "8x" in name else 1e-4, rel=1e-3)
    # Over brightness: one of four steps is 1 more, so that two of three differences are 1.
    same["g"]["b"] = np.repeat(np.array([0, 0, 1, 0], np.float32), size)
    assert float(penalty(same, _features())) == pytest.approx(2 / 3, rel=1e-3)
    assert _penalty({"grid": {name: same}}, FilterLoss(grid=1.0)) == 0


def test_grids_keep_the_order_of_greys():
    """Of maps that turn greys around, each step falls as far as it should rise; those that add the same are free."""
    own = {head: {"w": np.zeros((1, 1, 1, 48), np.float32), "b": np.zeros(48, np.float32)} for head in ("z", "g")}
    order = FilterLoss(grid=1e-9, monotone=1.0)
    penalty = jax.jit(lambda own, features: grid_penalty({"grid": {"a8x4": own}}, features, order))
    maps = np.zeros((4, 4, 3), np.float32)  # of 4 steps: 4 inputs, 3 channels
    maps[:, 3] = 0.5
    own["g"]["b"] = maps.ravel()
    assert float(penalty(own, _features())) == pytest.approx(0, abs=1e-6)
    maps[:, 0, 0] = -2.0  # red becomes -red for greys: 0.5 down a step
    own["g"]["b"] = maps.ravel()
    assert float(penalty(own, _features())) == pytest.approx(0.5, rel=1e-3)


def test_grids_that_are_penalised_are_those_of_the_picture():
    """What the tapped network says is what the grid is made of: the same change, at the place of each of its maps."""
    net = photo_filter(heads={"colour": ["none"], "grid": ["a16x4"], "bands": ["0"], "restore": ["none"]}, sides=[64])
    arch = net.space.encode({"grid.guide": "luma"})
    params = net.extract_params(net.init(jax.random.key(0)), arch)
    own = params["grid"]["a16x4"]
    own["z"]["w"] = 0.1 * jax.random.normal(jax.random.key(1), own["z"]["w"].shape)
    x = jnp.full((1, 16, 16, 3), -0.25)  # the second of four steps
    y, code = extracted_model(net, arch).tapped(params, jnp.zeros((1, 1), int), x[None])
    maps = maps_of("a16x4", own, code)[0, 0, :, :, 1].reshape(16, 16, 4, 3)
    wanted = x[0] + -0.25 * maps[:, :, :3].sum(2) + maps[:, :, 3]
    np.testing.assert_allclose(y[0, 0], wanted.clip(-1, 1), atol=1e-5)
    assert np.abs(y[0, 0] - x[0]).max() > 0.01


def test_weights_are_not_negative():
    """Of a grid, for one."""
    with pytest.raises(ValueError, match="must not be negative"):
        FilterLoss(grid=-1.0)
