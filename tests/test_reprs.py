"""What a notebook shows of a large thing is one short line that says what it is."""

import jax
import numpy as np
import optax
import pytest

from nasjax.cost.table import tabulate
from nasjax.export.network import deployed
from nasjax.search.archive import Archive, Evaluation
from nasjax.spaces.sr_cell import sr_cell
from nasjax.spaces.toy import toy
from nasjax.supernet.units import units
from nasjax.train.parallel import data_mesh
from nasjax.train.state import init_state
from tests.train import parts
from tests.train.runner import TASK

NET = toy()
ARCH = NET.space.default_arch()


def _state():
    mesh = data_mesh(jax.devices()[:1])
    return init_state(TASK, parts.SPACE, {"table": optax.sgd(0.1)}, mesh=mesh, seed=0)


def _network():
    return deployed(NET, NET.extract_params(NET.init(jax.random.key(0)), ARCH), ARCH)


THINGS = {
    "space": (lambda: NET.space, "SearchSpace(toy: 6 choices, 196 networks)"),
    "large space": (lambda: sr_cell(4).space, "SearchSpace(sr_cell_x4: 28 choices, 10^"),
    "supernet": (lambda: NET, "Supernet(SearchSpace(toy: 6 choices, 196 networks), x [1, 16, 16, 3])"),
    "task": (lambda: TASK, "Task(table: players table; a step takes table 4 float32)"),
    "state": (_state, "TrainState(step 0; params: table 24)"),
    "network": (_network, "Network(toy:trunk=16,"),
    "costs": (lambda: tabulate(NET.space, units(NET, (1, 8, 8, 3)), at=(8, 8)), "CostTable(toy: params, macs, "),
    "archive": (
        lambda: Archive(NET.space).at("path").add(ARCH[None], Evaluation(np.ones((1, 1)), np.zeros(1)), 0),
        "Archive(toy: 1 archs (path 1))",
    ),
}


@pytest.mark.parametrize("name", THINGS)
def test_reprs_are_short(name):
    """One line of at most 200 letters, which begins as expected."""
    make, begins = THINGS[name]
    said = repr(make())
    assert said.startswith(begins) and len(said) <= 200 and "\n" not in said
