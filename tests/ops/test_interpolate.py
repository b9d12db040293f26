"""Weights between two networks: the ends are the networks, the way is straight."""

import numpy as np
import pytest

from nasjax.ops.params import interpolate

A = {"conv": {"w": np.array([0.0, 1.0], np.float32), "b": np.array(2.0, np.float32)}}
B = {"conv": {"w": np.array([4.0, 1.0], np.float32), "b": np.array(-2.0, np.float32)}}


@pytest.mark.parametrize("sharpness, w, b", [(0, 0.0, 2.0), (0.25, 1.0, 1.0), (1, 4.0, -2.0)])
def test_from_fidelity_to_perception(sharpness, w, b):
    """0 is the first, 1 the second, a quarter a quarter of the way, in every leaf."""
    found = interpolate(A, B, sharpness)["conv"]
    assert found["w"].tolist() == [w, 1.0] and float(found["b"]) == b


def test_beyond_the_ends_is_refused():
    """The value is named."""
    with pytest.raises(ValueError, match=r"sharpness must be in 0..1, got 1.5"):
        interpolate(A, B, 1.5)


WITHOUT = {"conv": {"w": B["conv"]["w"]}}
WIDER = {"conv": {**B["conv"], "w": np.zeros(3)}}


@pytest.mark.parametrize("other, message", [(WITHOUT, "conv/b is .* in the one, absent"), (WIDER, "conv/w is")])
def test_params_of_another_network_are_refused(other, message):
    """The first leaf that differs is named."""
    with pytest.raises(ValueError, match=message):
        interpolate(A, other, 0.5)
