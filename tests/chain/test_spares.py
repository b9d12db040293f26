"""Candidates that are tried instead of those whose training fails: within the budgets, and recorded like others."""

from types import SimpleNamespace

import numpy as np
import pytest

from nasjax.chain import score as module
from nasjax.search.archive import Evaluation
from nasjax.search.problems import block_space

SPACE = block_space(3)


@pytest.fixture
def problem(monkeypatch):
    """One whose candidates cost the sum of their options, of which twelve are allowed; it keeps what it was asked."""
    table = SimpleNamespace(asked=[])

    def score(params, archs, folder, say, spares):
        table.asked.append(spares)
        told = archs.sum(1) / 10
        return {
            "loss": np.concatenate([np.where(np.arange(len(archs)) == 0, np.nan, told), [0.7, np.nan, 0.9, np.nan]])
        }

    def evaluation(problem, archs, scores):
        return Evaluation(scores["loss"][:, None], np.zeros(len(archs)), dict(scores))

    monkeypatch.setattr(module, "evaluation", evaluation)
    return SimpleNamespace(
        space=SPACE,
        table=lambda archs: archs.sum(1),
        budgets=SimpleNamespace(kept=lambda costs: costs <= 12),
        ground=SimpleNamespace(trial=SimpleNamespace(score=score), measures=[]),
        asked=table.asked,
    )


def test_spares_are_new_keep_the_budget_and_are_told(problem, tmp_path):
    """The same for the same generation; the failed one violates, and of the spares those that were tried are told."""
    archs = SPACE.canonical(np.eye(3, SPACE.num_choices, dtype=np.int32))
    told = [module.trial_scorer(problem, {}, tmp_path, say=print)(archs) for _ in range(2)]
    spares = problem.asked[0]
    assert np.array_equal(spares, problem.asked[1]) and len(spares) == 4
    assert SPACE.contains(spares).all() and (spares.sum(1) <= 12).all()
    assert not any((spare == archs).all(1).any() for spare in spares)
    assert told[0].violation.tolist() == [1, 0, 0]
    assert told[0].more is not None
    also, known = told[0].more
    assert np.array_equal(also, spares[[0, 2]]) and known.objectives[:, 0].tolist() == [0.7, 0.9]
    assert known.violation.tolist() == [0, 0]
