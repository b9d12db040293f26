"""REINFORCE over a factorised categorical policy (Williams 1992; as an architecture controller: arXiv 1611.01578)."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from nasjax.search.base import Objectives, Searcher, Violation, check_sizes, scalarise, tidy
from nasjax.search.variation import lots, option_mask, structure
from nasjax.space import SearchSpace
from nasjax.typing import Archs, PRNGKey

_CLIP = 3.0  # standard deviations: one freak score must not decide the policy


class _Settings(NamedTuple):
    space: SearchSpace
    batch: int
    weights: tuple[float, ...]
    learning_rate: float
    entropy: float
    decay: float


class _State(NamedTuple):
    """The policy's logits with Adam's moments, and moving sums of the feasible scores."""

    mask: Bool[Array, "k o"]
    logits: Float[Array, "k o"]
    moments: Float[Array, "2 k o"]
    averages: Float[Array, "3"]
    baseline: Float[Array, "2"]
    step: Int[Array, ""]


def reinforce(
    space: SearchSpace,
    *,
    batch: int = 32,
    weights: Sequence[float] = (1.0,),
    learning_rate: float = 0.1,
    entropy: float = 0.01,
    decay: float = 0.9,
) -> Searcher:
    """Samples `batch` archs a generation from independent categorical choices and follows the policy gradient.

    Single-objective: minimises the sum of the objectives weighted by `weights`. Scores are standardised by moving
    averages (factor `decay` a generation), whose moving mean is also the baseline; infeasible archs cost more than any
    feasible one, by their violation. `entropy` weighs the bonus for undecided choices. Only active choices receive
    gradient, and options outside the mask are never sampled. As the policy settles, archs are proposed repeatedly.
    """
    check_sizes("reinforce", {"batch": batch, "number of weights": len(weights)})
    if not 0 <= decay < 1:
        raise ValueError(f"reinforce: decay must be in [0, 1), got {decay}")
    settings = _Settings(structure(space), batch, tuple(map(float, weights)), learning_rate, entropy, decay)
    mask = option_mask(space)
    nothing = (np.zeros(shape, np.float32) for shape in (mask.shape, (2, *mask.shape), 3, 2))
    start = _State(mask, *map(jnp.asarray, (*nothing, np.int32(0))))
    return Searcher(lambda key: start, partial(_ask, settings), partial(_tell, settings))


@partial(jax.jit, static_argnums=0)
def _ask(settings: _Settings, key: PRNGKey, state: _State) -> Archs:
    policy = _log_policy(state.mask, state.logits)
    # The Gumbel-max trick: the largest log probability plus Gumbel noise is a sample of the categorical.
    noise = -jnp.log(-jnp.log(jnp.maximum(lots(key, (settings.batch, *policy.shape)), 1e-30)))
    return settings.space.canonical(jnp.argmax(policy[None] + noise, -1).astype(jnp.int32))


@partial(jax.jit, static_argnums=0)
def _tell(settings: _Settings, state: _State, archs: Archs, objectives: Objectives, violation: Violation) -> _State:
    objectives, violation = tidy(objectives, violation, len(settings.weights))
    score = scalarise(objectives, settings.weights)
    averages = _average(settings, state.averages, score, violation <= 0)
    loss = _standardise(averages, score, violation)
    # The baseline is what was known before this batch; only in the first one does the batch stand in for it.
    past, weight = state.baseline
    advantage = jnp.where(weight > 0, past / jnp.maximum(weight, 1e-9), loss.mean()) - loss
    gradient = jax.grad(_surrogate)(state.logits, state.mask, settings, archs, advantage)
    logits, moments = _adam(state, gradient, settings.learning_rate)
    baseline = settings.decay * state.baseline + (1 - settings.decay) * jnp.stack([loss.mean(), jnp.ones(())])
    return _State(state.mask, logits, moments, averages, baseline, state.step + 1)


def _surrogate(
    logits: jax.Array, mask: jax.Array, settings: _Settings, archs: Archs, advantage: jax.Array
) -> jax.Array:
    """Its gradient is minus the policy gradient minus the entropy bonus."""
    policy = _log_policy(mask, logits)
    taken = jnp.take_along_axis(policy[None], archs[..., None], -1)[..., 0]
    likelihood = jnp.sum(jnp.where(settings.space.active(archs), taken, 0), -1)
    spread = -jnp.sum(jnp.where(mask, jnp.exp(policy) * policy, 0))
    return -jnp.mean(advantage * likelihood) - settings.entropy * spread


def _log_policy(mask: jax.Array, logits: jax.Array) -> jax.Array:
    # A large negative number instead of -inf keeps the gradients of the masked entries finite (and zero).
    return jax.nn.log_softmax(jnp.where(mask, logits, -1e9), -1)


def _average(settings: _Settings, averages: jax.Array, score: jax.Array, feasible: jax.Array) -> jax.Array:
    """Moving sums over feasible scores: of the score, of its squared distance from the mean, and of 1."""
    old, new = settings.decay, (1 - settings.decay) / len(score)
    total = old * averages[0] + new * jnp.sum(jnp.where(feasible, score, 0))
    weight = old * averages[2] + new * jnp.sum(feasible)
    distance = (score - total / jnp.maximum(weight, 1e-9)) ** 2
    return jnp.stack([total, old * averages[1] + new * jnp.sum(jnp.where(feasible, distance, 0)), weight])


def _standardise(averages: jax.Array, score: jax.Array, violation: jax.Array) -> jax.Array:
    """Scores in standard deviations from their moving mean; infeasible ones above every feasible one."""
    mean, variance = averages[:2] / jnp.maximum(averages[2], 1e-9)
    feasible = jnp.clip((score - mean) / jnp.sqrt(variance + 1e-12), -_CLIP, _CLIP)
    return jnp.where(violation <= 0, feasible, _CLIP + jnp.minimum(violation, 1))


def _adam(state: _State, gradient: jax.Array, learning_rate: float) -> tuple[jax.Array, jax.Array]:
    """One step of Adam (arXiv 1412.6980, algorithm 1)."""
    step = state.step + 1
    factors = jnp.array([0.9, 0.999])
    rates = factors[:, None, None]
    moments = rates * state.moments + (1 - rates) * jnp.stack([gradient, gradient**2])
    first, second = moments / (1 - factors**step)[:, None, None]
    return state.logits - learning_rate * first / (jnp.sqrt(second) + 1e-8), moments
