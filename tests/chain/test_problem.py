"""What is decided before the first step, and from what."""

import re
from collections import Counter

import jax
import numpy as np
import pytest

from nasjax.chain.problem import make_problem
from nasjax.config import Experiment, StageConfig
from nasjax.cost.count import num_params
from nasjax.system import Found
from nasjax.systems import SuperResolution
from nasjax.systems.super_resolution.handmade import handmade, plain_size
from nasjax.systems.super_resolution.system import rivals


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
            make_problem(Experiment(SuperResolution(), budget=("params<=100",)))
        assert seen["backend_compile_duration"] == 0
        assert seen["jaxpr_trace_duration"] <= 60
        jax.jit(lambda x: x * 2 + 5)(3.0)
        assert seen["backend_compile_duration"] > 0  # the listener hears
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)


def test_stages_are_those_of_the_space():
    """In its order; the message shows them."""
    with pytest.raises(ValueError, match="in order"):
        make_problem(Experiment(SuperResolution(), stages=(StageConfig("operator"),)))


def test_stand_in_widths_fit_the_budget():
    """The widths that stand in before the channel stage grow with the budget."""
    system = SuperResolution(blocks=4, ops=("res", "ir2k3"))
    found = [make_problem(Experiment(system, budget=(b,))).networks.builder for b in ("params<=20K", "params<=200K")]
    small, large = (dict(builder[1])["nominal"] for builder in found if builder is not None)
    assert small < large


def test_handmade_networks_of_several_sizes_are_rivals():
    """One of the found one's size, one that is larger and so as slow as it, each by its name; then bicubic."""
    found = Found(np.zeros(1), {"params": 26_000}, {})
    equal, larger, bicubic = rivals(4, found, (1.0, 1.25))
    assert [r.name for r in (equal, larger, bicubic)] == ["hand-made", "hand-made x1.25", "bicubic"]
    sizes = []
    for rival in (equal, larger):
        assert rival.networks is not None and rival.arch is not None
        module = rival.networks.supernet.extract(rival.arch, deployed=True)
        x = jax.ShapeDtypeStruct((1, 8, 8, 3), np.float32)
        sizes.append(num_params(jax.eval_shape(module.init, jax.random.key(0), x)))
    assert abs(sizes[0] / 26_000 - 1) < 0.05 and abs(sizes[1] / 32_500 - 1) < 0.05


@pytest.mark.parametrize("size", [15_000, 26_000, 60_000])
def test_the_handmade_network_has_the_size(size):
    """The plain baseline is within five per cent, and its formula is the count of its space's own network."""
    net, arch = handmade(4, size)
    module = net.extract(arch, deployed=True)
    params = num_params(jax.eval_shape(module.init, jax.random.key(0), jax.ShapeDtypeStruct(net.probe, np.float32)))
    assert abs(params / size - 1) < 0.05
    blocks = sum(option != "off" for name, option in net.space.decode(arch).items() if re.fullmatch(r"b\d", name))
    assert params == plain_size(4, blocks, int(net.space.decode(arch)["trunk"]))
