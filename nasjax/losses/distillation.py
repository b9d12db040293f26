"""What a small generator learns from a large one: its features, how its images relate, how its pictures look."""

from collections.abc import Mapping, Sequence

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from nasjax.losses.pixel import mse
from nasjax.metrics.similarity import similarity_map
from nasjax.metrics.style import gram, gram_error
from nasjax.ops.conv import conv, conv_params
from nasjax.ops.params import Param
from nasjax.typing import Params

# by the name of the point in the network where they are taken, each [*d, h, w, c]
Features = Mapping[str, Float[Array, "..."]]


def adapters(student: Mapping[str, int], teacher: Mapping[str, int]) -> dict[str, dict[str, Param]]:
    """Declaration of a 1x1 convolution a point, from the student's channels there to the teacher's.

    ValueError where the student lacks a point of the teacher.
    """
    if missing := [point for point in teacher if point not in student]:
        raise ValueError(f"adapters: the student has no feature {missing[0]!r}; its points: {', '.join(student)}")
    return {point: conv_params(1, student[point], channels, gain=1.0) for point, channels in teacher.items()}


def adapted_mse(params: Params, features: Features, target: Features) -> Float[Array, ""]:
    """The mean over the teacher's points of the student's squared error behind its adapter.

    GAN Compression, arXiv 2003.08936, equation 2. Features have one size at a point; no gradient flows to the teacher.
    """
    adapted = {name: conv(params[name], features[name].astype(jnp.float32), t.shape[-1]) for name, t in target.items()}
    return jnp.stack([mse(adapted[name], lax.stop_gradient(t)) for name, t in target.items()]).mean()


def gram_alignment(features: Features, target: Features) -> Float[Array, ""]:
    """1 minus the mean similarity of Gram matrices over the batch's positions, 0 where one is a rotation of the other.

    The kernel alignment |Y'X|^2 / (|X'X| |Y'Y|) of features with one row a position and image (the global form of
    CAT, arXiv 2103.03467, section 3.3): no adapter is needed, since channels need not correspond, nor be equally many.
    """
    return 1 - jnp.stack([_alignment(features[name], lax.stop_gradient(t)) for name, t in target.items()]).mean()


def ssim_loss(y: Float[Array, "*d h w c"], target: Float[Array, "*d h w c"]) -> Float[Array, ""]:
    """1 minus SSIM over all channels of images in [-1, 1] (OMGD, arXiv 2108.06908, section 3.2): 0 where equal.

    11x11 Gaussian windows, sigma 1.5, that lie wholly inside. ValueError for images smaller than a window.
    """
    if min(y.shape[-3:-1]) < 11:
        raise ValueError(f"ssim_loss: images of {y.shape[-3]}x{y.shape[-2]} pixels do not hold the 11x11 window")
    levels = [(x.astype(jnp.float32) + 1) * 127.5 for x in (y, lax.stop_gradient(target))]
    return 1 - similarity_map(*levels).mean()


def style_loss(features: Sequence[Array], target: Sequence[Array]) -> Float[Array, ""]:
    """The mean squared difference of Gram matrices, over an encoder's features and images (same source).

    With an encoder of unit mean activation all features count alike.
    """
    return gram_error([gram(f) for f in features], [gram(lax.stop_gradient(t)) for t in target]).mean()


def total_variation(y: Float[Array, "*d h w c"]) -> Float[Array, ""]:
    """Mean absolute difference of neighbours, down plus across (same source)."""
    y = y.astype(jnp.float32)
    down, across = y[..., 1:, :, :] - y[..., :-1, :, :], y[..., 1:, :] - y[..., :-1, :]
    return jnp.abs(down).mean() + jnp.abs(across).mean()


def _alignment(x: Array, y: Array) -> Array:
    """Of two features `[*d, h, w, c]`, whose rows are the positions of all images."""
    x, y = (f.astype(jnp.float32).reshape(-1, f.shape[-1]) for f in (x, y))
    xy, xx, yy = (_square_norm(a, b) for a, b in ((y, x), (x, x), (y, y)))
    return xy * lax.rsqrt(xx * yy + 1e-20)  # features that are all dead must not give a gradient of NaN


def _square_norm(a: Array, b: Array) -> Array:
    """The squared norm of a'b; rows divided by their number, so that large batches do not overflow."""
    product = jnp.einsum("ni,nj->ij", a, b, precision=lax.Precision.HIGHEST) / len(a)
    return jnp.square(product).sum()
