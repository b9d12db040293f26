"""Scores: of whole populations on shared weights, and of one network on whole pictures."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from nasjax.chain.problem import Problem
from nasjax.data.evaluation import EvalImage
from nasjax.metrics.image import psnr, sr_protocol, ssim
from nasjax.search.archive import Evaluation
from nasjax.supernet.base import Supernet
from nasjax.tasks.super_resolution import degrade
from nasjax.train.compiling import compiler_options
from nasjax.train.parallel import AXIS
from nasjax.typing import Params


def population_scorer(
    problem: Problem, supernet: Supernet, params: Params, *, patches: np.ndarray, mesh: Mesh
) -> Callable[[np.ndarray], Evaluation]:
    """`evaluate(archs)` for a search: PSNR on validation patches with inherited weights, exact costs, violation.

    One program for every population of the same size; the population is spread over the mesh. Objectives are the
    negative PSNR and `config.cost`.
    """
    scale, cost = problem.config.space.scale, problem.config.cost
    low, high = _pairs(patches, scale)

    def score(params: Params, archs: jax.Array) -> jax.Array:
        def one(arch):
            return psnr(supernet.switched(params, arch, low), high, sr_protocol(scale)).mean()

        return jax.lax.map(one, archs)

    spread = jax.jit(
        jax.shard_map(score, mesh=mesh, in_specs=(P(), P(AXIS)), out_specs=P(AXIS), check_vma=False),
        compiler_options=compiler_options(),
    )

    def evaluate(archs: np.ndarray) -> Evaluation:
        costs = problem.table(archs)
        quality = np.asarray(spread(params, _fill(archs, mesh.size)))[: len(archs)].astype(np.float64)
        objectives = np.stack([-quality, costs[cost].astype(np.float64)], -1)
        columns = {**{name: costs[name] for name in problem.table.names}, "psnr_y": np.round(quality, 4)}
        return Evaluation(objectives, problem.budgets.violation(costs), columns)

    return evaluate


def patch_scorer(patches: np.ndarray, scale: int) -> Callable[[Callable[[jax.Array], Any]], float]:
    """`score(apply_fn)`: one network's mean PSNR on the patches that `population_scorer` compares candidates on."""
    low, high = _pairs(patches, scale)
    measure = jax.jit(lambda y, t: psnr(y, t, sr_protocol(scale)).mean())
    return lambda apply_fn: float(measure(apply_fn(low), high))


def picture_scores(
    apply_fn: Callable[[jax.Array], Any], images: Sequence[EvalImage], scale: int
) -> tuple[dict[str, float], list[np.ndarray], list[float]]:
    """Mean PSNR and SSIM by the super-resolution protocol, the uint8 outputs, and each picture's PSNR."""
    outputs, rows = [], []
    for image in images:
        y = apply_fn(jnp.asarray(image.lr, jnp.float32)[None] / 127.5 - 1)
        target = jnp.asarray(image.hr, jnp.float32)[None] / 127.5 - 1
        rows.append([float(v[0]) for v in _psnr_ssim(y, target, scale)])
        outputs.append(to_uint8(np.asarray(y)[0]))
    means = np.mean(rows, axis=0)
    return {"psnr_y": float(means[0]), "ssim_y": float(means[1])}, outputs, [r[0] for r in rows]


def to_uint8(x: np.ndarray) -> np.ndarray:
    """Values in [-1, 1] as pixels 0..255, rounded and clipped."""
    return np.clip(np.round((x + 1) * 127.5), 0, 255).astype(np.uint8)


@functools.partial(jax.jit, static_argnums=2)
def _psnr_ssim(y: jax.Array, target: jax.Array, scale: int) -> tuple[jax.Array, jax.Array]:
    protocol = sr_protocol(scale)
    return psnr(y, target, protocol), ssim(y, target, protocol)


@functools.partial(jax.jit, static_argnums=1)
def _pairs(patches: jax.Array | np.ndarray, scale: int) -> tuple[jax.Array, jax.Array]:
    return degrade(jnp.asarray(patches, jnp.float32) / 127.5 - 1, scale)


def _fill(archs: np.ndarray, multiple: int) -> jax.Array:
    """The population, filled up to a multiple of the devices by repeating its last arch."""
    missing = -len(archs) % multiple
    return jnp.asarray(np.concatenate([archs, np.repeat(archs[-1:], missing, 0)]), jnp.int32)
