"""Linear algebra on arrays: statistics that merge, roots of covariances, whitening and colouring."""

from nasjax.linalg.affine import METHODS, Transfer, apply_transfer, stream_transfer, transfer, transfer_map
from nasjax.linalg.roots import eigh_roots, newton_schulz_roots
from nasjax.linalg.statistics import Moments, covariance, merge, moments, stream_moments
from nasjax.linalg.whitening import Regions, wct

__all__ = [
    "METHODS",
    "Moments",
    "Regions",
    "Transfer",
    "apply_transfer",
    "covariance",
    "eigh_roots",
    "merge",
    "moments",
    "newton_schulz_roots",
    "stream_moments",
    "stream_transfer",
    "transfer",
    "transfer_map",
    "wct",
]
