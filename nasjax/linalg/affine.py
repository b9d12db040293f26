"""The affine map that gives one set of pixels the mean and covariance of another: whitening, then colouring.

Source: Li et al., Universal style transfer via feature transforms, arXiv 1705.08086, section 3.2.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nasjax.linalg.roots import RESOLUTION, eigh_roots, identity, newton_schulz_roots
from nasjax.linalg.statistics import HIGHEST, Moments, Tile, covariance
from nasjax.typing import Scalar

# A standard deviation below 3e-5 of the mean is rounding that convolutions left on a flat area. Whitened like any
# other, it would become visible noise.
_FLAT = 1e-9
# Variance that an image of zeros is taken to have: features are of order 1, and no power of it in a gradient overflows.
_TINY = 1e-12


class Transfer(NamedTuple):
    """y = (x - centre) @ matrix + target.

    Kept apart from y = x @ matrix + bias (`transfer_map`) because a nearly constant content has a large matrix: its
    product with the mean would have to cancel, and float32 does not.
    """

    matrix: Float[Array, "*b c c"]
    centre: Float[Array, "*b c"]
    target: Float[Array, "*b c"]


def transfer(content: Moments, style: Moments, *, method: str, eps: float = 1e-5) -> Transfer:
    """The map after which pixels with the statistics `content` have those of `style`.

    `method`: "eigh" and "newton-schulz" whiten and colour by symmetric roots, y = C_s^(1/2) C_c^(-1/2) x;
    "cholesky" by triangular factors, which gives the same statistics but not the same pixels: colours turn with the
    order of the channels. `eps` is the ridge relative to the mean variance (`relative_ridge`); both covariances get
    one, so equal statistics give the identity. A channel in which the style is constant comes out as that constant.
    Raises ValueError for an unknown method, an eps below 0 or statistics of different shapes.
    """
    _check(content, style, method, eps)
    x, y = ((covariance(m), relative_ridge(m, eps)) for m in (content, style))
    varies = (_variances(y[0]) > 0).astype(jnp.float32)
    return Transfer(_MATRICES[method](x, y) * varies[..., None, :], content.mean, style.mean)


def transfer_map(
    content: Moments, style: Moments, *, method: str, eps: float = 1e-5
) -> tuple[Float[Array, "*b c c"], Float[Array, "*b c"]]:
    """`transfer` as `(matrix, bias)` of y = x @ matrix + bias, to be folded into a 1x1 convolution."""
    found = transfer(content, style, method=method, eps=eps)
    return found.matrix, found.target - _times(found.centre[..., None, :], found.matrix).squeeze(-2)


def apply_transfer(
    found: Transfer, x: Float[Array, "*b n c"], alpha: float | int | Scalar = 1.0
) -> Float[Array, "*b n c"]:
    """Pixels after the map, blended with what they were: `alpha` 1 is the map alone, 0 exactly `x`.

    Computed in float32, returned in the type of `x`.
    """
    wide = x.astype(jnp.float32)
    y = _times(wide - found.centre[..., None, :], found.matrix) + found.target[..., None, :]
    if isinstance(alpha, float | int) and alpha == 1:
        return y.astype(x.dtype)
    return (alpha * y + (1 - alpha) * wide).astype(x.dtype)


def stream_transfer(
    found: Transfer, tiles: Iterable[Tile], alpha: float | int | Scalar = 1.0
) -> Iterator[Float[Array, "*d c"]]:
    """Each tile `[..., c]` after the map, one at a time; tiles of one size share a compiled program.

    With the statistics of the whole image (`stream_moments`) the tiles fit together without seams.
    """
    for tile in tiles:
        flat = jnp.asarray(tile).reshape(-1, tile.shape[-1])
        yield _apply(found, flat, jnp.float32(alpha)).reshape(tile.shape)


def relative_ridge(m: Moments, eps: float) -> Float[Array, "*b"]:
    """What is added to the diagonal of a covariance before it is inverted; above 0 for any statistics.

    `eps` times the mean variance of the channels that vary, so that channels masked to zero change nothing; and the
    least that float32 can tell from 0: rounding of the mean, and of the largest eigenvalue.
    """
    matrix = covariance(m)
    variances = _variances(matrix)
    varying = jnp.maximum((variances > 0).astype(jnp.float32).sum(-1), 1.0)
    level = (eps * variances.sum(-1) + _FLAT * (m.mean * m.mean).sum(-1)) / varying
    return level + RESOLUTION * jnp.sqrt((matrix * matrix).sum((-2, -1)) + _TINY**2) + _TINY


_apply = jax.jit(apply_transfer)


def _symmetric(roots: Callable) -> Callable:
    def build(x: tuple[Array, Array], y: tuple[Array, Array]) -> Array:
        return _times(roots(*x)[1], roots(*y)[0])

    return build


def _triangular(x: tuple[Array, Array], y: tuple[Array, Array]) -> Array:
    """L_x^(-T) L_y^T: what maps rows as L_y L_x^(-1) maps columns."""
    lower, target = (jnp.linalg.cholesky(m + r[..., None, None] * identity(m)) for m, r in (x, y))
    transposed = jnp.swapaxes(target, -1, -2)
    return jax.lax.linalg.triangular_solve(lower, transposed, left_side=True, lower=True, transpose_a=True)


_MATRICES = {
    "eigh": _symmetric(eigh_roots),
    "newton-schulz": _symmetric(newton_schulz_roots),
    "cholesky": _triangular,
}
METHODS = tuple(_MATRICES)


def _times(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b, precision=HIGHEST)


def _variances(matrix: Array) -> Array:
    return (matrix * identity(matrix)).sum(-1)


def _check(content: Moments, style: Moments, method: str, eps: float) -> None:
    if method not in _MATRICES:
        raise ValueError(f"transfer: unknown method {method!r}; allowed: {', '.join(METHODS)}")
    if not eps >= 0:
        raise ValueError(f"transfer: eps must be 0 or more, got {eps}")
    if content.mean.shape != style.mean.shape:
        raise ValueError(
            f"transfer: content and style must have equal batch axes and channels, got means of "
            f"{content.mean.shape} and {style.mean.shape}"
        )
