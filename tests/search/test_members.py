"""What is particular to random search, ageing evolution and REINFORCE, and to the variation that they share."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.search import memory
from nasjax.search.aging_evolution import aging_evolution
from nasjax.search.problems import block_space, enumerate_archs
from nasjax.search.random import random_search
from nasjax.search.reinforce import reinforce
from nasjax.search.variation import Domain, cross, draw, mutate, option_mask, structure
from nasjax.space import Choice, SearchSpace

KEY = jax.random.key(0)
SPACE = block_space(2, ops=2, widths=3)
MASKED = SPACE.restrict({"b0": ["off", "op1"], "b0.w": ["1", "2"], "b1.edge": ["long"]})
FLAT = SearchSpace("flat", tuple(Choice(f"x{i}", tuple("abc"), "all") for i in range(4)), ("all",))


# Traced as in the searchers; eagerly, every operation would be compiled by itself.
@partial(jax.jit, static_argnums=(0, 1))
def _draw(space, num):
    return draw(KEY, Domain(space, option_mask(space)), num)


@partial(jax.jit, static_argnums=0)
def _mutate(space, parents, rate=None):
    return mutate(KEY, Domain(structure(space), option_mask(space)), parents, rate=rate)


_remember, _choose_new = jax.jit(memory.remember), jax.jit(memory.choose_new, static_argnums=2)


def _tell(searcher, state, archs, objectives, violation=None):
    violation = np.zeros(len(archs)) if violation is None else violation
    return searcher.tell(state, np.asarray(archs, np.int32), np.float32(objectives), np.float32(violation))


def test_draws_are_uniform():
    """Each allowed option of an always active choice is drawn equally often (within five standard deviations)."""
    archs = np.asarray(_draw(MASKED, 6000))
    assert MASKED.contains(archs).all()
    for counts in (np.bincount(archs[:, 0], minlength=3), np.bincount(archs[:, 3], minlength=3)):
        options = np.flatnonzero(counts)
        share = 6000 / len(options)
        assert np.abs(counts[options] - share).max() < 5 * np.sqrt(share)
    assert set(archs[archs[:, 0] == 2, 1]) == {1, 2}


def test_one_choice_mutants():
    """Exactly one choice that parent and child both have differs; every open choice is reached; all are allowed."""
    parents = np.repeat(enumerate_archs(MASKED), 40, 0)
    children = np.asarray(_mutate(MASKED, parents))
    assert MASKED.contains(children).all()
    both = MASKED.active(parents) & MASKED.active(children)
    changed = both & (parents != children)
    assert (changed.sum(1) == 1).all()
    names = [c.name for c in MASKED.choices]
    assert tuple(n for n, hit in zip(names, changed.any(0), strict=True) if hit) == MASKED.free


def test_mutants_prefer_neighbours():
    """From the middle of seven options, each other is taken with a chance inversely proportional to its distance."""
    space = SearchSpace("one", (Choice("x", tuple("abcdefg"), "all"),), ("all",))
    children = np.asarray(_mutate(space, np.full((6000, 1), 3, np.int32)))
    share = np.bincount(children[:, 0], minlength=7) / 6000
    assert np.abs(share - np.array([2, 3, 6, 0, 6, 3, 2]) / 22).max() < 0.03


def test_mutation_at_a_rate():
    """At rate 0 nothing changes; at rate 1 every open choice does."""
    parents = np.repeat(enumerate_archs(MASKED), 10, 0)
    assert np.array_equal(_mutate(MASKED, parents, 0.0), parents)
    children = np.asarray(_mutate(MASKED, parents, 1.0))
    opens = np.isin([c.name for c in MASKED.choices], MASKED.free)
    both = MASKED.active(parents) & MASKED.active(children)
    assert (children != parents)[both & opens].all()


def test_crossover_mixes_parents():
    """A child's choice comes from a parent that has it; the twins share out what both have; nothing else appears."""
    every = enumerate_archs(MASKED)
    first, second = np.repeat(every, len(every), 0), np.tile(every, (len(every), 1))
    twins = np.stack(
        jax.jit(lambda pair: cross(KEY, Domain(structure(MASKED), option_mask(MASKED)), pair))((first, second))
    )
    assert MASKED.contains(twins).all()
    from_first = MASKED.active(first) & (twins == first[None])
    from_second = MASKED.active(second) & (twins == second[None])
    assert (from_first | from_second)[MASKED.active(twins)].all()
    assert np.array_equal(twins[:, :, 0].sum(0), first[:, 0] + second[:, 0]), "what one twin takes the other leaves"
    differ = first[:, 0] != second[:, 0]
    assert abs(np.mean(twins[0, differ, 0] == first[differ, 0]) - 0.5) < 0.1


def test_memory_forgets_the_oldest_first():
    """New candidates come first, in order, then known ones, then repetitions; a full memory forgets its oldest."""
    archs = np.array([[i, j] for i in range(3) for j in range(3)], np.int32)
    told = _remember(memory.empty(4), archs[:4])
    chosen = _choose_new(told, archs[[0, 5, 5, 6, 1]], 5)
    assert chosen.tolist() == archs[[5, 6, 0, 1, 5]].tolist()
    told = _remember(told, archs[4:6])
    assert _choose_new(told, archs[[3, 5, 0, 1, 8]], 3).tolist() == archs[[0, 1, 8]].tolist()
    assert _choose_new(memory.empty(4), archs[:2], 2).tolist() == archs[:2].tolist()


def test_codes_tell_a_large_space_apart():
    """The hashes of a large sample of different archs are all different."""
    space = block_space(4)
    archs = np.unique(np.asarray(_draw(space, 200_000)), axis=0)
    told = _remember(memory.empty(len(archs)), archs)
    assert len(archs) > 100_000 and len(np.unique(np.asarray(told.codes), axis=0)) == len(archs)


def test_random_search_enumerates_small_spaces():
    """Without repetition, so that it ends with every arch of the space."""
    searcher = random_search(MASKED, batch=5)
    state, seen = searcher.init(KEY), []
    for generation in range(30):
        archs = np.asarray(searcher.ask(jax.random.key(generation), state))
        seen += [tuple(a) for a in archs.tolist()]
        state = _tell(searcher, state, archs, np.zeros((5, 1)))
    assert len(set(seen)) == MASKED.size()
    assert len(set(seen[:15])) == 15


AGING = aging_evolution(FLAT, population=4, batch=2, tournament=30, weights=(1.0, 0.5))


def _distance(state, parent: list[int]) -> list[int]:
    """In how many choices each of the next children differs from an arch."""
    return (np.asarray(AGING.ask(KEY, state)) != np.array([parent])).sum(1).tolist()


def test_aging_evolution_forgets_its_oldest_even_if_it_is_the_best():
    """Members die of age: parents are always among the last `population` told."""
    state = _tell(AGING, AGING.init(KEY), [[0, 0, 0, 0], [1, 1, 1, 1]], [[-9, 0], [-1, 0]])
    state = _tell(AGING, state, [[2, 2, 2, 2], [1, 1, 1, 2]], [[-2, 0], [-1, 0]])
    assert _distance(state, [0, 0, 0, 0]) == [1, 1], "one-choice mutants of the best"
    state = _tell(AGING, state, [[2, 1, 1, 1], [1, 2, 1, 1]], [[-1, 0], [-1, 0]])
    assert _distance(state, [2, 2, 2, 2]) == [1, 1], "the best has died; the next best is parent"


def test_aging_evolution_prefers_feasible_and_finite_parents():
    """A smaller violation wins over any score, a finite score over a diverged one, and weights make the score."""
    state = _tell(AGING, AGING.init(KEY), [[0, 0, 0, 0], [1, 1, 1, 1]], [[-90, 0], [np.nan, 0]], [0.5, 0])
    state = _tell(AGING, state, [[2, 2, 2, 2], [0, 1, 2, 0]], [[1, 2], [1, 1]])
    assert _distance(state, [0, 1, 2, 0]) == [1, 1], "1 + 0.5 * 1 is less than 1 + 0.5 * 2"


def test_reinforce_samples_its_policy():
    """Frequencies follow the softmax of the logits; masked options never occur."""
    searcher = reinforce(MASKED, batch=4000)
    state = searcher.init(KEY)
    logits = jnp.zeros_like(state.logits).at[0].set(jnp.array([0.0, 9.0, 1.0]))
    archs = np.asarray(searcher.ask(KEY, state._replace(logits=logits)))
    assert MASKED.contains(archs).all()
    share = np.bincount(archs[:, 0], minlength=3) / 4000
    expected = np.array([1, 0, np.e]) / (1 + np.e)
    assert np.abs(share - expected).max() < 0.04


def test_reinforce_moves_only_active_choices():
    """Choices that no arch of the batch had keep their logits exactly; the better option of an active one gains."""
    searcher = reinforce(SPACE, batch=4, entropy=0.0)
    archs = SPACE.canonical(np.array([[0, 0, 0, 1, 0, 0], [0, 0, 0, 1, 2, 1], [0, 0, 0, 2, 1, 0], [0, 0, 0, 2, 1, 1]]))
    state = _tell(searcher, searcher.init(KEY), archs, [[-1.0], [-1.0], [1.0], [1.0]])
    moved = np.asarray(state.logits)
    assert (moved[1:3] == 0).all(), "b0 was absent: its width and edge learn nothing"
    assert moved[3, 1] > 0 > moved[3, 2] and (moved[5] == 0).all(), "both edges scored alike"
    assert np.isfinite(moved).all()


def test_reinforce_gradient_by_hand():
    """One choice of two options: the gradient of the log likelihood weighted by the advantage, plus entropy."""
    space = SearchSpace("one", (Choice("x", ("a", "b"), "all"),), ("all",))
    searcher = reinforce(space, batch=2, entropy=0.5, learning_rate=0.1)
    state = searcher.init(KEY)._replace(logits=jnp.array([[np.log(3.0), 0.0]]))
    state = _tell(searcher, state, [[0], [1]], [[-1.0], [1.0]])
    # Standardised scores -1 and +1, baseline 0: mean of ((1, 0) - p) and -((0, 1) - p) with p = (3/4, 1/4).
    likelihood = ((np.array([1, 0]) - [0.75, 0.25]) - (np.array([0, 1]) - [0.75, 0.25])) / 2
    p = np.array([0.75, 0.25])
    entropy = -p * (np.log(p) - np.sum(p * np.log(p)))
    gradient = -(likelihood + 0.5 * entropy)
    assert np.allclose(state.moments[0, 0], 0.1 * gradient, atol=1e-5), "Adam's first moment after one step"


def test_reinforce_learns_from_scale_free_scores():
    """Scores a million times as large, or shifted, move the policy alike."""
    searcher = reinforce(FLAT, batch=6)
    archs = np.asarray(searcher.ask(KEY, searcher.init(KEY)))
    scores = np.random.default_rng(0).normal(size=(6, 1))
    small, large = (_tell(searcher, searcher.init(KEY), archs, s).logits for s in (scores, 1e6 * scores + 3e6))
    assert np.allclose(small, large, atol=1e-3) and np.abs(small).max() > 0.05


def test_reinforce_turns_from_infeasible_archs():
    """Infeasible archs lose to every feasible one, and a diverged one does no harm to the numbers."""
    searcher = reinforce(FLAT, batch=4, entropy=0.0)
    archs = [[0, 0, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1], [2, 2, 2, 2]]
    state = _tell(searcher, searcher.init(KEY), archs, [[5.0], [5.0], [-99.0], [np.nan]], [0, 0, 0.1, 0])
    logits = np.asarray(state.logits)
    assert (logits[:, 0] > 0).all() and (logits[:, 1:] < 0).all() and np.isfinite(logits).all()


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: random_search(FLAT, batch=0), "random_search: batch must be at least 1, got 0"),
        (lambda: aging_evolution(FLAT, population=8, batch=9), "batch 9 must not exceed population 8"),
        (lambda: aging_evolution(FLAT, weights=()), "number of weights must be at least 1"),
        (lambda: reinforce(FLAT, decay=1.0), r"reinforce: decay must be in \[0, 1\), got 1.0"),
    ],
)
def test_bad_settings(make, told):
    """A setting that makes no sense is named with its value and its place."""
    with pytest.raises(ValueError, match=told):
        make()
