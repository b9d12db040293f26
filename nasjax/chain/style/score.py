"""Scores of stylising networks: whole populations on shared weights, and one network alone, by the same protocol.

edge     1 - SSIM of the edge maps of output and content: 0 keeps every edge
style    Gram distance of output and style over VGG16's relu1_1 to relu3_1, relative to that of content and style: 0 has
         reached the style, 1 has done nothing
teacher  mean squared difference to what the network with every edge and every transfer makes of the pair
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, Float

from nasjax.chain.style.config import OBJECTIVES
from nasjax.chain.style.problem import StyleProblem
from nasjax.metrics.style import edge_ssim, gram, gram_error
from nasjax.nets.vgg import load_vgg16, vgg
from nasjax.ops.guided import keep_detail
from nasjax.search.archive import Evaluation
from nasjax.space import SearchSpace
from nasjax.supernet.base import Supernet
from nasjax.tasks.base import to_float
from nasjax.train.compiling import compiler_options
from nasjax.train.parallel import AXIS
from nasjax.typing import Params

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


def make_judge(problem: StyleProblem, params: Params) -> Judge:
    """The pairs of a problem, with the teacher's outputs on these shared weights."""
    number, size = problem.config.pairs.number, problem.config.pairs.size
    chunk = next(k for k in range(min(_CHUNK, number), 0, -1) if number % k == 0)
    content, style = (to_float(jnp.asarray(p)).reshape(-1, chunk, size, size, 3) for p in problem.pairs)
    arch = teacher_arch(problem.stylising.space)
    module, own = problem.stylising.extract(arch), problem.supernet.extract_params(params, arch)
    pairs = jnp.concatenate([content, style], axis=1)
    teacher = jnp.stack([_outputs(module, own, pair)[:chunk] for pair in pairs])
    weights = load_vgg16(_LEVELS)
    grams = _grams(weights, style)
    before = jax.vmap(gram_error)(_grams(weights, content), grams)
    smooth = jnp.float32(problem.config.smooth)
    return Judge(content, style, _written(teacher, content, smooth), grams, before, smooth, weights)


# Modules of one arch are equal, so the stages of a search share the program.
@functools.partial(jax.jit, static_argnums=0)
def _outputs(module: nn.Module, params: Params, x: Float[Array, "n s s 3"]) -> Any:
    return module.apply({"params": params}, x)


@jax.jit
def _grams(weights: Params, images: Float[Array, "k b s s 3"]) -> tuple[Float[Array, "k b _c _c"], ...]:
    """Gram matrices of VGG16's levels, chunk by chunk."""
    return jax.lax.map(lambda x: tuple(map(gram, _ENCODER.apply(weights, x))), images)


def teacher_arch(space: SearchSpace) -> np.ndarray:
    """The network with everything on (the all-ones string of arXiv 1906.02470), first operators, widest widths."""
    on = {"on", "norm", "3x3"}
    arch = []
    for choice in space.choices:
        wide = len(choice.options) - 1 if choice.name.startswith("w") else int(choice.options[0] == "off")
        arch.append(next((i for i, o in enumerate(choice.options) if o in on), wide))
    return np.asarray(space.canonical(np.array(arch, np.int32)))


def measure(outputs_fn: Callable[[Array], Any], judge: Judge) -> dict[str, Array]:
    """Mean scores of one network, `outputs_fn([2b, s, s, 3] contents then styles) -> [2b, ...]`; traceable."""

    def chunk(part: tuple) -> dict[str, Array]:
        content, style, teacher, grams, before = part
        y = _written(outputs_fn(jnp.concatenate([content, style]))[: len(content)], content, judge.smooth)
        reached = gram_error([gram(f) for f in _ENCODER.apply(judge.vgg, y)], grams)
        return {
            "edge": 1 - edge_ssim(y, content),
            "style": reached / (before + 1e-6),
            "teacher": jnp.square(y - teacher).mean((-3, -2, -1)),
        }

    found = jax.lax.map(chunk, judge[:5])
    return {name: v.mean() for name, v in found.items()}


def _written(y: Array, content: Array, smooth: Array) -> Array:
    """The output as it is written to a file."""
    return jnp.where(smooth > 0, keep_detail(content, y), y).clip(-1, 1)


def style_scorer(
    problem: StyleProblem, space: SearchSpace, params: Params, *, judge: Judge, mesh: Mesh
) -> Callable[[np.ndarray], Evaluation]:
    """`evaluate(archs)` for a search: one program for every population of a size, spread over the mesh.

    Objectives are the config's, in their order; "cost" is MACs relative to the dearest network of the whole space.
    """
    net: Supernet = problem.stylising.at(space)

    def score(params: Params, judge: Judge, archs: Array) -> dict[str, Array]:
        return jax.lax.map(lambda arch: measure(lambda x: net.switched(params, arch, x), judge), archs)

    spread = jax.jit(
        jax.shard_map(score, mesh=mesh, in_specs=(P(), P(), P(AXIS)), out_specs=P(AXIS), check_vma=False),
        compiler_options=compiler_options(),
    )

    def evaluate(archs: np.ndarray) -> Evaluation:
        missing = -len(archs) % mesh.size
        filled = np.concatenate([archs, np.repeat(archs[-1:], missing, 0)]).astype(np.int32)
        scores = {n: np.asarray(v)[: len(archs)].astype(np.float64) for n, v in spread(params, judge, filled).items()}
        return evaluation(problem, archs, scores)

    return evaluate


def evaluation(problem: StyleProblem, archs: np.ndarray, scores: dict[str, np.ndarray]) -> Evaluation:
    """Scores with exact costs, as objectives and as columns of the archive."""
    costs = problem.table(archs)
    scores = scores | {"cost": costs["macs"] / problem.table.maximum("macs").value}
    objectives = np.stack([scores[name] for name in problem.config.objectives], -1)
    columns = {name: costs[name] for name in problem.table.names} | {n: np.round(scores[n], 6) for n in OBJECTIVES}
    columns |= {"total": np.round(total(problem, scores), 6)}
    return Evaluation(objectives, problem.budgets.violation(costs), columns)


def total(problem: StyleProblem, scores: dict[str, np.ndarray]) -> np.ndarray:
    """The weighted sum that decides, smaller is better."""
    pairs = zip(problem.config.weights, OBJECTIVES, strict=True)
    return np.sum([weight * np.asarray(scores[name]) for weight, name in pairs], axis=0)
