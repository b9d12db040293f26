"""The Haar wavelet: exact reconstruction, orthonormality, and which band sees which edge."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.ops import haar
from nasjax.ops.haar import Bands

haar_analysis, haar_synthesis = jax.jit(haar.haar_analysis), jax.jit(haar.haar_synthesis)
X = jax.random.normal(jax.random.key(0), (2, 3, 6, 10, 4))


def test_synthesis_undoes_analysis():
    """Perfect reconstruction, with any leading axes."""
    bands = haar_analysis(X)
    assert {band.shape for band in bands} == {(2, 3, 3, 5, 4)}
    np.testing.assert_allclose(haar_synthesis(bands), X, atol=1e-6)


def test_analysis_undoes_synthesis():
    """The transform is square, so it is inverted from the other side, too."""
    bands = Bands(*jax.random.normal(jax.random.key(1), (4, 3, 5, 2)))
    for found, wanted in zip(haar_analysis(haar_synthesis(bands)), bands, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_energy_is_kept():
    """Orthonormal: the bands' squares sum to the image's."""
    np.testing.assert_allclose(sum(jnp.square(band).sum() for band in haar_analysis(X)), jnp.square(X).sum(), rtol=1e-5)


def test_bands_by_hand():
    """A 2x2 square against the matrix of the transform."""
    (a, b), (c, d) = square = ((1.0, 2.0), (4.0, 8.0))
    bands = haar_analysis(jnp.asarray(square)[..., None])
    found = [float(band[0, 0, 0]) for band in bands]
    assert found == [(a + b + c + d) / 2, (b + d - a - c) / 2, (c + d - a - b) / 2, (a + d - b - c) / 2]


@pytest.mark.parametrize("axis, band", [(1, "lh"), (0, "hl")])
def test_an_edge_is_in_its_band(axis, band):
    """A step along the width is in lh alone, one along the height in hl alone."""
    step = np.broadcast_to(np.expand_dims(np.arange(6) >= 3, 1 - axis), (6, 6))[..., None]
    bands = haar_analysis(jnp.asarray(step, jnp.float32))
    assert {name for name in ("lh", "hl", "hh") if np.abs(getattr(bands, name)).max() > 0} == {band}


def test_odd_sizes_are_refused():
    """The message has the size and what to do."""
    with pytest.raises(ValueError, match="height and width must be even, got 6x5; pad the image first"):
        haar_analysis(jnp.zeros((6, 5, 3)))
