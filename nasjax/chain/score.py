"""Scores, by one function of the system: of whole populations on shared weights, and of one network alone."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from zlib import crc32

import jax
import numpy as np
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from nasjax.chain.measures import evaluation
from nasjax.chain.problem import Problem
from nasjax.cost.sample import sample_networks
from nasjax.say import Say
from nasjax.search.archive import Evaluation
from nasjax.space import SearchSpace
from nasjax.supernet.base import Supernet
from nasjax.system import Predict
from nasjax.train.compiling import compiler_options
from nasjax.train.parallel import AXIS, replicate, replicated
from nasjax.typing import Params

_SPARES = 4  # failures of a generation that are made up for


def population_scorer(
    problem: Problem, space: SearchSpace, params: Params, *, mesh: Mesh
) -> Callable[[np.ndarray], Evaluation]:
    """`evaluate(archs)` for a search: scores with inherited weights, exact costs, objectives and violation.

    One program for every population of a size, spread over the mesh, whichever processes its devices belong to.
    """
    net, score = problem.scored.at(space), problem.ground.score

    def scores(params: Params, judge, archs: jax.Array):
        return jax.lax.map(lambda arch: score(lambda x: net.switched(params, arch, x), judge), archs)

    def made() -> Callable:
        spread = jax.shard_map(scores, mesh=mesh, in_specs=(P(), P(), P(AXIS)), out_specs=P(AXIS), check_vma=False)
        return jax.jit(spread, out_shardings=replicated(mesh), compiler_options=compiler_options())

    spread = problem.kept(("population", net, mesh), made)
    shared, judge = replicate((params, problem.ground.judge(params)), mesh)

    def evaluate(archs: np.ndarray) -> Evaluation:
        missing = -len(archs) % mesh.size
        filled = np.concatenate([archs, np.repeat(archs[-1:], missing, 0)]).astype(np.int32)
        found = spread(shared, judge, replicate(filled, mesh))
        return evaluation(problem, archs, {n: np.asarray(v)[: len(archs)].astype(np.float64) for n, v in found.items()})

    return evaluate


def trial_scorer(problem: Problem, params: Params, folder: Path, *, say: Say) -> Callable[[np.ndarray], Evaluation]:
    """The same for candidates that are trained to be scored (`tasks.trial.Trial`).

    What failed is recorded as the worst of those asked for with it, and violates by 1 more than its costs do. In its
    place a random arch within the budgets is tried and recorded, so that a generation is of so many candidates.
    """
    trial = problem.ground.trial
    assert trial is not None

    def evaluate(archs: np.ndarray) -> Evaluation:
        spares, told = _spares(problem, archs), trial.score
        every = {n: np.asarray(v, np.float64) for n, v in told(params, archs, folder, say, spares).items()}
        found, beside = (
            {n: v[part] for n, v in every.items()} for part in (slice(len(archs)), slice(len(archs), None))
        )
        failed, tried = ~_finite(found), _finite(beside)
        signs = {m.name: m.sign for m in problem.ground.measures}
        scores = {n: _filled(v, failed, signs.get(n, 1)) for n, v in found.items()}
        known = evaluation(problem, archs, scores)
        also = spares[tried]
        more = (also, evaluation(problem, also, {n: v[tried] for n, v in beside.items()})) if len(also) else None
        return known._replace(violation=np.asarray(known.violation) + failed, more=more)

    return evaluate


def _spares(problem: Problem, archs: np.ndarray) -> np.ndarray:
    """Random archs within the budgets for those of a generation that fail: the same for the same generation."""
    drawn = sample_networks(problem.space, 64 * _SPARES, seed=crc32(np.asarray(archs, np.int32).tobytes()))
    kept = drawn[problem.budgets.kept(problem.table(drawn))]
    new = [arch for arch in kept if not (arch == archs).all(-1).any()]
    return np.asarray(new[:_SPARES], np.int32).reshape(-1, archs.shape[1])


def _finite(found: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.all([np.isfinite(v) for v in found.values()], axis=0)


def _filled(values: np.ndarray, failed: np.ndarray, sign: int) -> np.ndarray:
    """The values with the worst of the others, or 0, where they failed."""
    others = sign * values[~failed]
    return np.where(failed, sign * others.max() if len(others) else 0.0, values)


class Scorer:
    """Scores finished networks, one by one, against one judge; networks of one arch share a program."""

    def __init__(self, problem: Problem, shared: Params):
        self._problem, self._judge = problem, problem.ground.judge(shared)

    def __call__(self, net: Supernet, arch: np.ndarray, params: Params) -> dict[str, float]:
        """The scores of one extracted network of `net`."""
        arch, score = np.asarray(arch, np.int32), self._problem.ground.score

        def made() -> Callable:
            module = net.extract(arch)

            def scored(params: Params, judge: Any):
                return score(lambda x: module.apply({"params": params}, x), judge)

            return jax.jit(scored, compiler_options=compiler_options())

        program = self._problem.kept(("score", net, arch.tobytes()), made)
        return {name: float(v) for name, v in program(params, self._judge).items()}

    def function(self, predict: Predict) -> dict[str, float]:
        """The scores of what is no network."""
        return {name: float(v) for name, v in self._problem.ground.score(predict, self._judge).items()}

    def total(self, arch: np.ndarray, scores: dict[str, float]) -> float:
        """The weighted sum that decides, of a network of the searched space."""
        rows = {name: np.array([v]) for name, v in scores.items()}
        return float(evaluation(self._problem, np.asarray(arch)[None], rows).columns["total"][0])
