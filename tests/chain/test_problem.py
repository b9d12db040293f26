"""What is decided before the first step, and from what."""

import jax
import pytest

from nasjax.chain.problem import make_problem
from nasjax.config import Config


def test_a_refusal_compiles_nothing():
    """The full default space: costs come from shapes alone, so an impossible budget is refused in about a second."""
    compiled = []

    def listen(event: str, seconds: float, **metadata) -> None:
        if event.endswith("backend_compile_duration"):
            compiled.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        with pytest.raises(ValueError, match=r"params of sr_cell_x4 reaches 1,\d\d\d \.\. \d\d\d,\d\d\d"):
            make_problem(Config(budget=("params<=100",)))
        assert not compiled
        jax.jit(lambda x: x * 2 + 5)(3.0)
        assert compiled  # the listener hears
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
