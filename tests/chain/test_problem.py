"""What is decided before the first step, and how quickly."""

import time

import pytest

from nasjax.chain.problem import make_problem
from nasjax.config import Config


def test_a_refusal_takes_less_than_a_second():
    """The full default space: processor time of the check, the quickest of three (a busy machine slows each)."""
    taken = []
    for _ in range(3):
        start = time.process_time()
        with pytest.raises(ValueError, match=r"params of sr_cell_x4 reaches 1,\d\d\d \.\. \d\d\d,\d\d\d"):
            make_problem(Config(budget=("params<=100",)))
        taken.append(time.process_time() - start)
        if taken[-1] < 1:
            break
    assert min(taken) < 1, f"{taken} s"
