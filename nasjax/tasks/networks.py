"""What a translation is made with: networks as functions, and teachers, fixed or trained beside their student."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
from jaxtyping import Array

from nasjax.task import Batch, Players
from nasjax.tasks.adversarial import Judge
from nasjax.tasks.base import Model, in_streams, to_float
from nasjax.typing import Params

# (params of every player, batch, inputs [s, b, h, w, 3]) -> (outputs, {point: feature}) of a teacher
TeachFn = Callable[[Players, Batch, Array], tuple[Array, Mapping[str, Array]]]


class Fixed(NamedTuple):
    """A fixed network: `apply(params, images [*d, h, w, 3] in [-1, 1])` gives features, of which `levels` count."""

    apply: Callable[[Params, Any], Any]
    params: Params
    levels: tuple[int, ...] = ()


class Networks(NamedTuple):
    """What a translation is made with; only the terms that are switched on need theirs.

    `tapped` is the generator over the same params, whose forward gives `(y, {point: feature})`; `taught` are the
    channels of the teacher's features.
    """

    generator: Model
    discriminator: Judge | None = None
    back: Model | None = None  # the other way round, for a cycle
    tapped: Model | None = None
    encoder: Fixed | None = None  # of unit mean activation: `nets.vgg`
    lpips: Fixed | None = None  # a trunk with its heads: `nets.trunks.load_trunk`
    teacher: TeachFn | None = None
    taught: Mapping[str, int] = {}


def fixed_teacher(model: Model, params: Params, *, plan: Any = None) -> TeachFn:
    """A fixed teacher from a model and its params; it computes in no stream but sees all images as one batch."""

    def teach(players: Players, batch: Batch, x: Array) -> tuple[Array, Mapping[str, Array]]:
        found = model.forward(params, plan, x.reshape(1, -1, *x.shape[2:]))
        y, features = found if isinstance(found, tuple) else (found, {})
        streams = lambda f: f[0].reshape(*x.shape[:2], *f.shape[2:])  # noqa: E731
        return streams(y), {point: streams(f) for point, f in features.items()}

    return teach


def kept_teacher(players: Players, batch: Batch, x: Array) -> tuple[Array, Mapping[str, Array]]:
    """A `TeachFn` of outputs that were computed before and are the batch's targets; it has no features."""
    return in_streams(to_float(batch["target"]), x.shape[0]), {}


def live_teacher(model: Model, player: str = "teacher", *, plan: Any = None) -> TeachFn:
    """The teacher that is being trained beside the student, as it is now (online distillation, arXiv 2108.06908)."""

    def teach(players: Players, batch: Batch, x: Array) -> tuple[Array, Mapping[str, Array]]:
        return fixed_teacher(model, jax.lax.stop_gradient(players[player]), plan=plan)(players, batch, x)

    return teach
