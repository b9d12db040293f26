"""What a picture keeps of another: nothing is lost by another light, and all that is drawn or turned around counts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.losses import kept_directions, kept_edges, kept_features
from nasjax.nets.vgg import init_encoder, vgg

ENCODER = vgg((4, 6), (1, 1))
PARAMS = init_encoder(ENCODER, jax.random.key(3))
LOSSES = {
    "features": jax.jit(lambda y, of: kept_features(ENCODER.apply, PARAMS, y, of=of, levels=(1, 2))),
    "edges": jax.jit(lambda y, of: kept_edges(y, of=of)),
    "directions": jax.jit(lambda y, of: kept_directions(y, of=of)),
}


def _scene() -> np.ndarray:
    """Smooth waves and some sharp squares, 24 x 24, from about -0.8 to 0.8."""
    rows, columns = np.mgrid[:24, :24] / 24
    x = 0.4 * np.sin(5 * rows)[..., None] * np.cos(4 * columns[..., None] + np.arange(3))
    x[4:9, 5:12] += 0.4
    x[14:20, 12:20] -= 0.4
    return x[None].astype(np.float32)


SCENE = _scene()
DARKER = 0.45 * (SCENE + 1) - 1  # half of the light, as far as levels are light
OTHER = SCENE[:, ::-1].copy()


@pytest.mark.parametrize(("name", "share"), [("features", 0.5), ("edges", 0.1), ("directions", 0.1)])
def test_another_light_costs_little(name, share):
    """A picture itself costs nothing; a darker one a share of another one: half by random features, else a tenth."""
    loss = LOSSES[name]
    same, darker, other = (float(loss(y, SCENE)) for y in (SCENE, DARKER, OTHER))
    assert same == pytest.approx(0, abs=1e-4)
    assert darker < share * other and other > 0.1


def test_any_rising_curve_keeps_directions():
    """Of one channel's levels: a curve bends them, and gradients still point where they did; a falling one is 2."""
    grey = SCENE[..., :1].repeat(3, -1)
    assert float(LOSSES["directions"](np.tanh(2 * grey), grey)) < 0.01
    assert float(LOSSES["directions"](-grey, grey)) == pytest.approx(2, abs=0.01)


def test_steps_where_there_were_none_cost_edges():
    """Banding: levels of a smooth picture that are rounded to a few."""
    smooth = np.linspace(-0.8, 0.8, 24, dtype=np.float32)[None, :, None, None] * np.ones((1, 1, 24, 3), np.float32)
    banded = np.round(smooth * 4) / 4
    assert float(LOSSES["edges"](banded, smooth)) > 0.3


@pytest.mark.parametrize("name", ["edges", "directions"])
def test_flat_pictures_have_gradients_that_are_finite(name):
    """A sky has no edges, and roots and means of nothing must not make NaN of it."""
    flat = jnp.zeros((1, 24, 24, 3))
    grads = jax.grad(lambda y: LOSSES[name](y, flat))(flat)
    assert np.isfinite(grads).all()


def test_only_the_output_is_moved():
    """What is kept is what it is."""
    for name in ("edges", "directions"):
        assert not np.asarray(jax.grad(LOSSES[name], argnums=1)(jnp.asarray(DARKER), jnp.asarray(OTHER))).any()
