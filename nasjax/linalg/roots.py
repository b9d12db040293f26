"""Square root and inverse square root of a covariance with a ridge, in two ways; both differentiable everywhere.

`eigh` is exact and fast on CPUs. Newton-Schulz is products of matrices only: for accelerators, and for runtimes that
know no eigenvectors, such as ONNX.
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nasjax.linalg.statistics import HIGHEST

# Eight float32 roundings of the largest eigenvalue: what is smaller was decided by rounding. A ridge of this times the
# Frobenius norm bounds the condition number by 1e6, which is what Newton-Schulz below converges for.
RESOLUTION = 8 * 2.0**-23


@jax.custom_vjp
def eigh_roots(
    matrix: Float[Array, "*b c c"], ridge: Float[Array, "*b"]
) -> tuple[Float[Array, "*b c c"], Float[Array, "*b c c"]]:
    """`(matrix + ridge I)^(1/2)` and its inverse by eigenvalues, those below 0 counted as 0; ridge > 0.

    Gradients are finite for equal eigenvalues too, where those of the eigenvectors are not: they are the divided
    differences of the function, in the form that has no difference in it. An eigenvalue below 0, which only rounding
    makes, has the gradient of 0. Source: Daleckii and Krein; Higham, Functions of Matrices, theorem 3.11.
    """
    return _eigh_forward(matrix, ridge)[0]


@jax.jit
def newton_schulz_roots(
    matrix: Float[Array, "*b c c"], ridge: Float[Array, "*b"]
) -> tuple[Float[Array, "*b c c"], Float[Array, "*b c c"]]:
    """`(matrix + ridge I)^(1/2)` and its inverse by a fixed number of matrix products.

    The ridge must be at least `RESOLUTION` times the Frobenius norm of `matrix`: a smaller one is not an error, but
    leaves the smallest eigenvalues of the inverse short of their value. Source: Higham, Functions of Matrices,
    equation 6.35; scaled in each step as Chen and Chow, A stable scaling of Newton-Schulz for improving the sign
    function computation of a Hermitian matrix (2014) do, which halves the number of steps.
    """
    # Jitted: a space of transfers traces its fifty products once for each number of channels, not for each transfer.
    eye = identity(matrix)
    shifted = matrix + ridge[..., None, None] * eye
    norm = jnp.sqrt((shifted * shifted).sum((-2, -1), keepdims=True))

    def step(scale: float, product: Array) -> Array:
        return 1.5 * scale * eye - 0.5 * scale**3 * product

    y = shifted / norm
    z = step(_SCALES[0], y)  # the first z is the identity
    y = _dot(y, z)
    for scale in _SCALES[1:]:
        factor = step(scale, _dot(z, y))
        y, z = _dot(y, factor), _dot(factor, z)
    root = jnp.sqrt(norm)
    return y * root, z / root


def identity(like: Float[Array, "*b c c"]) -> Float[Array, "*ones c c"]:
    """The identity matrix in the rank of `like`."""
    size = like.shape[-1]
    return jnp.eye(size, dtype=like.dtype).reshape((1,) * (like.ndim - 2) + (size, size))


def _scales(lowest: float) -> tuple[float, ...]:
    """Factors before each step x -> x (3 - x^2) / 2 such that all of [lowest, 1] comes to within rounding of 1.

    The factor that raises the lower end most maps both ends of the interval to the same value, for a small lower end
    close to 0: the cap keeps the upper end above 0.3, since what is mapped to 0 is lost in rounding.
    """
    factors = []
    while 1 - lowest > 1e-7:
        factors.append(math.sqrt(min(3 / (1 + lowest + lowest**2), 2.6)))
        low = factors[-1] * lowest
        lowest = low * (3 - low**2) / 2
    return tuple(factors)


_SCALES = _scales(0.99 * math.sqrt(RESOLUTION))


def _eigh_forward(matrix: Array, ridge: Array) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    values, vectors = jnp.linalg.eigh(matrix)
    roots = jnp.sqrt(jnp.maximum(values, 0) + ridge[..., None])
    built = (_conjugate(vectors, roots[..., None, :]), _conjugate(vectors, 1 / roots[..., None, :]))
    return built, (roots, vectors)


def _eigh_backward(saved: tuple[Array, Array], given: tuple[Array, Array]) -> tuple[Array, Array]:
    roots, vectors = saved
    left, right = roots[..., :, None], roots[..., None, :]
    # f(a) - f(b) over a - b: for the square root 1 / (sqrt a + sqrt b), for its inverse -1 / (sqrt a sqrt b) of that.
    first = 1 / (left + right)
    second = -first / left / right
    basis = jnp.swapaxes(vectors, -1, -2)
    root, inverse = (_dot(_dot(basis, (g + jnp.swapaxes(g, -1, -2)) / 2), vectors) for g in given)
    middle = first * root + second * inverse
    trace = (middle * identity(middle)).sum((-2, -1))
    return _dot(_dot(vectors, middle), basis), trace


eigh_roots.defvjp(_eigh_forward, _eigh_backward)


def _conjugate(vectors: Array, values: Array) -> Array:
    return _dot(vectors * values, jnp.swapaxes(vectors, -1, -2))


def _dot(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b, precision=HIGHEST)
