"""What happens to pictures before anyone wants them larger: blur, noise and JPEG, in random order.

Everything runs on the device inside of a training step, drawn from its key. Source: the shuffled practical degradation
of BSRGAN, arXiv 2103.14006, section 3.4, with milder ranges.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from nasjax.typing import PRNGKey

# Ranges, each uniform: deviations of the blur along the axes and of the noise, in pixels and grey levels, and quality.
BLUR, NOISE, QUALITY = (0.1, 1.2), (0.0, 12.0), (40.0, 95.0)
_LEFT_OUT = 0.3  # probability that one of the three does not happen to a picture
_REACH = 3  # pixels of the blur to each side
# ITU-T T.81, annex K, tables K.1 and K.2.
_LUMA = """16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62
           18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99"""
_CHROMA = "17 18 24 47 18 21 26 66 24 26 56 99 47 66 99 99"
# JFIF: luma and the two differences of colour of RGB in 0..255.
_YCC = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)


def practical(key: PRNGKey, x: Float[Array, "n h w 3"]) -> Float[Array, "n h w 3"]:
    """Pictures in [-1, 1] after blur, noise and JPEG, each picture in its own order and of its own strengths.

    Each of the three is left out of three pictures in ten.
    """
    num, keys = len(x), jax.random.split(key, 5)
    order = jnp.argsort(jax.random.uniform(keys[0], (num, 3)), axis=1)
    happens = jax.random.uniform(keys[1], (num, 3)) > _LEFT_OUT
    changes = [functools.partial(fn, k) for fn, k in zip((_blurred, _noisy, _compressed), keys[2:], strict=True)]
    for place in range(3):
        now = order[:, place]
        for which, change_fn in enumerate(changes):
            chosen = (now == which) & happens[:, which]
            x = jnp.where(chosen[:, None, None, None], change_fn(x), x)
    return x


def blur(x: Float[Array, "n h w c"], deviations: Float[Array, "n 2"]) -> Float[Array, "n h w c"]:
    """Each picture by a Gaussian of its own deviations in pixels along height and width; borders are repeated."""
    offsets = jnp.arange(-_REACH, _REACH + 1, dtype=x.dtype)
    for axis in (1, 2):
        weights = jnp.exp(-0.5 * (offsets[None] / deviations[:, axis - 1 :][:, :1]) ** 2)
        weights = weights / weights.sum(1, keepdims=True)
        widths = [(_REACH, _REACH) if a == axis else (0, 0) for a in range(4)]
        padded, size = jnp.pad(x, widths, mode="edge"), x.shape[axis]
        views = [jax.lax.slice_in_dim(padded, i, i + size, axis=axis) for i in range(2 * _REACH + 1)]
        x = functools.reduce(jnp.add, [weights[:, i, None, None, None] * view for i, view in enumerate(views)])
    return x


def jpeg(x: Float[Array, "n h w 3"], quality: Float[Array, " n"]) -> Float[Array, "n h w 3"]:
    """Pictures in [-1, 1] as they come back from JPEG files of their qualities (1 to 100), chroma at half size.

    Blocks begin at the first pixel; at the right and the bottom, borders are repeated. Chroma is enlarged by repetition
    where libraries smooth it. Rounding stops gradients. Source: ITU-T T.81, annexes A and K; quality as in libjpeg.
    """
    height, width = x.shape[1:3]
    padded = jnp.pad(x, ((0, 0), (0, -height % 16), (0, -width % 16), (0, 0)), mode="edge")
    planes = jnp.einsum("nhwc,dc->dnhw", (padded + 1) * 127.5, _YCC) - jnp.asarray([128.0, 0, 0])[:, None, None, None]
    scale = jnp.where(quality < 50, 5000 / quality, 200 - 2 * quality)
    luma, chroma = (_tables(scale, table) for table in (_luma_table(), _chroma_table()))
    y = _quantised(planes[0], luma)
    colours = [jnp.repeat(jnp.repeat(_quantised(_halved(p), chroma), 2, 1), 2, 2) for p in planes[1:]]
    rgb = jnp.einsum("dnhw,cd->nhwc", jnp.stack([y + 128, *colours]), np.linalg.inv(_YCC).astype(np.float32))
    return (jnp.clip(jnp.round(rgb), 0, 255) / 127.5 - 1)[:, :height, :width]


def _blurred(key: PRNGKey, x: Array) -> Array:
    return blur(x, _uniform(key, (len(x), 2), BLUR))


def _noisy(key: PRNGKey, x: Array) -> Array:
    """Of every second picture the noise has no colour."""
    strength, colour, noise = jax.random.split(key, 3)
    drawn = jax.random.normal(noise, x.shape)
    grey = jax.random.bernoulli(colour, 0.5, (len(x), 1, 1, 1))
    drawn = jnp.where(grey, drawn[..., :1], drawn)
    return jnp.clip(x + drawn * _uniform(strength, (len(x), 1, 1, 1), NOISE) / 127.5, -1, 1)


def _compressed(key: PRNGKey, x: Array) -> Array:
    """The blocks of a batch begin anywhere: the picture was larger than what is seen of it."""
    strength, place = jax.random.split(key)
    down, right = jax.random.randint(place, (2,), 0, 16)
    rolled = jnp.roll(jnp.pad(x, ((0, 0), (16, 16), (16, 16), (0, 0)), mode="edge"), (down, right), (1, 2))
    changed = jnp.roll(jpeg(rolled, _uniform(strength, (len(x),), QUALITY)), (-down, -right), (1, 2))
    return changed[:, 16:-16, 16:-16]


def _uniform(key: PRNGKey, shape: tuple[int, ...], range_: tuple[float, float]) -> Array:
    return jax.random.uniform(key, shape, minval=range_[0], maxval=range_[1])


def _luma_table() -> np.ndarray:
    return np.array(_LUMA.split(), np.float32).reshape(8, 8)


def _chroma_table() -> np.ndarray:
    table = np.full((8, 8), 99, np.float32)
    table[:4, :4] = np.array(_CHROMA.split(), np.float32).reshape(4, 4)
    return table


def _tables(scale: Array, table: np.ndarray) -> Array:
    """A table of each picture, `[n, 8, 8]`."""
    return jnp.clip(jnp.floor((table[None] * scale[:, None, None] + 50) / 100), 1, 255)


def _halved(plane: Array) -> Array:
    n, height, width = plane.shape
    return plane.reshape(n, height // 2, 2, width // 2, 2).mean((2, 4))


def _quantised(plane: Array, tables: Array) -> Array:
    """A plane whose 8x8 blocks went through the discrete cosine transform, rounding by the table, and back."""
    n, height, width = plane.shape
    k = np.arange(8)
    basis = np.cos((2 * k[None] + 1) * k[:, None] * np.pi / 16) / 2
    basis[0] /= 2**0.5
    basis = jnp.asarray(basis, jnp.float32)
    blocks = plane.reshape(n, height // 8, 8, width // 8, 8)
    found = jnp.einsum("ai,bj,nyixj->nyaxb", basis, basis, blocks)
    step = tables[:, None, :, None, :]
    return jnp.einsum("ai,bj,nyaxb->nyixj", basis, basis, jnp.round(found / step) * step).reshape(n, height, width)
