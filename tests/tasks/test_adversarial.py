"""The game's two losses: what the discriminator is shown, when it is punished, and the pool of earlier images."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.losses import GAN_LOSSES
from nasjax.tasks.adversarial import Adversarial, Shown, discriminator_loss, from_pool, generator_loss, pool_spec

KEY = jax.random.key(0)
REAL, FAKE = jax.random.normal(KEY, (2, 4, 6, 6, 3))
STEP = jnp.int32(0)


def slope(x):
    """Two scales of linear scores: the mean of an image, and thrice that."""
    mean = x.mean((1, 2, 3))
    return mean[:, None], 3 * mean[:, None, None]


@pytest.mark.parametrize("name", GAN_LOSSES)
def test_scales_weigh_alike(name):
    """Each scale plays the game for itself; losses are means over scales, and so are the logged scores."""
    config, game = Adversarial(name), GAN_LOSSES[name]
    pairs = [(r, f) for r, f in zip(slope(REAL), slope(FAKE), strict=True)]
    loss, logs = discriminator_loss(config, slope, Shown(REAL, FAKE), key=KEY, step=STEP)
    assert float(loss) == pytest.approx(np.mean([game.discriminator(*p) for p in pairs]), rel=1e-5)
    assert float(logs["real"]) == pytest.approx(2 * float(REAL.mean()), rel=1e-4) and "penalty" not in logs
    own = generator_loss(config, slope, Shown(REAL, FAKE), key=KEY)
    assert float(own) == pytest.approx(np.mean([game.generator(*p) for p in pairs]), rel=1e-5)


def test_the_condition_is_seen_with_every_image():
    """Six channels: what an image is made from comes first."""
    seen = []

    def spy(x):
        seen.append(x)
        return x.mean((1, 2, 3))

    discriminator_loss(Adversarial(), spy, Shown(REAL, FAKE, 2 * REAL), key=KEY, step=STEP)
    np.testing.assert_array_equal(seen[0], jnp.concatenate([2 * REAL, REAL], -1))
    np.testing.assert_array_equal(seen[1], jnp.concatenate([2 * REAL, FAKE], -1))


@pytest.mark.parametrize(("loss", "same"), [("hinge", False), ("relativistic", True)])
def test_a_game_of_pairs_changes_both_alike(loss, same):
    """Under augmentation a relativistic game sees equal images equally changed, another one sees them differ."""
    seen = []

    def spy(x):
        seen.append(x)
        return x.mean((1, 2, 3))

    config = Adversarial(loss, augment=("colour", "translation"))
    discriminator_loss(config, spy, Shown(REAL, REAL), key=KEY, step=STEP)
    assert np.array_equal(seen[0], seen[1]) == same and not np.array_equal(seen[0], REAL)


def test_penalties_by_hand():
    """The summed score of an image has the slope 4 / 108 in each of 108 values: squared norm 16 / 108."""
    square = 16 / 108
    for config, wanted in (
        (Adversarial(r1=3.0), 1.5 * square),
        (Adversarial(r2=5.0), 2.5 * square),
        (Adversarial(r1=3.0, r2=5.0), 4 * square),
        (Adversarial(slope=10.0), 10 * (2 / 108**0.5 - 1) ** 2),  # the mean score over scales and positions
    ):
        loss, logs = discriminator_loss(config, slope, Shown(REAL, FAKE), key=KEY, step=STEP)
        bare, _ = discriminator_loss(Adversarial(), slope, Shown(REAL, FAKE), key=KEY, step=STEP)
        assert float(logs["penalty"]) == pytest.approx(wanted, rel=1e-4)
        assert float(loss) == pytest.approx(float(bare) + wanted, rel=1e-5)


def test_lazy_penalties():
    """Of four steps one has four times the penalty."""
    config = Adversarial(r1=3.0, every=4)
    run = jax.jit(lambda step: discriminator_loss(config, slope, Shown(REAL, FAKE), key=KEY, step=step)[1]["penalty"])
    found = [float(run(jnp.int32(step))) for step in range(5)]
    assert found == pytest.approx([6 * 16 / 108, 0, 0, 0, 6 * 16 / 108], rel=1e-4)


def test_the_pool_by_hand():
    """Filled first, image after image; then shown images are new ones or what was in the pool, each about half."""
    pool, count = jnp.zeros((5, 1, 1, 1), jnp.float16), jnp.zeros((1,), jnp.int32)
    run, there, old, total = jax.jit(from_pool), {0.0}, 0, 0
    for step in range(40):
        images = (1.0 + 3 * step + jnp.arange(3.0)).reshape(3, 1, 1, 1)
        before = set(np.ravel(pool).tolist()) if step > 2 else there
        shown, pool, count = run(pool, count, images, key=jax.random.fold_in(KEY, step))
        new = np.ravel(images).tolist()
        assert int(count[0]) == min(3 * (step + 1), 5) and shown.dtype == images.dtype
        if step == 0:
            assert np.ravel(shown).tolist() == new and np.ravel(pool).tolist() == [1, 2, 3, 0, 0]
        for image, seen in zip(new, np.ravel(shown).tolist(), strict=True):
            assert seen == image or seen in before | set(new)
            old, total = old + (seen != image and step > 2), total + (step > 2)
    assert 0.35 < old / total < 0.65


def test_what_the_pool_needs():
    """Specs by the pool's size, none without a pool."""
    spec = pool_spec(Adversarial(pool=50), "target", (8, 8, 3))
    assert {n: (s.shape, s.dtype) for n, s in spec.items()} == {
        "pool_target": ((50, 8, 8, 3), np.float16),
        "pooled_target": ((1,), np.int32),
    }
    assert pool_spec(Adversarial(), "target", (8, 8, 3)) == {}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"loss": "wgan"}, "unknown loss 'wgan'; allowed: hinge"),
        ({"augment": ("color",)}, "unknown augment 'color'; allowed: colour"),
        ({"every": 0}, "every 1 or more"),
        ({"r1": -1.0}, "must not be negative"),
    ],
)
def test_wrong_settings_are_refused(wrong, message):
    """The message has the value and what is allowed."""
    with pytest.raises(ValueError, match=message):
        Adversarial(**wrong)
