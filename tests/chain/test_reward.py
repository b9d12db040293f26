"""The reward of perceptual super-resolution: LPIPS, and a price for PSNR below the floor."""

import pytest

from nasjax import system
from nasjax.systems.perceptual.score import rewarded


@pytest.mark.parametrize("decibels, reward", [(27.0, 0.2), (26.5, 0.2), (25.5, 0.3)])
def test_only_what_is_below_the_floor_is_punished(decibels, reward):
    """The floor is 0.5 dB over bicubic's 26 dB; a dB below it costs a tenth."""
    found = rewarded(
        system.Tested({"lpips": 0.2, "psnr_y": decibels}), system.Tested({"psnr_y": 26.0}), floor=0.5, slope=0.1
    )
    assert found.values["reward"] == pytest.approx(reward)
    assert found.values["lpips"] == 0.2 and found.values["psnr_y"] == decibels
