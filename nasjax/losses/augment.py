"""Pictures changed at random: DiffAugment (arXiv 2006.10738), and pictures in another light.

A discriminator of few pictures learns them by heart; one that sees them changed cannot, and since generated pictures
are changed alike, the generator does not learn the changes (section 3: T on real and fake images, in both
players' updates). Ranges are the paper's.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

from nasjax.ops.power import power
from nasjax.typing import PRNGKey

POLICIES = ("colour", "translation", "cutout")
_REACH = 0.125  # translation: at most this share of a side
_HOLE = 0.5  # cutout: this share of a side
_GAMMA = 2.2  # light is taken for this power of levels
MOVES = (1.5, 0.5, 0.15, 0.8, 0.4)  # stops of exposure, of red against blue, of green, of saturation, and of contrast


def diff_augment(x: Float[Array, "n h w c"], key: PRNGKey, policy: Sequence[str]) -> Float[Array, "n h w c"]:
    """Each image changed by its own draws from `key`, in the order of `policy` (of `POLICIES`); range [-1, 1].

    The n-th image of two calls with one key is changed alike. A multiple of three channels is several pictures that
    belong together (an input and its output, for a conditional discriminator): all are changed alike, so that they
    still do. What is moved in or cut out is 0. ValueError on an unknown word or another number of channels.
    """
    if unknown := [word for word in policy if word not in POLICIES]:
        raise ValueError(f"diff_augment: unknown {unknown[0]!r}; allowed: {', '.join(POLICIES)}")
    if x.shape[-1] % 3:
        raise ValueError(f"diff_augment: needs RGB pictures, 3 channels or a multiple, got {x.shape[-1]}")
    for word in policy:
        # By name: leaving one out, or changing the order, keeps the draws of the others.
        x = _CHANGES[word](x, jax.random.fold_in(key, POLICIES.index(word)))
    return x


def moved_colours(x: Float[Array, "*d h w 3"], key: PRNGKey, most: Sequence[float] = MOVES) -> Float[Array, "*d h w 3"]:
    """Each picture in another light: exposure, white balance, saturation and contrast drawn from `key`, evenly.

    Range [-1, 1]; what does not fit is clipped, as in a camera. `most` is how far each way, as `MOVES`. What learns to
    undo it learns which light and colours the pictures have (the initial training of a photo filter). No gradient flows
    to `x`.
    """
    moves = jax.random.uniform(key, (len(MOVES), *x.shape[:-3], 1, 1, 1), minval=-1.0)
    stops, warm, tint, vivid, steep = (m * far for m, far in zip(moves, most, strict=True))
    gains = 2 ** (stops + jnp.concatenate([warm, tint, -warm], -1))
    light = power(jnp.clip((lax.stop_gradient(x) + 1) / 2, 0, 1), _GAMMA) * gains
    levels = 2 * power(jnp.clip(light, 0, 1), 1 / _GAMMA) - 1
    grey = levels.mean(-1, keepdims=True)
    levels = grey + (levels - grey) * 2**vivid
    mean = levels.mean((-3, -2, -1), keepdims=True)
    return jnp.clip(mean + (levels - mean) * 2**steep, -1, 1)


def _colour(x: Array, key: PRNGKey) -> Array:
    """Brightness +- 0.5, saturation x 0 to 2, contrast x 0.5 to 1.5."""
    n, h, w, c = x.shape
    brightness, saturation, contrast = jax.random.uniform(key, (3, n, 1, 1, 1, 1))
    x = x.reshape(n, h, w, c // 3, 3) + (brightness - 0.5)
    grey = x.mean(-1, keepdims=True)
    x = grey + (x - grey) * (2 * saturation)
    mean = x.mean((1, 2, 4), keepdims=True)
    return (mean + (x - mean) * (0.5 + contrast)).reshape(n, h, w, c)


def _translation(x: Array, key: PRNGKey) -> Array:
    n, *sides, _ = x.shape
    for axis, (side, name) in enumerate(zip(sides, ("nij,njwc->niwc", "nij,nhjc->nhic"), strict=True)):
        reach = int(side * _REACH + 0.5)
        shift = jax.random.randint(jax.random.fold_in(key, axis), (n, 1, 1), -reach, reach + 1)
        # A product with a shifted identity: as fast as a look-up, and so is its gradient.
        moved = jnp.arange(side).reshape(1, -1, 1) - shift == jnp.arange(side).reshape(1, 1, -1)
        x = jnp.einsum(name, moved.astype(x.dtype), x, precision=lax.Precision.HIGHEST)
    return x


def _cutout(x: Array, key: PRNGKey) -> Array:
    n, *sides, _ = x.shape
    rows, columns = (_hole(side, n, jax.random.fold_in(key, axis)) for axis, side in enumerate(sides))
    hole = rows[:, :, None] & columns[:, None, :]
    return jnp.where(hole[..., None], 0.0, x)


def _hole(side: int, n: int, key: PRNGKey) -> Bool[Array, "n side"]:
    """The part of a side that is cut out: half of it, around a place anywhere, hence less at the borders."""
    size = int(side * _HOLE + 0.5)
    first = jax.random.randint(key, (n, 1), 0, side + (1 - size % 2)) - size // 2
    at = jnp.arange(side)[None]
    return (first <= at) & (at < first + size)


_CHANGES = {"colour": _colour, "translation": _translation, "cutout": _cutout}
