"""The StyleNAS space: its size, its published network, its bit strings, and what it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.rounds import fair_round
from nasjax.sampling import random_archs
from nasjax.spaces.photonet import photonet
from nasjax.spaces.photonet_bits import PUBLISHED, from_bits, to_bits
from nasjax.spaces.transfer import paired
from nasjax.supernet.extract import Static

TINY = {"widths": (4, 6, 8), "convs": (2, 1, 1)}


@pytest.fixture(scope="module")
def space():
    return photonet().space


def test_the_original_space_has_31_choices_in_a_round_of_four(space):
    """All of them binary; instance norm exists only where its skip is concatenated."""
    assert space.num_choices == 31
    assert all(len(c.options) == 2 for c in space.choices)
    assert {c.name for c in space.choices if c.active} == {"d4.in", "d3.in", "d2.in", "d1.in"}
    # 27 independent bits, four of which open a fifth kind: 2^23 * 3^4.
    assert space.size() == 2**23 * 3**4
    assert fair_round(space.at_stage("path")).slots == 4


def test_transfers_are_decided_last_and_on_until_then(space):
    """Ten points of transfer, without parameters; before their stage all of them are on."""
    points = [c.name for c in space.choices if c.stage == "transfer"]
    assert len(points) == 10 and space.stages[-1] == "transfer"
    options = space.decode(space.at_stage("path").default_arch())
    assert all(options[name] == "on" for name in points)


def test_the_published_network_is_what_its_string_says(space):
    """Two transfers, both at full resolution; features of relu4_1 and relu2_1 join the bottleneck; two skips."""
    options = space.decode(from_bits(space, PUBLISHED))
    on = {name for name, option in options.items() if option in ("on", "norm", "3x3", "conv")}
    assert on == {"bfa4", "bfa2", "d4.cat", "d1.wct", "d1.in", "d1.cat", "d1.skip"}
    assert to_bits(space, from_bits(space, PUBLISHED)) == PUBLISHED


def test_the_published_network_has_the_published_layers():
    """Its decoder's parameters, counted from the layers that the authors' code runs for this string."""
    net = photonet()
    arch = from_bits(net.space, PUBLISHED)
    specs = jax.eval_shape(lambda k: net.extract_params(net.init(k), arch), jax.random.key(0))
    decoder = sum(
        int(np.prod(a.shape)) for name, part in specs.items() if name != "encoder" for a in jax.tree.leaves(part)
    )
    fuse = (512 + 512 + 128) * 512 + 512
    stage4 = 9 * (512 + 512) * 512 + 512 + 512 * 256 + 256
    stage3 = 9 * 256 * 256 + 256 + 256 * 128 + 128
    stage2, stage1 = 9 * 128 * 64 + 64, 9 * (64 + 64) * 3 + 3
    assert decoder == fuse + stage4 + stage3 + stage2 + stage1


def test_bits_round_trip(space):
    """Every canonical arch survives its string, and a bit without effect is dropped."""
    for arch in np.asarray(random_archs(jax.random.key(0), space, 50)):
        assert (from_bits(space, to_bits(space, arch)) == arch).all()
    dead = "0" * 10 + "1" + "0" * 21  # instance norm of a skip that is not concatenated
    assert to_bits(space, from_bits(space, dead)) == "0" * 32


def test_malformed_bits_are_refused(space):
    """Wrong length, wrong character, and a space that bit strings cannot name."""
    with pytest.raises(ValueError, match="32 characters"):
        from_bits(space, "0101")
    with pytest.raises(ValueError, match="32 characters"):
        from_bits(space, "2" * 32)
    with pytest.raises(ValueError, match="five levels"):
        to_bits(photonet(**TINY).space, photonet(**TINY).space.default_arch())


def test_bad_settings_are_refused():
    """Levels, operations and widths that do not exist or fit."""
    with pytest.raises(ValueError, match="3 to 5 levels"):
        photonet((4, 8), (1, 1))
    with pytest.raises(ValueError, match="unknown operation 'gelu'"):
        photonet(**TINY, ops=("conv", "gelu"))
    with pytest.raises(ValueError, match="2 are needed"):
        photonet(**TINY, decoder=((2, 4),))
    with pytest.raises(ValueError, match="ascending"):
        photonet(**TINY, decoder=((4, 2), (6,)))


def test_no_gradient_reaches_the_encoder():
    """The encoder is frozen, whatever the loss; the decoder is not."""
    net = photonet(**TINY)
    params = net.init(jax.random.key(0))
    x = jax.random.uniform(jax.random.key(1), (1, 8, 8, 3), minval=-1)
    arch = net.space.default_arch()
    grads = jax.jit(jax.grad(lambda p: jnp.square(net.switched(p, arch, x)).mean()))(params)
    assert all(not np.asarray(g).any() for g in jax.tree.leaves(grads["encoder"]))
    assert any(np.asarray(g).any() for g in jax.tree.leaves(grads["fuse"]))


def test_a_content_paired_with_itself_is_reconstructed():
    """Transfer between equal statistics does nothing: the pair's output is the auto-encoder's; styles too."""
    plain, moving = photonet(**TINY), photonet(**TINY, points=paired("eigh"))
    arch = plain.space.encode({"bn.wct": "on", "d2.skip": "on", "d2.cat": "on", "d1.wct": "on"})
    params = plain.extract_params(plain.init(jax.random.key(0)), arch)
    content, style = jax.random.uniform(jax.random.key(1), (2, 1, 16, 16, 3), minval=-1)

    @jax.jit
    def run(x):
        return [net.forward(Static(net.space, params, tuple(arch.tolist())), x) for net in (plain, moving)]

    alone, same = run(jnp.concatenate([content, content]))
    assert jnp.allclose(alone, same, atol=1e-3)
    alone, moved = run(jnp.concatenate([content, style]))
    assert jnp.allclose(alone[1], moved[1], atol=1e-5)
    assert jnp.abs(alone[0] - moved[0]).max() > 1e-3
