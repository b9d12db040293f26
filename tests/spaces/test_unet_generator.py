"""The space of U-Nets: its size, the costs of pix2pix's network, and what it refuses."""

import pytest

from nasjax.spaces.unet_generator import unet_generator, unet_options
from tests.spaces.counting import counted


def test_the_unet_of_pix2pix():
    """U-Net-256 with batch norm has 54,413,955 params and 18.15 GMACs by torchprofile's count, which is the published.

    True MACs are a third of that: its decoder is made of transposed convolutions.
    """
    net = unet_generator(norm="affine")
    arch = net.space.encode(unet_options(net.space))
    costs = counted(net, arch)
    # Beside pix2pix's own there are biases at the first and the last level, which are its where it has instance norm.
    assert costs.params == 54_413_955 + 64 + 512
    assert round(costs.macs_torchprofile / 1e9, 2) == 18.14
    assert round(costs.macs / 1e9, 2) == 6.05


def test_edges_are_paths():
    """Seven edges, each absent or made in one of two ways; 15 widths of 4; 2 ways to halve and 3 to double a level."""
    space = unet_generator().space
    assert space.size() == 3**7 * 4**15 * 2**8 * 3**8
    assert set(space.at_stage("path").free) == {f"s{level}" for level in range(1, 8)}


@pytest.mark.parametrize(
    "wrong, message",
    [
        (dict(norm="batch"), "unknown norm 'batch'; allowed: instance, affine, fixed"),
        (dict(widths=((8,),)), "needs the widths of 2 levels or more"),
        (dict(widths=((8,), (8, 8))), "widths of level 2 must be positive and ascending"),
    ],
)
def test_unsuitable_settings_are_refused(wrong, message):
    """The value, what is allowed, and where."""
    with pytest.raises(ValueError, match=f"unet_generator: .*{message}"):
        unet_generator(**wrong)
