"""A generator of one layer whose streams differ by their archs, a tiny discriminator, and batches to translate."""

import jax
import jax.numpy as jnp
import numpy as np

from nasjax.nets.vgg import init_encoder, vgg
from nasjax.ops.conv import conv, conv_params
from nasjax.ops.params import draw
from nasjax.sampling import Sampler, strict_fair
from nasjax.spaces.toy import toy
from nasjax.tasks.adversarial import Judge
from nasjax.tasks.base import Model
from nasjax.tasks.networks import Fixed, Networks, fixed_teacher

SPACE = toy().space.at_stage("path")
SAMPLER: Sampler = strict_fair(SPACE)
PATCH = 16
POINT = "down"


def _forward(params, plan, x):
    """Each stream has its arch's sum as the strength of its layer: compiled in no time, and no two streams alike."""
    strength = 1 + jnp.asarray(plan).sum(-1).astype(jnp.float32).reshape(-1, 1, 1, 1, 1)
    return jnp.tanh(x + strength * conv(params["w"], x, 3))


GENERATOR = Model(lambda key: draw(key, {"w": conv_params(3, 3, 3)}), _forward)


def _tapped_forward(params, plan, x):
    """The outputs, and as a feature every second pixel of them."""
    y = GENERATOR.forward(params, plan, x)
    grid = y[..., ::2, ::2, :]
    return y, {POINT: jnp.concatenate([grid, jnp.tanh(grid)], -1)}


TAPPED = Model(GENERATOR.init, _tapped_forward)


def judge(advance=None) -> Judge:
    """Two strided convolutions, one score a patch, at two scales."""
    specs = {"a": conv_params(3, 3, 8), "z": conv_params(3, 8, 1)}
    wide = {"a": conv_params(3, 6, 8), "z": conv_params(3, 8, 1)}

    def apply(params, x):
        own = params["pair" if x.shape[-1] == 6 else "one"]
        h = conv(own["a"], x, 8, stride=2)
        score = conv(own["z"], jnp.maximum(h, 0.2 * h), 1)
        return score, score[:, ::2, ::2]

    return Judge(lambda key: draw(key, {"one": specs, "pair": wide}), apply, advance)


ENCODER = vgg((4, 6), (1, 1))


def networks(**changes) -> Networks:
    """Everything that any term needs; the teacher is the generator's own plan with other params."""
    teacher_specs = {"w": conv_params(3, 3, 3)}
    teacher_params = draw(jax.random.key(9), teacher_specs)

    def teach(params, plan, x):
        y = jnp.tanh(conv(params["w"], x, 3))
        return y, {POINT: jnp.concatenate([y, -y, y], -1)[..., ::2, ::2, :]}

    fixed = Fixed(ENCODER.apply, init_encoder(ENCODER, jax.random.key(3)), (1, 2))
    heads = {f"head{i}": jnp.ones(w) for i, w in enumerate(ENCODER.widths)}
    every = {
        "generator": GENERATOR,
        "discriminator": judge(),
        "back": GENERATOR,
        "tapped": TAPPED,
        "encoder": fixed,
        "lpips": Fixed(ENCODER.apply, {"trunk": fixed.params, "heads": heads}),
        "teacher": fixed_teacher(Model(lambda key: teacher_params, teach), teacher_params),
        "taught": {POINT: 9},
    }
    return Networks(**(every | changes))


def batch(task, seed: int = 0) -> dict[str, np.ndarray]:
    """Random images for a task on one device."""
    rng = np.random.default_rng(seed)
    return {name: rng.integers(0, 256, spec.shape, np.uint8) for name, spec in task.batch_spec.items()}


def remembered(task) -> dict[str, np.ndarray]:
    """The memory of a task before its first step."""
    return {name: np.zeros(spec.shape, spec.dtype) for name, spec in task.memory.items()}
