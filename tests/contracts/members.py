"""The members that every law is tested over: a new space is a new row."""

import numpy as np

from nasjax.spaces.photo_filter import photo_filter
from nasjax.spaces.photonet import photonet
from nasjax.spaces.resnet_generator import UPS, resnet_generator
from nasjax.spaces.sr_cell import sr_cell
from nasjax.spaces.sr_discriminator import sr_discriminator
from nasjax.spaces.toy import toy
from nasjax.spaces.tpsr_cell import tpsr_cell
from nasjax.spaces.unet_generator import unet_generator
from tests.contracts.own_generator import own

DISCRIMINATOR_WIDTHS = ((4, 6), (4, 8), (8, 12))
RESNET_WIDTHS = ((4, 6), (4, 8), (8, 12), (4, 8), (4, 6))
FILTER = {
    "widths": {"fine": [4, 6], "trunk": [4, 8], "inner": [4, 8], "restore": [4, 8]},
    "blocks": 1,
    "ops": ["res", "sep3"],
    "heads": {
        "colour": ["none", "mix3x2", "low3"],
        "grid": ["none", "a4x2", "a8x2"],
        "bands": ["0", "2"],
        "restore": ["none", "half1conv", "quarter1sep"],
    },
    "sides": [16, 32],
    "cells": 4,
}
SPACES = {
    "toy": toy(),
    "sr_cell": sr_cell(2, blocks=1, trunk=(8, 16), inner=(8, 16)),
    # Every node has one choice: two operations keep the programs of ten of them small.
    "tpsr_cell": tpsr_cell(2, widths=(4, 6), ops=("c3", "d3")),
    "own": own,
    "photonet": photonet((4, 6, 8), (2, 1, 1), ops=("conv", "sep", "ir"), decoder=((2, 4), (3, 6))),
    # With scale and shift, which masks must respect. As many operations as up-samplings, so that rounds are small: the
    # others keep the law of masks by themselves (tests/ops/test_normed.py) and are counted (test_costs.py).
    "resnet": resnet_generator(RESNET_WIDTHS, (8, 16), blocks=1, ops=("res", "group", "incep"), up=UPS, norm="affine"),
    "photo_filter": photo_filter(**FILTER),
    "unet": unet_generator(((4, 6), (4, 8), (8, 12)), norm="affine"),
    # Every kind of head and of norm, and a level that only two of four heads have.
    "discriminator": sr_discriminator(
        DISCRIMINATOR_WIDTHS,
        heads=("patch1", "dense1", "dense2", "unet2"),
        keep=("k3s", "k5i"),
        halve=("s3s", "s4", "p3i"),
    ),
}

# The side of the images on which modes are compared: a norm over four pixels blows up what rounding leaves.
SIDES = {name: 16 if name in ("unet", "discriminator") else 8 for name in SPACES}


def extremes(space):
    """The first and the last option of every choice: for these spaces about the smallest and the largest arch."""
    first = np.array([0 for _ in space.choices], np.int32)
    last = np.array([len(c.options) - 1 for c in space.choices], np.int32)
    return space.canonical(np.stack([first, last]))
