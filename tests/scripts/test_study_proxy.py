"""The study of short trainings: two orders of the same pictures, and what the one says of the other."""

import numpy as np
import pytest

from tests.scripts.loaded import loaded

study = loaded("study_proxy")


def _found(rewards, diverged=()):
    rows = [{"arch": name, "rewards": r, "diverged": name in diverged} for name, r in rewards.items()]
    return {"lengths": [2, 4], "rows": rows}


ONE = _found({"a": [0.1, 0.1], "b": [0.2, 0.3], "c": [0.3, 0.2], "lost": [0.4]}, ("lost",))
TWO = _found({"a": [0.1, 0.1], "b": [0.2, 0.2], "c": [0.3, 0.3], "lost": [0.4, 0.4]})


def test_the_ceiling_is_what_one_order_says_of_the_other():
    """Of three pairs that ended in both, two of three couples; noise is of orders, by hand, spread of pairs."""
    short, last = study.compared([ONE, TWO])
    assert short.last.tau == pytest.approx(1 / 3) and short.other.tau == pytest.approx(1)
    assert last.last is None and last.other.tau == pytest.approx(1 / 3)
    assert short.noise == 0 and last.noise == pytest.approx(np.sqrt((0.1**2 + 0.1**2) / 3 / 2))
    assert short.spread == pytest.approx(0.1) and last.spread == pytest.approx(np.std([0.1, 0.25, 0.25], ddof=1))


def test_the_table_has_a_row_a_length_and_says_who_was_lost():
    """A pair that was lost in one order is lost."""
    text = study.table([ONE, TWO], "command")
    assert "4 random pairs (1 diverged)" in text
    assert [line.count("|") for line in text.splitlines() if line.startswith("|")] == [6] * 4


def test_too_few_pairs_are_said():
    """A rank needs two."""
    with pytest.raises(ValueError, match="0 pairs reached"):
        study.compared([_found({"a": [1, None]}), _found({"a": [1]})])
    with pytest.raises(ValueError, match="1 pairs reached 4 steps in both orders; give it more --pairs"):
        study.compared([_found({"a": [1, 2]}), _found({"a": [1, 2]})])
