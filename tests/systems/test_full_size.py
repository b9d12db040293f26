"""The full-size translations: their budgets can be kept, and their losses make a step on pictures of their kind."""

from dataclasses import replace

import jax
import pytest

from nasjax.chain.configs import load_config
from nasjax.chain.problem import cost_table
from nasjax.cost.feasible import check_feasible
from nasjax.sampling import single
from nasjax.tasks.base import extracted_model
from nasjax.train.parallel import data_mesh, host_spec, put_batch
from nasjax.train.schedules import optimiser
from nasjax.train.state import init_state
from nasjax.train.step import make_step
from tests.systems.test_translation import pictures


@pytest.mark.parametrize("name", ["edges2shoes", "horse2zebra", "unpaired"])
def test_a_step_of_its_recipe(name, tmp_path):
    """One network of one narrow block, the recipe as it is: the step is finite and moves every player."""
    experiment = load_config(name).tiny()
    pictures(tmp_path / "input"), pictures(tmp_path / "target")
    form = "pairs" if experiment.system.recipe.pairs else "unpaired"
    system = replace(experiment.system, blocks=1, ops=("res",), widths=((8,),) * 5, inner=(8,), size=None)
    data = replace(experiment.data, source=f"{form}:{tmp_path}", patch=16, test_crop=(32, 32))
    experiment = replace(experiment, system=system, data=data)
    networks = system.networks()
    ground = system.prepare(experiment, networks)
    net, mesh = networks.supernet, data_mesh(jax.devices()[:1])
    arch = net.space.default_arch()
    sampler = single(arch)
    task = ground.task(extracted_model(net, arch), sampler, 1)
    optimisers = {player: optimiser(experiment.final.train) for player in task.players}
    state = init_state(task, net.space, optimisers, mesh=mesh, seed=0)
    before = jax.tree.map(lambda p: p.copy(), state.params)
    step = make_step(task, net.space, sampler, optimisers=optimisers, mesh=mesh, ema=0.9)
    batch = next(ground.batches(host_spec(task.batch_spec, mesh), 0, (0, 1)))
    state, logs = step(state, put_batch(batch, mesh))
    assert int(state.failed) == 0
    for player in task.players:
        moved = jax.tree.map(lambda a, b: bool((a != b).any()), before[player], state.params[player])
        assert any(jax.tree.leaves(moved)), player


def test_the_full_budgets_can_be_kept():
    """Networks of horse2zebra's budget exist at 256 pixels; the dearest one is the usual generator's size and more."""
    experiment = load_config("horse2zebra")
    networks = experiment.system.networks()
    table, budgets = cost_table(experiment, networks)
    found = check_feasible(networks.supernet.space, table, budgets)
    assert budgets.kept(table(found.arch[None])).all()
    assert table.maximum("macs").value > 49_000_000_000
