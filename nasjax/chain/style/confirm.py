"""What a stage decides: by scores on shared weights, or by those of a few networks that were trained on alone.

A decoder learns to copy a plain skip connection first. Shared weights that have not seen many rounds therefore prefer
it, and what is decided early binds all that comes later.
"""

import numpy as np

from nasjax.chain.folder import RunFolder
from nasjax.chain.live import LiveReport
from nasjax.chain.style.alone import network_scores, network_total, rank, tune
from nasjax.chain.style.problem import StyleProblem
from nasjax.chain.style.score import Judge, make_judge
from nasjax.search.archive import Archive
from nasjax.search.representatives import Representative, representatives
from nasjax.space import SearchSpace
from nasjax.typing import Params

_FILE = "confirmed.json"


def decide(
    run: RunFolder,
    problem: StyleProblem,
    *,
    space: SearchSpace,
    params: Params,
    archive: Archive,
    live: LiveReport | None = None,
) -> int:
    """The place among the archive's stage rows of the one that wins its stage, whose open choices are `space`'s.

    At a stage of `config.confirm.decisions`, the best network of each open option is trained on alone from the shared
    weights (where some keep the budget, only those), and the best of those wins; at another one, the best on shared
    weights.
    """
    rows, confirm = archive.stage_rows, problem.config.confirm
    if archive.stage not in confirm.decisions or len(rows) < 2:
        return min(range(len(rows)), key=lambda i: rank(rows[i]), default=0)
    found = representatives([row for row in rows if row.violation <= 0] or rows, space, order=rank)
    judge = make_judge(problem, params)
    totals = [
        _confirmed(run, problem, each, (archive.stage, place), params=params, judge=judge, live=live)
        for place, each in enumerate(found)
    ]
    best = min(range(len(found)), key=lambda i: (found[i].row.violation, totals[i]))
    return rows.index(found[best].row)


def _confirmed(
    run: RunFolder,
    problem: StyleProblem,
    found: Representative,
    at: tuple[str, int],
    *,
    params: Params,
    judge: Judge,
    live: LiveReport | None,
) -> float:
    """The total of a network, trained on alone, at a stage and place among others: read, or measured and kept."""
    row, (stage, place) = found.row, at
    name = f"confirm/{stage}-{place}"
    known = {r["phase"]: r for r in run.read(_FILE, [])}.get(name)
    if known is not None and known["arch"] == row.text:
        return known["total"]
    arch = np.array(row.arch, np.int32)
    tuned = tune(run, problem, arch, name=name, settings=problem.config.confirm, params=params, live=live)
    total = network_total(problem, arch, network_scores(problem, arch, tuned, judge=judge))
    facts = {"options": [f"{choice}={option}" for choice, option in found.options], "inherited": row.columns["total"]}
    run.replace_row(_FILE, "phase", {"phase": name, "stage": stage, "arch": row.text, **facts, "total": total})
    return total
