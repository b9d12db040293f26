"""Channels by importance: a permutation that no network of full width notices."""

import jax
import numpy as np
import pytest

from nasjax.spaces.resnet_generator import resnet_generator, teacher_options
from nasjax.spaces.sr_cell import sr_cell
from nasjax.spaces.unet_generator import unet_generator, unet_options
from nasjax.supernet.channels import sort_channels

RESNET = resnet_generator(((4,), (6,), (8,), (6,), (4,)), (8,), blocks=2, norm="affine")
UNET = unet_generator(((4,), (6,), (8,)), norm="affine")
SR = sr_cell(2, blocks=2, trunk=(16,), inner=(8,), ops=("res", "ir2k3", "group", "rep"))
MEMBERS = {
    "resnet of a teacher": (RESNET, teacher_options(RESNET.space)),
    "resnet of other operations": (
        RESNET,
        {"b1": "sep", "b2": "incep", "up2": "nearest", "skip.half": "on", "skip.full": "on", "skip.trunk": "on"},
    ),
    "resnet grouped": (RESNET, {"b1": "group", "b2": "ir"}),
    "unet": (UNET, unet_options(UNET.space)),
    "sr_cell": (SR, {"b1": "group", "b2": "rep", "b2.edge": "long", "att": "both"}),
}


def _params(net):
    rng = np.random.default_rng(3)
    shapes = jax.eval_shape(net.init, jax.random.key(0))
    return jax.tree.map(lambda s: (rng.normal(size=s.shape) / max(s.size, 1) ** 0.25).astype(np.float32), shapes)


@pytest.mark.parametrize("name", MEMBERS)
def test_networks_of_full_width_stay_what_they_were(name):
    """Whatever is sorted inside, grouped and joined channels included, the output is the same."""
    net, options = MEMBERS[name]
    arch, params = net.space.encode(options), _params(net)
    x = jax.random.normal(jax.random.key(1), (1, 16, 16, 3))
    moved = sort_channels(net, params)
    before, after = (
        jax.jit(net.extract(arch).apply)({"params": net.extract_params(p, arch)}, x) for p in (params, moved)
    )
    assert any((a != b).any() for a, b in zip(jax.tree.leaves(moved), jax.tree.leaves(params), strict=True))
    np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-4 * np.abs(before).max())


def test_the_first_channels_are_the_most_read():
    """The sum of absolute weights that read a channel, times its norm's scale, falls from the first to the last."""
    net = RESNET
    params = sort_channels(net, net.extract_params(_params(net), net.space.encode(teacher_options(net.space))))
    read = np.abs(params["down1"]["w"]).sum((0, 1, 3)) * np.abs(params["stem"]["norm"]["scale"])
    inner = np.abs(params["b1"]["res"]["z"]["w"]).sum((0, 1, 3)) * np.abs(params["b1"]["res"]["a"]["norm"]["scale"])
    for importance in (read, inner):
        assert (np.diff(importance) < 0).all()


def test_narrow_params_are_refused():
    """Half of the channels cannot be sorted by an order of all."""
    net = RESNET
    params = _params(net)
    params["stem"]["w"] = params["stem"]["w"][..., :2]
    with pytest.raises(ValueError, match="stem/w has not the full width of w.stem"):
        sort_channels(net, params)
