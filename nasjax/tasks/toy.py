"""Toy tasks, learnt in seconds without any data: blur-and-tint with one player, the same by a tiny GAN with two."""

from collections.abc import Iterator, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from nasjax.losses import hinge_discriminator, hinge_generator, mse
from nasjax.metrics import mean_metric
from nasjax.metrics.base import Images
from nasjax.ops.blocks import activate
from nasjax.ops.conv import conv, conv_params
from nasjax.ops.params import draw
from nasjax.sampling import Sampler
from nasjax.task import Batch, Logs, Players, Task
from nasjax.tasks.base import Model, image_spec, in_streams, to_float
from nasjax.typing import Archs, Params, PRNGKey, Scalar, Spec

_BLUR = np.outer([1, 2, 1], [1, 2, 1]) / 16
_TINT = np.array([[0.5, 0.2, 0.1], [0.3, 0.5, 0.2], [0.1, 0.1, 0.3]])  # input channel, output channel
_SHIFT = (0.3, 0.0, -0.3)  # warm: more red, less blue


class Textures:
    """Endless batches of random textures for a batch spec, uint8; a pure function of seed and position."""

    def __init__(self, spec: Mapping[str, Spec], seed: int):
        self._spec, self._seed, self._position = dict(spec), seed, 0

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        return self

    def __next__(self) -> dict[str, np.ndarray]:
        rng = np.random.default_rng((self._seed, self._position))
        self._position += 1
        return {name: _textures(rng, spec.shape) for name, spec in self._spec.items()}

    def get_state(self) -> dict[str, int]:
        """The position of the next batch, and the seed."""
        return {"position": self._position, "seed": self._seed}

    def set_state(self, state: Mapping[str, int]) -> None:
        """Go to a position; raises ValueError for another seed."""
        if state["seed"] != self._seed:
            raise ValueError(f"textures: the state's seed is {state['seed']}, this iterator's is {self._seed}")
        self._position = state["position"]


def toy_filter(model: Model, sampler: Sampler, *, batch: int = 4, size: int = 12) -> Task:
    """One player, "generator", learns a fixed 3x3 blur and tint from pairs; the loss is the mean squared error."""
    predict, target = _prediction(model, sampler), _target(sampler)

    def loss(params: Players, plan: Archs, batch: Batch, key: PRNGKey) -> tuple[Scalar, Logs]:
        return mse(predict(params, plan, batch), target(batch)), {}

    return Task(
        "toy-filter",
        init=lambda key: {"generator": model.init(key)},
        losses={"generator": loss},
        predict=predict,
        target=target,
        metrics={"mse": mean_metric({"mse": _squared_error})},
        batch_spec={"image": image_spec(sampler.slots * batch, size)},
    )


def toy_gan(model: Model, sampler: Sampler, *, batch: int = 4, size: int = 12) -> Task:
    """Two players: "discriminator" (a fixed patch network, first) and "generator" learn the same filter without pairs.

    "image" is what the generator filters; "real" becomes, filtered by the true filter, what the discriminator is shown.
    `target` is the true filter of "image", which training never sees.
    """
    predict = _prediction(model, sampler)

    def discriminator(params: Players, plan: Archs, batch: Batch, key: PRNGKey) -> tuple[Scalar, Logs]:
        real, fake = true_filter(to_float(batch["real"])), jax.lax.stop_gradient(predict(params, plan, batch))
        judge = params["discriminator"]
        return hinge_discriminator(_judge(judge, real), _judge(judge, _merged(fake))), {}

    def generator(params: Players, plan: Archs, batch: Batch, key: PRNGKey) -> tuple[Scalar, Logs]:
        fake = _merged(predict(params, plan, batch))
        return hinge_generator(_judge(params["discriminator"], fake)), {}

    def init(key: PRNGKey) -> dict[str, Params]:
        judge = draw(jax.random.fold_in(key, 1), _judge_params())
        return {"generator": model.init(key), "discriminator": judge}

    spec = image_spec(sampler.slots * batch, size)
    return Task(
        "toy-gan",
        init=init,
        losses={"discriminator": discriminator, "generator": generator},
        predict=predict,
        target=_target(sampler),
        metrics={"mse": mean_metric({"mse": _squared_error})},
        batch_spec={"image": spec, "real": spec},
    )


def true_filter(x: Float[Array, "b h w 3"]) -> Float[Array, "b h w 3"]:
    """The filter that the toy tasks learn: a Gaussian 3x3 blur, then a tint."""
    w = jnp.asarray(_BLUR[:, :, None, None] * _TINT, jnp.float32)
    return conv({"w": w, "b": jnp.asarray(_SHIFT)}, x, 3)


def _prediction(model: Model, sampler: Sampler):
    def predict(params: Players, plan: Archs, batch: Batch) -> Array:
        return model.forward(params["generator"], plan, in_streams(to_float(batch["image"]), sampler.slots))

    return predict


def _target(sampler: Sampler):
    return lambda batch: in_streams(true_filter(to_float(batch["image"])), sampler.slots)


def _judge_params() -> dict:
    return {"a": conv_params(3, 3, 8), "b": conv_params(3, 8, 16), "z": conv_params(1, 16, 1)}


def _judge(p: Params, x: Float[Array, "b h w 3"]) -> Float[Array, "b i j 1"]:
    h = activate(conv(p["a"], x, 8, stride=2))
    return conv(p["z"], activate(conv(p["b"], h, 16, stride=2)), 1)


def _merged(x: Float[Array, "s b h w c"]) -> Float[Array, "n h w c"]:
    return x.reshape(-1, *x.shape[2:])


def _squared_error(prediction: Images, target: Images, sizes: Int[Array, "b 2"] | None) -> Float[Array, " b"]:
    return jnp.square(jnp.asarray(prediction) - target).mean((-3, -2, -1))


def _textures(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Blocks of random colour under fine noise: something for the blur and something for the tint."""
    n, size = shape[:2]
    coarse = rng.integers(32, 224, (n, -(-size // 4), -(-size // 4), 3))
    blocks = coarse.repeat(4, axis=1).repeat(4, axis=2)[:, :size, :size]
    return (blocks + rng.integers(-32, 32, shape)).astype(np.uint8)
