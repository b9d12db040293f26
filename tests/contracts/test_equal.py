"""Supernets of the same settings are equal, so that what is compiled for one serves the other."""

from typing import Any, NamedTuple

import pytest

from nasjax.spaces.photo_filter import photo_filter
from nasjax.spaces.photonet import photonet
from nasjax.spaces.resnet_generator import resnet_generator
from nasjax.spaces.sr_cell import sr_cell
from nasjax.spaces.sr_discriminator import sr_discriminator
from nasjax.spaces.tpsr_cell import tpsr_cell
from nasjax.spaces.unet_generator import unet_generator
from tests.contracts.members import DISCRIMINATOR_WIDTHS, FILTER, RESNET_WIDTHS


class _Made(NamedTuple):
    """A space, its settings, and one of them that no option shows, changed."""

    space: Any
    settings: dict[str, Any]
    changed: dict[str, Any] = {}


MADE = {
    "sr_cell": _Made(sr_cell, {"scale": 2, "blocks": 1}, {"scale": 3}),
    "tpsr_cell": _Made(tpsr_cell, {"scale": 2, "widths": (4, 6)}, {"scale": 3}),
    "photonet": _Made(photonet, {"widths": (4, 6, 8), "convs": (2, 1, 1)}),
    "resnet": _Made(resnet_generator, {"widths": RESNET_WIDTHS, "inner": (8,)}, {"norm": "affine"}),
    "photo_filter": _Made(photo_filter, FILTER, {"cells": 2}),
    "unet": _Made(unet_generator, {"widths": ((4,), (8,))}, {"norm": "affine"}),
    "discriminator": _Made(sr_discriminator, {"widths": DISCRIMINATOR_WIDTHS, "heads": ("patch1", "dense2")}),
}


@pytest.mark.parametrize("name", MADE)
def test_supernets_of_the_same_settings_are_equal(name):
    """Built twice they are one key; built otherwise they are two."""
    space, settings, changed = MADE[name]
    assert len({space(**settings), space(**settings)}) == 1
    assert not changed or len({space(**settings), space(**settings | changed)}) == 2
