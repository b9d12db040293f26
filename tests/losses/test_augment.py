"""DiffAugment: ranges, what is changed alike, and where gradients go; and pictures in another light."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.losses import MOVES, diff_augment, moved_colours
from nasjax.losses.augment import POLICIES

KEY = jax.random.key(4)
SIDE = 16
X = jax.random.uniform(KEY, (64, SIDE, SIDE, 3), minval=-1.0)
CHANGE = jax.jit(diff_augment, static_argnames="policy")


def test_nothing_is_changed_without_a_policy():
    """The empty policy is the identity."""
    assert diff_augment(X, KEY, ()) is X


@pytest.mark.parametrize("word", POLICIES)
def test_one_key_changes_alike(word):
    """Row for row the same change for the same key, another for another key, another for each row."""
    same = jnp.broadcast_to(X[:1], X.shape)
    first, again, other = (CHANGE(same, key, policy=(word,)) for key in (KEY, KEY, jax.random.key(5)))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len(np.unique(np.asarray(first).reshape(64, -1), axis=0)) > 16


@pytest.mark.parametrize("word", POLICIES)
def test_pictures_of_a_pair_are_changed_alike(word):
    """Six channels are two pictures: both get the change of their row, and so still belong together."""
    pair = CHANGE(jnp.concatenate([X, X], -1), KEY, policy=(word,))
    np.testing.assert_array_equal(pair[..., :3], pair[..., 3:])
    np.testing.assert_allclose(pair[..., :3], CHANGE(X, KEY, policy=(word,)), atol=1e-6)


def test_colour_by_hand():
    """Of a flat grey picture only brightness is left, within half; of others the three factors can be read off."""
    flat = CHANGE(jnp.zeros_like(X), KEY, policy=("colour",))
    shift = np.asarray(flat)[:, 0, 0, 0]
    assert np.ptp(flat, axis=(1, 2, 3)).max() < 1e-6
    assert np.abs(shift).max() <= 0.5 and np.abs(shift).max() > 0.4
    found = np.asarray(CHANGE(X, KEY, policy=("colour",)))
    grey, wanted = found.mean(-1, keepdims=True), np.asarray(X).mean(-1, keepdims=True)
    contrast = grey.std((1, 2, 3)) / wanted.std((1, 2, 3))
    assert 0.5 <= contrast.min() < 0.6 and 1.4 < contrast.max() <= 1.5
    saturation = (found - grey).std((1, 2, 3)) / (X - wanted).std((1, 2, 3)) / contrast
    assert 0 <= saturation.min() < 0.2 and 1.8 < saturation.max() <= 2.0


def test_translation_by_hand():
    """A pixel moves by up to an eighth of the side, each way; what leaves is lost, what comes in is 0."""
    dot = jnp.zeros_like(X).at[:, 8, 5].set(1.0)
    found = np.asarray(CHANGE(dot, KEY, policy=("translation",)))
    assert (found.sum((1, 2)) == 1).all()
    moves = np.array([np.argwhere(f[..., 0])[0] - (8, 5) for f in found])
    assert sorted(set(moves[:, 0])) == sorted(set(moves[:, 1])) == [-2, -1, 0, 1, 2]
    corner = np.asarray(CHANGE(jnp.zeros_like(X).at[:, 0, 0].set(1.0), KEY, policy=("translation",)))
    assert {0.0, 1.0} == set(corner.sum((1, 2))[:, 0])


def test_cutout_by_hand():
    """Of ones a rectangle becomes 0: up to half a side each way, at least a quarter, and values elsewhere are kept."""
    found = np.asarray(CHANGE(X, KEY, policy=("cutout",)))
    hole = (found == 0).all(-1)
    np.testing.assert_array_equal(found[~hole], np.asarray(X)[~hole])
    sides = np.stack([hole.any(2).sum(1), hole.any(1).sum(1)], -1)
    np.testing.assert_array_equal(hole.sum((1, 2)), sides.prod(-1))
    assert sides.max() == SIDE // 2 and sides.min() == SIDE // 4


def test_gradients_pass():
    """The gradient of a sum is the number of times a pixel is shown: none where it is cut out or moved away."""
    grad = jax.jit(jax.grad(lambda x: diff_augment(x, KEY, ("translation", "cutout")).sum()))(X)
    assert set(np.unique(grad)) == {0.0, 1.0}


def test_what_is_refused():
    """Another word, or channels that are no RGB pictures."""
    with pytest.raises(ValueError, match="'color'; allowed: colour, translation, cutout"):
        diff_augment(X, KEY, ("color",))
    with pytest.raises(ValueError, match="3 channels or a multiple, got 4"):
        diff_augment(jnp.zeros((1, 4, 4, 4)), KEY, ("colour",))


def test_each_picture_comes_in_another_light():
    """Every picture by its own draws: brighter or darker, other hues, in range, and no gradient flows back."""
    grey = jnp.full((2, 32, 4, 4, 3), -0.2)
    moved = np.asarray(moved_colours(grey, KEY))
    assert moved.shape == grey.shape and np.abs(moved).max() <= 1
    light = moved.mean((-3, -2, -1))
    assert (light > -0.1).any() and (light < -0.3).any() and len(np.unique(light)) == 64
    casts = (moved[..., 0] - moved[..., 2]).mean((-2, -1))
    assert casts.max() > 0.1 and casts.min() < -0.1
    # All pixels of a picture are moved alike.
    np.testing.assert_allclose(moved, moved[..., :1, :1, :] + 0 * moved, atol=1e-6)
    assert not np.asarray(jax.grad(lambda x: moved_colours(x, KEY).sum())(X)).any()
    still = moved_colours(X, KEY, (0.0,) * len(MOVES))
    np.testing.assert_allclose(still, X.clip(-1, 1), atol=1e-5)
