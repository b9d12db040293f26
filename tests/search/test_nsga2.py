"""NSGA-II: exact fronts of small spaces, published test problems against pymoo, and duplicates, constraints, NaN."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.search.archive import Archive
from nasjax.search.nsga2 import nsga2
from nasjax.search.pareto import hypervolume, non_dominated
from nasjax.search.problems import block_space, enumerate_archs, trade_off
from nasjax.search.run import run_search
from nasjax.space import Choice, SearchSpace

POPULATION, GENERATIONS, SEEDS = 32, 20, range(4)


def _grid(num_choices: int, num_options: int) -> SearchSpace:
    options = tuple(map(str, range(num_options)))
    return SearchSpace("grid", tuple(Choice(f"x{i}", options, "all") for i in range(num_choices)), ("all",))


def _zdt1(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Zitzler, Deb, Thiele 2000, problem 1, on eight variables of 16 steps; convex front."""
    x = x / 15
    g = 1 + 9 * x[:, 1:].mean(1)
    return np.stack([x[:, 0], g * (1 - np.sqrt(x[:, 0] / g))], 1), np.zeros(len(x))


def _zdt2(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same with a concave front."""
    x = x / 15
    g = 1 + 9 * x[:, 1:].mean(1)
    return np.stack([x[:, 0], g * (1 - (x[:, 0] / g) ** 2)], 1), np.zeros(len(x))


def _knapsack(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Thirty items of two profits (to be maximised) in a sack that holds half of their weight."""
    rng = np.random.default_rng(7)
    profits, weights = rng.integers(10, 100, (2, 30)), rng.integers(10, 100, 30)
    return -(x @ profits.T).astype(np.float64), np.maximum(x @ weights / (weights.sum() // 2) - 1, 0)


PROBLEMS = {
    "zdt1": (_zdt1, _grid(8, 16), (1.1, 6.0)),
    "zdt2": (_zdt2, _grid(8, 16), (1.1, 6.0)),
    "knapsack": (_knapsack, _grid(30, 2), (0.0, 0.0)),
}


def _ours(evaluate, space: SearchSpace, seed: int) -> tuple[np.ndarray, np.ndarray]:
    searcher = nsga2(space, num_objectives=2, population=POPULATION)
    archive = run_search(searcher, evaluate, key=jax.random.key(seed), generations=GENERATIONS, archive=Archive(space))
    return np.array([r.objectives for r in archive.rows]), np.array([r.violation for r in archive.rows])


def _pymoo(evaluate, space: SearchSpace, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Its integer operators: uniform crossover, rounded polynomial mutation, duplicates eliminated."""
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.core.problem import Problem
    from pymoo.operators.crossover.ux import UniformCrossover
    from pymoo.operators.mutation.pm import PM
    from pymoo.operators.repair.rounding import RoundingRepair
    from pymoo.operators.sampling.rnd import IntegerRandomSampling
    from pymoo.optimize import minimize

    seen = []

    class Grid(Problem):
        def _evaluate(self, x, out, *args, **kwargs):
            seen.append(evaluate(x))
            out["F"], out["G"] = seen[-1]

    k = space.num_choices
    problem = Grid(n_var=k, n_obj=2, n_ieq_constr=1, xl=0, xu=len(space.choices[0].options) - 1, vtype=int)
    algorithm = NSGA2(
        pop_size=POPULATION,
        sampling=IntegerRandomSampling(),
        crossover=UniformCrossover(prob=0.9),
        mutation=PM(prob=1.0, prob_var=1 / k, eta=3.0, vtype=float, repair=RoundingRepair()),
        eliminate_duplicates=True,
    )
    minimize(problem, algorithm, ("n_gen", GENERATIONS), seed=seed)
    return np.concatenate([f for f, _ in seen]), np.concatenate([g for _, g in seen])


@pytest.mark.parametrize("name", PROBLEMS)
def test_hypervolume_against_pymoo(name):
    """At equal evaluations the mean hypervolume is at least 0.98 of pymoo's over the same number of seeds."""
    pytest.importorskip("pymoo")
    evaluate, space, reference = PROBLEMS[name]
    reached = {}
    for search in (_ours, _pymoo):
        found = [search(evaluate, space, seed) for seed in SEEDS]
        assert {len(f) for f, _ in found} == {POPULATION * GENERATIONS}
        reached[search] = np.mean([hypervolume(f[v <= 0], reference) for f, v in found])
    assert reached[_ours] >= 0.98 * reached[_pymoo], reached


def test_known_front_of_zdt1():
    """The front of ZDT1 is x2 = ... = 0, f2 = 1 - sqrt(f1): of 4e9 archs, most of its 16 are found in 1600."""
    _, space, reference = PROBLEMS["zdt1"]
    searcher = nsga2(space, num_objectives=2, population=POPULATION)
    archive = run_search(searcher, _zdt1, key=jax.random.key(0), generations=50, archive=Archive(space))
    exact = np.zeros((16, 8), np.int32)
    exact[:, 0] = range(16)
    assert sum(r.arch in set(map(tuple, exact.tolist())) for r in archive.front()) >= 12
    reached = hypervolume(np.array([r.objectives for r in archive.front()]), reference)
    assert reached >= 0.99 * hypervolume(_zdt1(exact)[0], reference)


def test_exact_front_of_a_conditional_space():
    """On an enumerable space with conditional choices the exact front is found in a third of its size."""
    space = block_space(4).restrict({"b1": ["off"], "b3": ["off"]})
    evaluate, archs = trade_off(space), enumerate_archs(space)
    exact = {tuple(a) for a in archs[non_dominated(evaluate(archs).objectives)].tolist()}
    archive = run_search(
        nsga2(space, num_objectives=2, population=32),
        evaluate,
        key=jax.random.key(0),
        generations=space.size() // 3 // 32,
        archive=Archive(space),
    )
    assert {r.arch for r in archive.front()} == exact


SPACE = _grid(3, 4)
SEARCHER = nsga2(SPACE, num_objectives=2, population=4, batch=6)


def _told(state, archs, objectives, violation):
    return SEARCHER.tell(state, np.asarray(archs, np.int32), np.float32(objectives), np.float32(violation))


def test_survivors_by_hand():
    """Four survive of six: front by front, the last front by crowding, copies never, infeasible ones at the end."""
    archs = np.array([[0, 0, 0], [1, 1, 0], [2, 2, 0], [3, 3, 0], [0, 0, 0], [3, 2, 1]])
    #  an end of the front, a crowded inner one, the other end, a less crowded inner one, a copy, an infeasible one
    objectives = [[0, 10], [1, 9], [10, 0], [6, 3], [0, 10], [-5, -5]]
    state = _told(SEARCHER.init(jax.random.key(0)), archs, objectives, [0, 0, 0, 0, 0, 0.5])
    assert int(state.count) == 4
    assert state.archs.tolist() == [[0, 0, 0], [2, 2, 0], [3, 3, 0], [1, 1, 0]], "stored best first"
    state = _told(state, archs + [[0, 0, 2]], np.add(objectives, -20), [0.3, 0, 0.1, 0.2, 0.4, 0.5])
    assert state.archs.tolist()[0] == [1, 1, 2], "the one feasible arch beats all that it dominates"
    assert (state.violation == 0).all(), "no infeasible arch displaces a feasible one"


def test_diverged_archs_do_not_survive():
    """An arch with a NaN or infinite score takes no place, whatever its other objective."""
    archs = [[i, j, 0] for i in range(2) for j in range(3)]
    told = [[np.nan, -9], [1, 9], [-np.inf, 0], [2, 2], [np.nan, np.nan], [0, np.inf]]
    state = _told(SEARCHER.init(jax.random.key(0)), archs, told, np.zeros(6))
    assert int(state.count) == 2 and sorted(state.archs[:2].tolist()) == [[0, 1, 0], [1, 0, 0]]
    proposals = SEARCHER.ask(jax.random.key(1), state)
    assert SPACE.contains(np.asarray(proposals)).all() and not jnp.isnan(state.objectives).any()


def test_proposals_are_new_until_the_space_is_exhausted():
    """While half of a small space is unknown only new archs are proposed; in the end all of them were."""
    state, seen = SEARCHER.init(jax.random.key(0)), set()
    for generation in range(40):
        archs = np.asarray(SEARCHER.ask(jax.random.key(generation), state))
        new = {tuple(a) for a in archs.tolist()} - seen
        assert len(new) == 6 or len(seen) >= 32, f"only {len(new)} new archs with {len(seen)} of 64 seen"
        seen |= new
        state = _told(state, archs, np.stack([archs.sum(1), -archs[:, 0]], 1), np.zeros(6))
    assert len(seen) == 64


def test_wrong_number_of_objectives():
    """Telling another number of objectives than promised names both."""
    with pytest.raises(ValueError, match="made for 2 objectives, told 1"):
        _told(SEARCHER.init(jax.random.key(0)), np.zeros((6, 3)), np.zeros((6, 1)), np.zeros(6))
    with pytest.raises(ValueError, match="nsga2: population must be at least 1, got 0"):
        nsga2(SPACE, num_objectives=2, population=0)
