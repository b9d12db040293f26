"""What a style search comes to, as `results.json` keeps it: the finalists, and the network with everything on."""

from typing import Any

import numpy as np

from nasjax.chain.folder import RunFolder
from nasjax.chain.style.alone import Finalist, network_scores
from nasjax.chain.style.problem import StyleProblem
from nasjax.chain.style.score import Judge, evaluation, teacher_arch
from nasjax.search.archive import Archive
from nasjax.typing import Arch, Params

_SHOWN = ("total", "edge", "style")


def style_results(
    run: RunFolder,
    problem: StyleProblem,
    tuned: list[Finalist],
    *,
    best: Finalist,
    archive: Archive,
    reference: dict[str, float],
) -> dict[str, Any]:
    """The content of `results.json`; `reference` are the scores of the network with everything on."""
    space, config = problem.supernet.space, problem.config
    others = [f for f in tuned if f is not best]
    steps = config.finalists.train.steps
    rows = [
        _tuned_row(problem, best, "found, fine-tuned", steps),
        _inherited_row(archive, space.text(best.arch)),
        *(_tuned_row(problem, f, f"finalist {i}, fine-tuned", steps) for i, f in enumerate(others, 2)),
        _teacher_row(problem, reference),
    ]
    pairs = "embedded photographs" if config.pairs.search == "embedded" else config.pairs.search
    protocol = f"{config.pairs.number} pairs of {pairs}, {config.pairs.size} px squares"
    return {
        "title": config.name,
        "protocol": protocol,
        "search_protocol": protocol,
        "higher_is_better": False,
        "arch": space.text(best.arch),
        "space": space.name,
        "rows": rows,
        "finalists": [_finalist(problem, f) for f in tuned],
        "teacher": reference,
        "macs_at": list(config.macs_at),
        "budget": ", ".join(config.budget),
        "seconds": round(sum(row["wall_s"] for row in run.read("ledger.json", [])), 1),
    }


def teacher_scores(problem: StyleProblem, params: Params, *, judge: Judge) -> dict[str, float]:
    """The scores of the network with everything on, with the shared weights `params`."""
    arch = teacher_arch(problem.supernet.space)
    return network_scores(problem, arch, problem.supernet.extract_params(params, arch), judge=judge)


def _finalist(problem: StyleProblem, finalist: Finalist) -> dict[str, Any]:
    mean = {name: float(np.mean([s[name] for s in finalist.scores])) for name in finalist.scores[0]}
    return {
        "arch": problem.supernet.space.text(finalist.arch),
        "inherited": finalist.inherited,
        "total": float(np.mean(finalist.totals)),
        "spread": float(np.ptp(finalist.totals)),
        "totals": finalist.totals,
        **mean,
        **_costs(problem, finalist.arch),
    }


def _tuned_row(problem: StyleProblem, finalist: Finalist, name: str, steps: int) -> dict[str, Any]:
    num = len(finalist.totals)
    scores = {"total": float(np.mean(finalist.totals))}
    scores |= {score: float(np.mean([s[score] for s in finalist.scores])) for score in _SHOWN[1:]}
    half = {"total_half_range": float(np.ptp(finalist.totals)) / 2} if num > 1 else {}
    note = f"mean of {num} trainings, {steps} steps each" if num > 1 else f"{steps} steps from shared weights"
    return _row(problem, finalist.arch, name, scores | half, note)


def _inherited_row(archive: Archive, text: str) -> dict[str, Any]:
    """The found network as the search saw it last."""
    found = next(row for row in reversed(archive.rows) if row.text == text)
    costs = {name: int(found.columns[name]) for name in ("params", "macs")}
    scores = {name: float(found.columns[name]) for name in _SHOWN}
    return {"name": "found, inherited", **scores, **costs, "note": "shared weights as they are"}


def _teacher_row(problem: StyleProblem, reference: dict[str, float]) -> dict[str, Any]:
    arch = teacher_arch(problem.supernet.space)
    total = evaluation(problem, arch[None], {n: np.array([v]) for n, v in reference.items()}).columns["total"][0]
    scores = {"total": float(total)} | {name: reference[name] for name in _SHOWN[1:]}
    return _row(problem, arch, "everything on", scores, "shared weights as they are")


def _row(problem: StyleProblem, arch: Arch, name: str, scores: dict[str, float], note: str) -> dict[str, Any]:
    costs = {cost: value for cost, value in _costs(problem, arch).items() if cost in ("params", "macs")}
    return {"name": name, **scores, "search_score": scores["edge"] + scores["style"], **costs, "note": note}


def _costs(problem: StyleProblem, arch: Arch) -> dict[str, int]:
    return {name: int(value[0]) for name, value in problem.table(arch[None]).items()}
