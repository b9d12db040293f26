"""Pairs: a generator of one arch and any discriminator, with the params of both."""

import jax
import numpy as np

from nasjax.cost.table import tabulate
from nasjax.spaces.paired import generator_params, paired, with_generator
from nasjax.spaces.sr_cell import sr_cell
from nasjax.spaces.sr_discriminator import sr_discriminator
from nasjax.supernet.units import units

GENERATOR = sr_cell(2, blocks=1, trunk=(8,), inner=(8, 16), ops=("res", "rep"))
ARCH = GENERATOR.space.encode({"b1": "res", "b1.w": "8", "att": "ca", "tail": "conv", "image": "bicubic"})
JUDGES = sr_discriminator(((4, 6), (4, 6)), heads=("patch1", "dense1"), keep=("k3s",), halve=("s3",))
PAIR = paired(GENERATOR, ARCH, JUDGES)
OF = {part: paired(GENERATOR, ARCH, JUDGES, part=part) for part in ("generator", "scores")}


def _leaves(params):
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in jax.tree.leaves_with_path(params)}


def test_a_pair_is_both_networks_over_one_set_of_params():
    """Its picture is the generator's, its scores are the discriminator's, and neither asks for more params."""
    params, x = PAIR.init(jax.random.key(0)), jax.random.normal(jax.random.key(1), (1, 8, 8, 3))
    arch = PAIR.space.encode({"head": "dense1", "w1": "4"})
    own = generator_params(PAIR, params)
    y = GENERATOR.extract(ARCH).apply({"params": own}, x)
    for form in (PAIR, OF["generator"]):
        np.testing.assert_allclose(form.switched(params, arch, x), y, rtol=1e-5, atol=1e-6)
        extracted = form.extract_params(params, arch)
        np.testing.assert_allclose(form.extract(arch).apply({"params": extracted}, x), y, rtol=1e-5, atol=1e-6)
    judge = JUDGES.space.encode({"head": "dense1", "w1": "4"})
    scores = JUDGES.extract(judge).apply({"params": JUDGES.extract_params(params, judge)}, y)
    np.testing.assert_allclose(OF["scores"].switched(params, arch, y), scores, rtol=1e-5, atol=1e-6)


def test_a_generators_params_come_and_go_unchanged():
    """Put into a pair and taken out again they are the same, nested as its own supernet nests them."""
    given = GENERATOR.extract_params(GENERATOR.init(jax.random.key(2)), ARCH)
    pair = with_generator(PAIR, PAIR.init(jax.random.key(0)), given)
    found = _leaves(generator_params(PAIR, pair))
    assert found.keys() == _leaves(given).keys()
    assert all((found[name] == leaf).all() for name, leaf in _leaves(given).items())
    assert _leaves(pair).keys() == _leaves(PAIR.init(jax.random.key(0))).keys()


def test_the_costs_of_a_pair_are_those_of_both():
    """Params and MACs are sums; only the discriminator's part varies."""
    at = (1, 8, 8, 3)
    both = tabulate(PAIR.space, units(PAIR, at))
    alone = tabulate(GENERATOR.space, units(GENERATOR, at))(ARCH)
    judges = tabulate(JUDGES.space, units(JUDGES, (1, 16, 16, 3)))
    for options in ({"head": "patch1", "w1": "4"}, {"head": "dense1", "c1": "off"}):
        whole, judge = both(PAIR.space.encode(options)), judges(JUDGES.space.encode(options))
        for cost in ("params", "macs"):
            assert int(whole[cost]) == int(alone[cost]) + int(judge[cost])


def test_every_choice_is_decided_in_the_game():
    """At the start nothing is free; the game leaves all of the discriminator's space open at once."""
    assert PAIR.space.at_stage("start").free == ()
    assert PAIR.space.at_stage("game", PAIR.space.default_arch()).size() == JUDGES.space.size() == PAIR.space.size()
