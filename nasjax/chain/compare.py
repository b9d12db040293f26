"""The table of a run: the found network, the other finalists, and their rivals, by one protocol."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from nasjax.chain.alone import Finalist, seeds_of, train_alone
from nasjax.chain.latency import latency_size
from nasjax.chain.measures import SEARCH, TOTAL, decides, relative_cost, total
from nasjax.chain.problem import Problem
from nasjax.chain.run import Run
from nasjax.chain.score import Scorer
from nasjax.config import FinalConfig
from nasjax.cost.count import Counts, count
from nasjax.cost.measure import Latency, measure
from nasjax.ops.base import formulation
from nasjax.supernet.base import Supernet
from nasjax.system import Found, Networks, Predict
from nasjax.typing import Params


class Entry(NamedTuple):
    """One row of the table: a network with the params of each of its trainings, or any function.

    `label` names it in pictures; empty: it is not shown.
    """

    name: str
    role: str
    note: str
    label: str = ""
    networks: Networks | None = None
    arch: np.ndarray | None = None
    params: Sequence[Params] = ()
    predict: Predict | None = None


def entries(run: Run, found: list[Finalist], shared: Params) -> list[Entry]:
    """The rows to compare, the found network first; trains what is to be trained for them."""
    problem, final, best = run.problem, run.problem.experiment.final, found[0]
    networks, tuned = problem.networks, _tuned(final)
    others = [
        Entry(f"finalist {i}, fine-tuned", "finalist", tuned, "", networks, other.arch, other.params)
        for i, other in enumerate(found[1:], 2)
    ]
    inherited, how = _inherited(run, best.arch, shared)
    return [
        Entry("found, fine-tuned", "found", tuned, "found", networks, best.arch, best.params),
        *others,
        Entry("found, inherited", "inherited", how, "", networks, best.arch, [inherited]),
        *_trained(run, _rivals(run, best, shared)),
    ]


def _inherited(run: Run, arch: np.ndarray, shared: Params) -> tuple[Params, str]:
    """The weights that an arch of the last stage was scored with while it was searched, and what they are."""
    problem = run.problem
    kept = None
    if problem.ground.trial is not None:
        kept = problem.ground.trial.params(arch, run.trials(problem.space.stages[-1]))
    if kept is None:
        return problem.networks.supernet.extract_params(shared, arch), "shared weights as they are"
    return kept, "after its trial in the search"


def _rivals(run: Run, best: Finalist, shared: Params) -> list[Entry]:
    """The found network from scratch, and what the system compares with; what is to be trained has no params yet."""
    networks, final, rows = run.problem.networks, run.problem.experiment.final, []
    if final.scratch:
        note = f"{final.train.steps} steps from random weights"
        rows.append(Entry("found, from scratch", "scratch", note, "", networks, best.arch))
    if not final.rivals:
        return rows
    for rival in run.problem.ground.rivals(Found(best.arch, counted(run, networks, best.arch)._asdict(), shared)):
        trained = rival.networks is not None and rival.trained
        params = [] if rival.start is None else [rival.start]
        role, net = "rival" if trained else "reference", rival.networks
        rows.append(Entry(rival.name, role, rival.note, rival.name, net, rival.arch, params, rival.predict))
    return rows


def _trained(run: Run, rows: Sequence[Entry]) -> list[Entry]:
    """The rows, with the params that rivals and the found network learn from scratch, or from what they start with."""
    final, phases = run.problem.experiment.final, {}
    for row in rows:
        if row.role in ("rival", "scratch") and row.networks is not None and row.arch is not None:
            name = f"{row.role}/{(row.label or 'found').replace(' ', '-')}"
            start = row.params[0] if row.params else None
            phases[row.name] = seeds_of(run, name, row.networks.supernet, arch=row.arch, final=final, start=start)
    params = iter(train_alone(run, sum(phases.values(), [])))
    learnt = {name: list(itertools.islice(params, len(each))) for name, each in phases.items()}
    return [row._replace(params=learnt.get(row.name, row.params)) for row in rows]


def compare(run: Run, rows: Sequence[Entry], score: Scorer) -> list[dict[str, Any]]:
    """Score and measure every entry; latencies of all are measured in one go, interleaved."""
    times = _latencies(run, rows)
    return [_row(run, entry, score, latency=times.get(_key(entry))) for entry in rows]


def predictor(problem: Problem, entry: Entry, params: Params | None = None) -> Predict:
    """An entry as a function of its input, with `params` of one of its trainings (default: the first)."""
    if entry.networks is None or entry.arch is None:
        assert entry.predict is not None
        return entry.predict
    net = entry.networks.scored or entry.networks.supernet
    program = _deployed(problem, net, entry.arch)
    folded = net.deploy_params(entry.params[0] if params is None else params, entry.arch)
    return lambda x: program(folded, x)


def _deployed(problem: Problem, net: Supernet, arch: np.ndarray) -> Callable[[Params, Any], Any]:
    """The network of an arch in deployed form; networks that are equal share a program."""

    def made() -> Callable[[Params, Any], Any]:
        module = net.extract(arch, deployed=True)
        return jax.jit(lambda p, x: module.apply({"params": p}, x))

    return problem.kept(("deployed", net, arch.tobytes()), made)


def counted(run: Run, networks: Networks, arch: np.ndarray) -> Counts:
    """Costs of a network, counted on its deployed form at the size that MACs are stated for."""
    net, (width, height) = networks.counted or networks.supernet, run.problem.experiment.macs_at

    def made() -> Counts:
        with formulation("native"):
            return count(*net.deployed(arch, networks.input_at(width, height)))

    return run.problem.kept(("counts", net, arch.tobytes()), made)


def latency_text(run: Run) -> str:
    """What input the latency of a table is that of."""
    width, height = latency_size(run.problem.experiment) or run.problem.experiment.latency_at
    _, rows, columns, _ = run.problem.networks.input_at(width, height)
    return f"latency of one {columns}x{rows} input on {jax.default_backend()}"


def _tuned(final: FinalConfig) -> str:
    steps = f"{final.train.steps} steps from shared weights"
    return f"mean of {final.seeds} trainings, {steps}" if final.seeds > 1 else steps


def _row(run: Run, entry: Entry, score: Scorer, *, latency: Latency | None) -> dict[str, Any]:
    costs: dict[str, Any] = {}
    head = {"name": entry.name, "role": entry.role, "note": entry.note, "trainings": len(entry.params)}
    if entry.networks is not None and entry.arch is not None:
        head["arch"] = entry.networks.supernet.space.text(entry.arch)
        found = counted(run, entry.networks, entry.arch)._asdict()
        costs = {name: found[name] for name in ("params", "macs", "activations")}
        known = costs | ({} if latency is None else {"latency": latency.median_ms})
        if run.problem.experiment.cost in known:
            costs["cost"] = float(relative_cost(run.problem, known))
    given = entry.params or [None]
    each = [_values(run, entry, score, params, costs) for params in given]
    values = {name: float(np.mean([v[name] for v in each])) for name in each[0]}
    spread = {name: float(np.ptp([v[name] for v in each])) / 2 for name in each[0]} if len(each) > 1 else {}
    costs |= {} if latency is None else {"latency_ms": round(latency.median_ms, 3)}
    spread |= {} if latency is None else {"latency_ms": round(latency.spread_ms, 3)}
    return head | {"values": {**values, **costs}, "spread": spread}


def _values(run: Run, entry: Entry, score: Scorer, params: Params | None, costs: Mapping[str, Any]) -> dict[str, float]:
    """Scores of one training: as candidates are scored, the sum that decides, and the test's where there is one."""
    ground, predict = run.problem.ground, predictor(run.problem, entry, params)
    if entry.networks is None or entry.arch is None or params is None:
        searched = score.function(predict)
    else:
        searched = score(entry.networks.scored or entry.networks.supernet, entry.arch, params)
    known = {**costs, **searched}
    tested = {} if ground.test is None else {n: float(v) for n, v in ground.test(predict).values.items()}
    if not {name for name, weight in ground.weights.items() if weight} <= set(known):
        return {**searched, **tested}  # without costs there is no sum
    sums = {TOTAL: float(total(ground, {name: known.get(name, 0.0) for name in ground.weights}))}
    if ground.test is not None:
        sums[SEARCH] = {**searched, **sums}[decides(ground)]
    return {**searched, **tested, **sums}


def _latencies(run: Run, rows: Sequence[Entry]) -> dict[Any, Latency]:
    """One measurement of all networks together, interleaved; entries of one arch share it."""
    width, height = latency_size(run.problem.experiment) or run.problem.experiment.latency_at

    def runner(entry: Entry) -> Callable[[], Any]:
        assert entry.networks is not None and entry.arch is not None
        net = entry.networks.counted or entry.networks.supernet
        x = jax.random.uniform(jax.random.key(0), entry.networks.input_at(width, height), minval=-1)
        params, program = net.deploy_params(entry.params[0], entry.arch), _deployed(run.problem, net, entry.arch)
        return lambda: jax.block_until_ready(program(params, x))

    distinct = {_key(entry): entry for entry in rows if entry.networks is not None and entry.params}
    return measure({key: runner(entry) for key, entry in distinct.items()})


def _key(entry: Entry) -> Any:
    """What entries of one network have in common."""
    return None if entry.networks is None or entry.arch is None else (id(entry.networks), entry.arch.tobytes())
