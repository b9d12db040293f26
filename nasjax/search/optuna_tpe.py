"""Optuna's tree-structured Parzen estimator (Bergstra et al. 2011) as a searcher; needs the extra `optuna`."""

from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from nasjax.extras import load_extra
from nasjax.search.base import Objectives, Searcher, Violation, check_sizes, tidy
from nasjax.space import SearchSpace
from nasjax.typing import Archs, PRNGKey


class _Settings(NamedTuple):
    optuna: Any
    space: SearchSpace
    num_objectives: int
    batch: int


def optuna_tpe(space: SearchSpace, *, num_objectives: int = 1, batch: int = 16) -> Searcher:
    """Proposes `batch` archs a generation by TPE, each choice drawn where its parent asks for it.

    Any number of objectives; the violation is Optuna's constraint. Its state is all that was told, as Optuna's trials,
    of which a study is made for each generation: nothing but the key and the archive decides what is proposed. Raises
    ImportError naming the extra where Optuna is not installed.
    """
    check_sizes("optuna_tpe", {"num_objectives": num_objectives, "batch": batch})
    settings = _Settings(load_extra("optuna", "optuna", "the searcher optuna_tpe"), space, num_objectives, batch)
    settings.optuna.logging.set_verbosity(settings.optuna.logging.WARNING)  # each study would be announced
    return Searcher(lambda key: (), partial(_ask, settings), partial(_tell, settings))


def _ask(settings: _Settings, key: PRNGKey, state: tuple) -> Archs:
    optuna, space, num_objectives, batch = settings
    sampler = optuna.samplers.TPESampler(seed=int(jax.random.bits(key)))
    study = optuna.create_study(sampler=sampler, directions=["minimize"] * num_objectives)
    study.add_trials(state)
    archs = np.zeros((batch, space.num_choices), np.int32)
    for arch in archs:  # each of them counts as running while the next ones are drawn
        trial = study.ask()
        for i, choice in enumerate(space.choices):
            if space.active(arch)[i]:
                arch[i] = trial.suggest_categorical(choice.name, space.options(choice.name))
    return archs


def _tell(settings: _Settings, state: tuple, archs: Archs, objectives: Objectives, violation: Violation) -> tuple:
    optuna, space, num_objectives, _ = settings
    values, over = map(np.asarray, tidy(objectives, violation, num_objectives))
    domain = {c.name: optuna.distributions.CategoricalDistribution(space.options(c.name)) for c in space.choices}
    trials = []
    for arch, live, value, excess in zip(archs, space.active(archs), values, over, strict=True):
        params = {c.name: int(arch[i]) for i, c in enumerate(space.choices) if live[i]}
        told = {"values": value.tolist(), "constraints": {"budget": min(float(excess), 1e9)}}
        domains = {name: domain[name] for name in params}
        trials.append(optuna.trial.create_trial(params=params, distributions=domains, **told))
    return (*state, *trials)
