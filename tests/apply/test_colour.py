"""Colour spaces: what gAMA and cHRM mean, and profiles that can and cannot be used."""

import numpy as np
import pytest
from PIL import ImageCms

from nasjax.apply.colour import colour_space, is_srgb, light_to_srgb

SRGB = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
ADOBE = (0.3127, 0.329, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)


def test_light_becomes_levels_of_srgb():
    """Half the light is 0.7354 (188 of 255); with the colours of sRGB they stay themselves; white stays white."""
    grey = np.array([0.0, 0.21404114, 0.5, 1.0])[:, None].repeat(3, 1)
    wanted = np.array([0.0, 0.5, 0.73535698, 1.0])[:, None].repeat(3, 1)
    for chromaticity in (None, SRGB, ADOBE):
        np.testing.assert_allclose(light_to_srgb(grey, 1.0, chromaticity), wanted, atol=2e-4)


def test_colours_of_wider_primaries():
    """Adobe RGB (gamma 563/256) of (200, 100, 50) is (224, 99, 41) in sRGB, as colour management has it."""
    found = 255 * light_to_srgb(np.array([[200, 100, 50]]) / 255, 256 / 563, ADOBE)
    np.testing.assert_allclose(found, [[224.5, 99.3, 41.5]], atol=3)


def test_a_white_that_is_another_is_adapted():
    """Equal values are white whatever the white point."""
    warm = (0.3457, 0.3585, *SRGB[2:])
    np.testing.assert_allclose(light_to_srgb(np.full((1, 3), 0.5), 1.0, warm), 0.73535698, atol=1e-3)


def test_what_says_srgb_is_left_alone():
    """Numbers as files round them; another gamma or another primary is something else."""
    assert is_srgb(0.45455, None) and is_srgb(0.45455, SRGB) and is_srgb(0.4545, (0.31269, *SRGB[1:]))
    assert not is_srgb(0.5, SRGB) and not is_srgb(0.45455, ADOBE)


@pytest.mark.parametrize("gamma, chromaticity", [(0.0, None), (1.0, (0.3, 0.0, *SRGB[2:])), (1.0, SRGB[:4] * 2)])
def test_numbers_that_describe_no_colours_are_named(gamma, chromaticity):
    """No light, no luminance, primaries on one line."""
    with pytest.raises(ValueError, match="gAMA|cHRM"):
        light_to_srgb(np.full((1, 3), 0.5), gamma, chromaticity)


def test_profiles_that_can_be_used():
    """A profile says its space; bytes that are none, or half of one, say nothing."""
    content = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert colour_space(content) == "RGB"
    assert [colour_space(broken) for broken in (b"", b"no profile", content[:200], content[:128] + bytes(4))] == [
        None
    ] * 4
