"""Representatives: every option that was met speaks through the best network that uses it."""

import numpy as np
import pytest

from nasjax.search.archive import Archive, Evaluation
from nasjax.search.problems import block_space, enumerate_archs
from nasjax.search.representatives import representatives

SPACE = block_space(3, ops=3, widths=3)


@pytest.fixture(params=[0, 1, 2])
def rows(request):
    """All networks of the operator stage with random scores."""
    space = SPACE.at_stage(SPACE.stages[1], SPACE.at_stage(SPACE.stages[0]).default_arch())
    archs = enumerate_archs(space)
    scores = np.random.default_rng(request.param).permutation(len(archs)).astype(np.float32)
    found = Archive(SPACE).at(SPACE.stages[1]).add(archs, Evaluation(scores[:, None], np.zeros(len(archs)), {}), 0)
    return space, found.stage_rows


def score(row):
    return row.objectives[0]


def test_each_option_has_its_best_network(rows):
    """By exhaustion: for each open option the best row in which it is alive; the best of all first; none twice."""
    space, rows = rows
    found = representatives(rows, space, order=score)
    spoken = {option: each.row for each in found for option in each.options}
    for name in space.free:
        i = space.index(name)
        for option in space.options(name):
            using = [r for r in rows if r.arch[i] == option and space.active(np.array(r.arch, np.int32))[i]]
            assert spoken[name, space.choices[i].options[option]] == min(using, key=score)
    assert len(spoken) == sum(len(space.options(name)) for name in space.free)
    assert found[0].row == min(rows, key=score)
    assert [score(each.row) for each in found] == sorted({score(each.row) for each in found})


def test_options_that_nobody_uses_have_none(rows):
    """With one row, it alone speaks, for what it has; with none, nobody does."""
    space, rows = rows
    [only] = representatives(rows[:1], space, order=score)
    decoded = space.decode(np.array(rows[0].arch, np.int32))
    assert only.row == rows[0] and {n: o for n, o in only.options}.items() <= decoded.items()
    assert representatives((), space, order=score) == ()
