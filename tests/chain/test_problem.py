"""What is decided before the first step, and from what."""

from collections import Counter

import jax
import pytest

from nasjax.chain.problem import make_problem
from nasjax.config import Config


def test_a_refusal_compiles_nothing_and_traces_little():
    """The full default space, counted and not timed: no program is compiled, and every layer is traced once at most.

    The space has 8 blocks of 12 operations at 4 trunk widths: a trace a candidate would be hundreds. 43 are a second.
    """
    seen: Counter[str] = Counter()

    def listen(event: str, seconds: float, **metadata) -> None:
        seen[event.rsplit("/", 1)[-1]] += 1

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        with pytest.raises(ValueError, match=r"params of sr_cell_x4 reaches 1,\d\d\d \.\. \d\d\d,\d\d\d"):
            make_problem(Config(budget=("params<=100",)))
        assert seen["backend_compile_duration"] == 0
        assert seen["jaxpr_trace_duration"] <= 60
        jax.jit(lambda x: x * 2 + 5)(3.0)
        assert seen["backend_compile_duration"] > 0  # the listener hears
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
