"""Coarse to fine: what each stage may search, how its winner is chosen, and how an interrupted chain goes on."""

import jax
import numpy as np
import pytest

from nasjax.search.archive import Archive
from nasjax.search.coarse_to_fine import coarse_to_fine, still_open
from nasjax.search.pareto import knee
from nasjax.search.problems import block_space, budgeted, enumerate_archs, trade_off
from nasjax.search.random import random_search
from nasjax.search.run import run_search

SPACE = block_space(3, ops=3, widths=3)
STAGES = SPACE.stages


def _exhaustive(evaluate):
    """Evaluates every arch of each stage."""

    def search_stage(stage, narrowed, archive):
        archs = enumerate_archs(narrowed)
        return archive.add(archs, evaluate(archs), 0)

    return search_stage


def test_greedy_stages_by_exhaustion():
    """Each stage's winner is the best of its narrowed space, and the next stage is narrowed around it."""
    evaluate = budgeted(SPACE, 3.0)
    archive, decisions = coarse_to_fine(SPACE, _exhaustive(evaluate), archive=Archive(SPACE))
    arch = None
    for stage, decision in zip(STAGES, decisions, strict=True):
        narrowed = SPACE.at_stage(stage, arch)
        archs = enumerate_archs(narrowed)
        result = evaluate(archs)
        arch = archs[np.lexsort((result.objectives[:, 0], result.violation))[0]]
        assert decision.stage == stage and decision.space == narrowed
        assert decision.arch.tolist() == arch.tolist()
        assert archive.rows[decision.row].arch == tuple(arch.tolist()) and archive.rows[decision.row].stage == stage
    assert [sum(r.stage == s for r in archive.rows) for s in STAGES] == [d.space.size() for d in decisions]


def test_what_remains_shrinks_to_one():
    """The spaces before and after each decision are nested, start at the whole, and end at the found arch."""
    _, decisions = coarse_to_fine(SPACE, _exhaustive(budgeted(SPACE, 6.0)), archive=Archive(SPACE))
    assert decisions[0].before == SPACE and decisions[-1].after.size() == 1
    for earlier, later in zip(decisions, decisions[1:], strict=False):
        assert earlier.after == later.before
    for decision in decisions:
        assert decision.after.contains(decision.arch)
        inside = decision.after.contains(enumerate_archs(SPACE))
        assert inside.sum() == decision.after.size() < decision.before.size()
        assert decision.before.contains(enumerate_archs(SPACE))[inside].all()


def test_still_open_by_hand():
    """After the path, a present block has its operators and widths open; an absent one has nothing left."""
    arch = SPACE.encode({"b0": "op0", "b0.edge": "long", "b1": "off", "b2": "off"})
    assert still_open(SPACE, "path", arch).size() == 3 * 3
    assert still_open(SPACE, "operator", arch).size() == 3
    assert still_open(SPACE, "channel", arch).size() == 1


def test_the_choice_is_an_argument():
    """Another rule, here the knee of two objectives, decides instead of the smallest first objective."""
    archive, decisions = coarse_to_fine(SPACE, _exhaustive(trade_off(SPACE)), archive=Archive(SPACE), choose=knee)
    _, greedy = coarse_to_fine(SPACE, _exhaustive(trade_off(SPACE)), archive=Archive(SPACE))
    first = [archive.rows[d.row].objectives for d in (decisions[0], greedy[0])]
    assert first[0][0] > first[1][0] and first[0][1] < first[1][1]


def test_given_stages_are_skipped():
    """A chain that goes on after its first stage searches only the others, and ends the same."""
    evaluate, searched = budgeted(SPACE, 3.0), []

    def search_stage(stage, narrowed, archive):
        searched.append(stage)
        return _exhaustive(evaluate)(stage, narrowed, archive)

    announced = []
    whole, decisions = coarse_to_fine(SPACE, search_stage, archive=Archive(SPACE))
    first = Archive(SPACE, rows=tuple(r for r in whole.rows if r.stage == "path"))
    searched.clear()
    resumed, again = coarse_to_fine(
        SPACE,
        search_stage,
        archive=first,
        given={"path": decisions[0].arch},
        on_decision=lambda decision, archive: announced.append((decision.stage, len(archive.rows))),
    )
    assert searched == ["operator", "channel"]
    assert resumed.rows == whole.rows and again[-1].arch.tolist() == decisions[-1].arch.tolist()
    assert again[0].row is None and again[0].after == decisions[0].after
    assert announced == [("operator", len(whole.rows) - decisions[2].space.size()), ("channel", len(whole.rows))]


def test_what_is_closed_is_not_searched():
    """A stage that the earlier ones leave nothing to decide in is decided without one evaluation."""
    space = SPACE.restrict({f"b{i}": ("off", "op1") for i in range(3)})
    searched = []

    def search_stage(stage, narrowed, archive):
        searched.append(stage)
        return _exhaustive(budgeted(space, 3.0))(stage, narrowed, archive)

    archive, decisions = coarse_to_fine(space, search_stage, archive=Archive(space))
    assert searched == ["path", "channel"] and {r.stage for r in archive.rows} == {"path", "channel"}
    assert decisions[1].row is None and decisions[1].after == decisions[1].before
    assert decisions[1].arch.tolist() == decisions[0].arch.tolist()


def test_nothing_feasible_goes_on_with_the_least_violation():
    """Where no arch of a coarse stage meets the budget, the nearest one is refined."""
    archive, decisions = coarse_to_fine(SPACE, _exhaustive(budgeted(SPACE, 1e-3)), archive=Archive(SPACE))
    row = archive.rows[decisions[0].row]
    assert row.violation == min(r.violation for r in archive.rows if r.stage == "path") > 0


def test_stages_of_one_space_share_programs():
    """The masks of a space are data: no stage compiles a searcher anew."""
    traces = []
    make = lambda space: random_search(space, batch=8)  # noqa: E731

    def search_stage(stage, narrowed, archive):
        searcher = make(narrowed)
        state = searcher.init(jax.random.key(0))
        traces.append(str(jax.make_jaxpr(searcher.ask)(jax.random.key(0), state)))
        key = jax.random.key(STAGES.index(stage))
        return run_search(searcher, budgeted(SPACE, 3.0), key=key, generations=2, archive=archive)

    coarse_to_fine(SPACE, search_stage, archive=Archive(SPACE))
    assert len(traces) == 3 and len(set(traces)) == 1


def test_bad_input():
    """An unknown stage, a winner outside its narrowed space, and a stage without evaluations are named."""
    search_stage = _exhaustive(budgeted(SPACE, 3.0))
    arch = SPACE.encode({"b0": "op2"})
    with pytest.raises(ValueError, match="'depth' is no stage of blocks; stages: path, operator, channel"):
        coarse_to_fine(SPACE, search_stage, archive=Archive(SPACE), given={"depth": arch})
    with pytest.raises(ValueError, match="blocks.b0: option 'op2' is not allowed; allowed: off, op0"):
        coarse_to_fine(SPACE, search_stage, archive=Archive(SPACE), given={"path": arch})
    with pytest.raises(ValueError, match="stage 'path' evaluated nothing"):
        coarse_to_fine(SPACE, lambda stage, narrowed, archive: archive, archive=Archive(SPACE))
