"""Classical colour transfer: one map of colours for the whole image, in closed form, without any network.

Images are RGB in [-1, 1], in and out; content and style may differ in size. What comes out is clipped.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from nasjax.linalg import Moments, Transfer, apply_transfer, covariance, eigh_roots, moments

# Half a grey level squared: less is coding noise, and no reason to amplify it. Added to both covariances, so that
# equal images still give the identity.
_NOISE = (1 / 255) ** 2
# RGB -> LMS and log LMS -> l-alpha-beta, as row-vector maps (Reinhard et al. 2001, equations 4 and 6).
_LMS = np.array([[0.3811, 0.5783, 0.0402], [0.1967, 0.7244, 0.0782], [0.0241, 0.1288, 0.8444]], np.float32).T
_LAB = (np.array([[1, 1, 1], [1, 1, -2], [1, -1, 0]]) / np.sqrt([[3], [6], [2]])).astype(np.float32).T
_DARK = 1 / 255  # added before the logarithm, which would otherwise let black pixels decide everything
_STEADY = 1e-3  # added to both deviations in l-alpha-beta: a third of a grey level at mid-grey


def monge_kantorovich(content: Float[Array, "*b h w 3"], style: Float[Array, "*b i j 3"]) -> Float[Array, "*b h w 3"]:
    """The linear map of RGB that gives the content the style's mean and covariance and moves colours the least.

    Of all linear maps with that result it is the only symmetric positive one, so hues do not turn more than needed.
    Finite for any input: a flat content becomes the style's mean colour. Source: Pitie and Kokaram, The linear
    Monge-Kantorovitch linear colour mapping for example-based colour transfer, CVMP 2007, equation 14.
    """
    x, here, there = _pixels(content), moments(_pixels(content)), moments(_pixels(style))
    root_x, inverse_x = _roots(here)
    # (cov_x^1/2 cov_y cov_x^1/2)^1/2 from the singular values of cov_y^1/2 cov_x^1/2: forming the product first would
    # square the condition number, and leave nothing of the directions in which a nearly grey image has no colour.
    with jax.default_matmul_precision("highest"):
        _, s, vt = jnp.linalg.svd(_roots(there)[0] @ root_x)
        matrix = inverse_x @ jnp.swapaxes(vt, -1, -2) @ (s[..., :, None] * vt) @ inverse_x
    y = apply_transfer(Transfer(matrix, here.mean, there.mean), x)
    return jnp.clip(y, -1, 1).reshape(content.shape).astype(content.dtype)


def reinhard(content: Float[Array, "*b h w 3"], style: Float[Array, "*b i j 3"]) -> Float[Array, "*b h w 3"]:
    """Gives each channel of l-alpha-beta, a logarithmic opponent colour space, the style's mean and deviation.

    Finite for any input: a flat content becomes the style's mean colour. Source: Reinhard et al., Color transfer
    between images, IEEE CG&A 2001, equations 10 and 11 (their matrices, applied to the pixel values as they are).
    """
    x, y = (_to_lab(image) for image in (content, style))
    mean_x, mean_y = x.mean(-2, keepdims=True), y.mean(-2, keepdims=True)
    gain = (y.std(-2, keepdims=True) + _STEADY) / (x.std(-2, keepdims=True) + _STEADY)
    return _from_lab((x - mean_x) * gain + mean_y).reshape(content.shape).astype(content.dtype)


def _pixels(image: Array) -> Array:
    return image.astype(jnp.float32).reshape(*image.shape[:-3], -1, 3)


def _roots(m: Moments) -> tuple[Array, Array]:
    """Root of the covariance with the noise floor added, and its inverse."""
    return eigh_roots(covariance(m), jnp.full(m.count.shape, _NOISE))


def _to_lab(image: Array) -> Array:
    lms = _times(jnp.clip((_pixels(image) + 1) / 2, 0, 1), _LMS)
    return _times(jnp.log10(lms + _DARK), _LAB)


def _from_lab(lab: Array) -> Array:
    # No colour of the cube has a response outside [0, 1], and a far outlier's power of ten would not be finite.
    log_lms = jnp.clip(_times(lab, np.linalg.inv(_LAB)), np.log10(_DARK), np.log10(1 + _DARK))
    rgb = _times(10**log_lms - _DARK, np.linalg.inv(_LMS))
    return jnp.clip(rgb * 2 - 1, -1, 1)


def _times(x: Array, matrix: np.ndarray) -> Array:
    return jnp.matmul(x, matrix, precision=jax.lax.Precision.HIGHEST)
