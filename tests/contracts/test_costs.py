"""The law of costs: what a table says of an arch is what is counted on the extracted network itself."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.cost.count import count
from nasjax.cost.sample import sample_networks
from nasjax.cost.table import COUNTED, tabulate
from nasjax.ops.base import formulation
from nasjax.ops.candidates import CANDIDATES
from nasjax.spaces.resnet_generator import resnet_generator
from nasjax.spaces.sr_cell import sr_cell
from nasjax.spaces.sr_discriminator import sr_discriminator
from nasjax.supernet.units import units
from tests.contracts.members import RESNET_WIDTHS, SPACES, extremes

# Members that are only traced, never compiled: one at full size, one with all operations.
_NETS = {
    **SPACES,
    "sr_cell-whole": sr_cell(4, ops=tuple(CANDIDATES)),
    "resnet-all": resnet_generator(RESNET_WIDTHS, (8, 16), blocks=1),
    "discriminator-whole": sr_discriminator(),
}
_INPUT = (1, 16, 12, 3)


@functools.cache
def _table(name):
    return tabulate(_NETS[name].space, units(_NETS[name], _INPUT))


def _counted(net, arch):
    """Params, MACs (both conventions), activations and bytes of the deployed network, by tracing it as a whole."""
    x, module = jax.ShapeDtypeStruct(_INPUT, jnp.float32), net.extract(arch, deployed=True)
    with formulation("native"):
        params = jax.eval_shape(module.init, jax.random.key(0), x)["params"]
        found = count(lambda p, x: module.apply({"params": p}, x), params, x)
    return {name: getattr(found, name) for name in COUNTED}


@pytest.mark.parametrize("name", _NETS)
def test_cost_equals_what_is_counted_on_the_extracted_network(name):
    """Exact for the smallest, the largest and random archs."""
    net, table = _NETS[name], _table(name)
    cheapest_dearest = [table.minimum("macs").arch, table.maximum("macs").arch]
    archs = np.concatenate([extremes(net.space), cheapest_dearest, sample_networks(net.space, 3, seed=1)])
    archs = np.unique(archs, axis=0)
    costs = table(archs)
    for i, arch in enumerate(archs):
        assert {n: int(costs[n][i]) for n in COUNTED} == _counted(net, arch), net.space.text(arch)


@pytest.mark.parametrize("name", SPACES)
def test_extremes_of_the_table_are_the_least_and_the_most(name):
    """No random arch costs less than the least or more than the most that a budget is compared with."""
    table = _table(name)
    costs = table(sample_networks(_NETS[name].space, 500, seed=2))
    for cost in COUNTED:
        assert table.minimum(cost).value <= costs[cost].min() and costs[cost].max() <= table.maximum(cost).value
