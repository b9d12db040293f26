"""Scores of stylising networks on pairs of a content and a style: edges kept, style reached, teacher followed."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from nasjax.metrics.style import edge_ssim, gram, gram_error
from nasjax.nets.vgg import load_vgg16, vgg
from nasjax.ops.guided import keep_detail
from nasjax.system import Networks
from nasjax.tasks.base import to_float
from nasjax.typing import Arch, Params

_LEVELS = 3  # of the embedded VGG16
_ENCODER = vgg((64, 128, 256))
_CHUNK = 4  # pairs at once: what a step of the map keeps in memory


class Judge(NamedTuple):
    """What outputs are compared with: chunks of pairs `[chunks, pairs, ...]`, and VGG16's parameters.

    `smooth` is how much of the change is filtered along the content's edges before it is scored: 0 or 1.
    """

    content: Float[Array, "k b s s 3"]
    style: Float[Array, "k b s s 3"]
    teacher: Float[Array, "k b s s 3"]
    grams: tuple[Float[Array, "k b _c _c"], ...]  # of the styles, level by level
    before: Float[Array, "k b"]  # style distance of the untouched contents
    smooth: Float[Array, ""]
    vgg: Params


def make_judge(
    contents: UInt8[np.ndarray, "n s s 3"],
    styles: UInt8[np.ndarray, "n s s 3"],
    networks: Networks,
    *,
    smooth: bool,
    teacher: Arch,
    params: Params,
) -> Judge:
    """Squares that belong together, with the outputs of the arch `teacher` on these shared weights."""
    number, size = contents.shape[:2]
    chunk = next(k for k in range(min(_CHUNK, number), 0, -1) if number % k == 0)
    content, style = (to_float(jnp.asarray(p)).reshape(-1, chunk, size, size, 3) for p in (contents, styles))
    net = networks.scored or networks.supernet
    module, own = net.extract(teacher), networks.supernet.extract_params(params, teacher)
    taught = jnp.stack([_outputs(module, own, pair)[:chunk] for pair in jnp.concatenate([content, style], axis=1)])
    weights = load_vgg16(_LEVELS)
    grams = _grams(weights, style)
    before = jax.vmap(gram_error)(_grams(weights, content), grams)
    filtered = jnp.float32(smooth)
    return Judge(content, style, _written(taught, content, filtered), grams, before, filtered, weights)


# Modules of one arch are equal, so the stages of a search share the program.
@functools.partial(jax.jit, static_argnums=0)
def _outputs(module: nn.Module, params: Params, x: Float[Array, "n s s 3"]) -> Any:
    return module.apply({"params": params}, x)


@jax.jit
def _grams(weights: Params, images: Float[Array, "k b s s 3"]) -> tuple[Float[Array, "k b _c _c"], ...]:
    """Gram matrices of VGG16's levels, chunk by chunk."""
    return jax.lax.map(lambda x: tuple(map(gram, _ENCODER.apply(weights, x))), images)


def measure(predict: Callable[[Array], Any], judge: Judge) -> Mapping[str, Array]:
    """Mean scores of one network, `predict([2b, s, s, 3] contents then styles) -> [2b, ...]`; traceable."""

    def chunk(part: tuple) -> dict[str, Array]:
        content, style, teacher, grams, before = part
        y = _written(predict(jnp.concatenate([content, style]))[: len(content)], content, judge.smooth)
        reached = gram_error([gram(f) for f in _ENCODER.apply(judge.vgg, y)], grams)
        return {
            "edge": 1 - edge_ssim(y, content),
            "style": reached / (before + 1e-6),
            "teacher": jnp.square(y - teacher).mean((-3, -2, -1)),
        }

    found = jax.lax.map(chunk, judge[:5])
    return {name: v.mean() for name, v in found.items()}


def _written(y: Array, content: Array, smooth: Array) -> Array:
    """The output as `nasjax stylize` filters it; its match of colours would hide what a network does to them."""
    return jnp.where(smooth > 0, keep_detail(content, y), y).clip(-1, 1)
