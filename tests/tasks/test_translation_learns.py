"""A translation by its discriminator alone learns what it was never told: the filter between input and target."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.ops.conv import conv, conv_params
from nasjax.ops.params import draw
from nasjax.sampling import strict_fair
from nasjax.spaces.toy import toy
from nasjax.tasks.adversarial import Adversarial, Judge
from nasjax.tasks.base import supernet_model
from nasjax.tasks.networks import Networks
from nasjax.tasks.toy import Textures, true_filter
from nasjax.tasks.translation import Translation, translation
from nasjax.train.config import TrainConfig
from nasjax.train.health import WINDOW, diagnose
from nasjax.train.parallel import data_mesh, put_batch
from nasjax.train.schedules import optimiser
from nasjax.train.state import init_state
from nasjax.train.step import make_step

NET = toy().at(toy().space.at_stage("path"))
SAMPLER = strict_fair(NET.space)


def judge(channels: int) -> Judge:
    """Two strided convolutions and a score a patch."""
    specs = {"a": conv_params(3, channels, 16), "b": conv_params(3, 16, 32), "z": conv_params(1, 32, 1)}

    def apply(params, x):
        h = conv(params["a"], x, 16, stride=2)
        h = conv(params["b"], jnp.maximum(h, 0.2 * h), 32, stride=2)
        return conv(params["z"], jnp.maximum(h, 0.2 * h), 1)

    return Judge(lambda key: draw(key, specs), apply)


def filtered(images: np.ndarray) -> np.ndarray:
    """What the pictures should become, as uint8."""
    y = np.asarray(true_filter(jnp.asarray(images / 127.5 - 1, jnp.float32)))
    return np.clip(np.round((y + 1) * 127.5), 0, 255).astype(np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pairs", "play"),
    [
        (True, Adversarial("relativistic", r1=0.2, r2=0.2)),
        (False, Adversarial("hinge", r1=0.2, every=2, augment=("translation",), pool=16)),
    ],
    ids=["pairs", "no pairs"],
)
def test_a_generator_learns_by_its_judge(pairs, play):
    """Without any pixel loss the error on unseen textures falls to a quarter, and the game is called healthy."""
    task = translation(
        Translation(patch=12, batch=4, pairs=pairs, adversarial=play),
        Networks(supernet_model(NET, SAMPLER), judge(6 if pairs else 3)), SAMPLER,
    )  # fmt: skip
    mesh = data_mesh(jax.devices()[:1])
    config = TrainConfig(steps=250, lr=4e-3, warmup=0, betas=(0.5, 0.99), ema=0.9)
    optimisers = {player: optimiser(config) for player in task.players}
    state = init_state(task, NET.space, optimisers, mesh=mesh, seed=0)
    step = make_step(task, NET.space, SAMPLER, optimisers=optimisers, mesh=mesh, ema=config.ema)
    unseen = next(Textures(task.batch_spec, 99))["input"]
    batch = {"input": jnp.asarray(unseen), "target": jnp.asarray(filtered(unseen))}
    plan = SAMPLER.sample(jax.random.key(5), 0)
    error = jax.jit(lambda params: jnp.square(task.predict(params, plan, batch) - task.target(batch)).mean())
    before, rows = float(error(state.ema)), []
    for _, given in zip(range(config.steps), Textures(task.batch_spec, 0), strict=False):
        wanted = filtered(given["input"] if pairs else given["target"])
        state, logs = step(state, put_batch({"input": given["input"], "target": wanted}, mesh))
        if int(state.step) % 10 == 0:
            rows.append({"step": int(state.step), **{name: float(value) for name, value in logs.items()}})
    assert int(state.failed) == 0
    assert float(error(state.ema)) < 0.25 * before
    assert len(rows) >= 2 * WINDOW and diagnose(rows) == []
