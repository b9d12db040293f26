"""Learning rates over steps, and the optimiser that follows them."""

import itertools
import math

import optax

from nasjax.train.config import TrainConfig


def learning_rate(config: TrainConfig) -> optax.Schedule:
    """The learning rate of each step: a linear warm-up from 0, then the schedule that `config` names.

    Cosine and linear begin after `hold` of the steps (CycleGAN, arXiv 1703.10593, appendix 7.1, holds half of them).
    `restarts` are cosine cycles, each `cycle_growth` times as long as the one before (SGDR, arXiv 1608.03983,
    equation 5); the last one is cut by the end of training.
    """
    warmup = min(config.warmup, config.steps // 10)
    rest, end, peak = config.steps - warmup, config.lr * config.final_lr, optax.constant_schedule(config.lr)
    held = int(config.hold * rest) if config.schedule in ("linear", "cosine") else 0
    after = {
        "constant": lambda: peak,
        "linear": lambda: optax.linear_schedule(config.lr, end, rest - held),
        "cosine": lambda: optax.cosine_decay_schedule(config.lr, rest - held, config.final_lr),
        "restarts": lambda: _restarts(config, rest),
    }[config.schedule]()
    parts = [(optax.linear_schedule(0.0, config.lr, warmup), warmup), (peak, held)]
    parts = [(part, steps) for part, steps in parts if steps]
    ends = list(itertools.accumulate(steps for _, steps in parts))
    return optax.join_schedules([*(part for part, _ in parts), after], ends) if parts else after


def cycle_ends(config: TrainConfig) -> tuple[int, ...]:
    """The steps after which a cycle of warm restarts has ended: where snapshots for an ensemble are taken."""
    ends, step = [], min(config.warmup, config.steps // 10)
    for length in _cycles(config, config.steps - step):
        step += length
        ends.append(step)
    return tuple(end for end in ends if end <= config.steps)


def optimiser(config: TrainConfig) -> optax.GradientTransformation:
    """Clipping by global norm, then Adam with decoupled weight decay at `learning_rate`."""
    adam = optax.scale_by_adam(*config.betas)
    decay = optax.add_decayed_weights(config.weight_decay) if config.weight_decay else optax.identity()
    clip = optax.clip_by_global_norm(config.clip) if config.clip else optax.identity()
    return optax.chain(clip, adam, decay, optax.scale_by_learning_rate(learning_rate(config)))


def _cycles(config: TrainConfig, steps: int) -> list[int]:
    """Lengths of the cycles that cover `steps`; the last may reach beyond."""
    lengths: list[int] = []
    while sum(lengths) < steps:
        lengths.append(math.ceil(config.cycle * config.cycle_growth ** len(lengths)))
    return lengths


def _restarts(config: TrainConfig, steps: int) -> optax.Schedule:
    lengths = _cycles(config, steps)
    cycles = [optax.cosine_decay_schedule(config.lr, n, config.final_lr) for n in lengths]
    ends = [sum(lengths[: i + 1]) for i in range(len(lengths) - 1)]
    return optax.join_schedules(cycles, ends)
