"""Random pixels whose statistics are known, and statistics in float64 to compare with."""

import jax
import numpy as np


def pixels(seed: int, shape: tuple[int, ...], *, condition: float = 10.0, mean: float = 0.5) -> np.ndarray:
    """Normal pixels `shape` (channels last); the variances of their principal directions span `condition`."""
    rng = np.random.default_rng(seed)
    channels = shape[-1]
    basis, _ = np.linalg.qr(rng.normal(size=(channels, channels)))
    deviation = np.geomspace(1, condition**-0.5, channels)
    x = rng.normal(size=(*shape[:-1], channels)) * deviation @ basis.T
    return np.float32(x + mean * rng.uniform(0.5, 1.5, channels))


def statistics(x) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of pixels `[..., c]`, computed in float64."""
    flat = np.asarray(x, np.float64).reshape(-1, x.shape[-1])
    centred = flat - flat.mean(0)
    return flat.mean(0), centred.T @ centred / max(len(flat) - 1, 1)


def relative(found, wanted) -> float:
    """The Frobenius norm of the difference, relative to that of `wanted`."""
    found, wanted = np.asarray(found, np.float64), np.asarray(wanted, np.float64)
    return float(np.linalg.norm(found - wanted) / max(np.linalg.norm(wanted), 1e-30))


def finite(tree) -> bool:
    """Whether no array of the tree has a NaN or an infinity."""
    return all(np.isfinite(np.asarray(leaf, np.float64)).all() for leaf in jax.tree.leaves(tree))
