"""Which networks of the last stage become finalists."""

from types import SimpleNamespace

import pytest

from nasjax.chain.alone import finalists, preferred
from nasjax.chain.measures import TOTAL
from nasjax.search.archive import Row


def _row(text: str, total: float, violation: float = 0.0) -> Row:
    return Row("channel", 0, (0,), text, (total,), violation, {TOTAL: total})


@pytest.mark.parametrize(
    ("confirmed", "wanted"),
    [
        ([], ["a", "b", "c", "dear"]),
        # What was trained alone comes first, in that order, whatever shared weights say; another stage says nothing.
        ([("channel", "c", 0.1), ("channel", "b", 0.2), ("path", "a", 0.0)], ["c", "b", "a", "dear"]),
        ([("channel", "dear", 0.0)], ["a", "b", "c", "dear"]),
    ],
)
def test_confirmed_networks_come_first(confirmed, wanted):
    """By their own scores, after those that keep the budget."""
    rows = (_row("b", 2.0), _row("dear", 0.5, violation=0.3), _row("a", 1.0), _row("c", 3.0))
    kept = [{"stage": stage, "arch": arch, "total": total} for stage, arch, total in confirmed]
    run = SimpleNamespace(folder=SimpleNamespace(read=lambda name, default: kept))
    archive = SimpleNamespace(stage="channel", stage_rows=rows)
    assert [row.text for row in preferred(run, archive)] == wanted  # pyright: ignore[reportArgumentType]


def test_what_keeps_no_budget_is_not_trained_on():
    """Where nothing that was tried is usable, the stage, the budget and the ways out are named, before any training."""
    final = SimpleNamespace(number=2)
    problem = SimpleNamespace(
        networks=SimpleNamespace(supernet=None), experiment=SimpleNamespace(final=final, budget=("macs<=1G",))
    )
    run = SimpleNamespace(folder=SimpleNamespace(read=lambda name, default: []), problem=problem)
    archive = SimpleNamespace(
        stage="channel", stage_rows=(_row("a", 1.0, violation=0.1), _row("b", 2.0, violation=2.0))
    )
    with pytest.raises(ValueError, match=r"none of the 2 networks that stage 'channel' tried keeps .*\(macs<=1G\)"):
        finalists(run, archive, params={}, score=None)  # pyright: ignore[reportArgumentType]
