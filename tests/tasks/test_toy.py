"""The toy tasks are learnt in seconds, by one player and by two; their data are a function of the position."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.sampling import strict_fair
from nasjax.spaces.toy import toy
from nasjax.tasks.base import supernet_model
from nasjax.tasks.toy import Textures, toy_filter, toy_gan
from nasjax.train.config import TrainConfig
from nasjax.train.parallel import data_mesh, put_batch
from nasjax.train.schedules import optimiser
from nasjax.train.state import init_state
from nasjax.train.step import make_step

NET = toy().at(toy().space.at_stage("path"))
SAMPLER = strict_fair(NET.space)


def learn(task, config):
    """Train on one device; the error to the true filter on unseen textures, before and after (averaged params)."""
    mesh = data_mesh(jax.devices()[:1])
    optimisers = {player: optimiser(config) for player in task.losses}
    state = init_state(task, NET.space, optimisers, mesh=mesh, seed=0)
    step = make_step(task, NET.space, SAMPLER, optimisers=optimisers, mesh=mesh)
    unseen = {name: jnp.asarray(x) for name, x in next(Textures(task.batch_spec, 99)).items()}
    plan = SAMPLER.sample(jax.random.key(5), 0)
    error = jax.jit(lambda params: jnp.square(task.predict(params, plan, unseen) - task.target(unseen)).mean())
    before = float(error(state.params))
    for _, batch in zip(range(config.steps), Textures(task.batch_spec, 1), strict=False):
        state, _ = step(state, put_batch(batch, mesh))
    assert int(state.failed) == 0
    return before, float(error(state.ema))


def test_one_player_learns_the_filter():
    """Sixty steps from pairs: the error on unseen textures falls to a fifth."""
    before, after = learn(toy_filter(supernet_model(NET, SAMPLER), SAMPLER), TrainConfig(steps=60, lr=5e-3, warmup=0))
    assert after < before / 5


def test_two_players_learn_the_filter_without_pairs():
    """A generator that only hears its discriminator comes clearly nearer to a filter that it never sees."""
    config = TrainConfig(steps=160, lr=2e-3, warmup=0, betas=(0.5, 0.99))
    before, after = learn(toy_gan(supernet_model(NET, SAMPLER), SAMPLER), config)
    assert after < before / 2


def test_textures_are_a_function_of_the_position():
    """An iterator put to a position gives what the first one gave there; another seed's position is refused."""
    spec = {"image": jax.ShapeDtypeStruct((2, 8, 8, 3), np.uint8)}
    data = Textures(spec, 3)
    first, state, second = next(data), data.get_state(), next(data)
    again = Textures(spec, 3)
    again.set_state(state)
    np.testing.assert_array_equal(next(again)["image"], second["image"])
    assert not np.array_equal(first["image"], second["image"])
    with pytest.raises(ValueError, match="seed is 3, this iterator's is 4"):
        Textures(spec, 4).set_state(state)
