"""The vocabulary of array types; axis letters are defined here and nowhere else.

`b` images in a batch, `h w c` height, width, channels, `s` streams (sub-networks of a round), `n` architectures in a
population, `k` choices of a search space. Images are float32 in [-1, 1], channels last.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

Image: TypeAlias = Float[Array, "h w c"]
Images: TypeAlias = Float[Array, "b h w c"]
Streams: TypeAlias = Float[Array, "s b h w c"]
Arch: TypeAlias = Int[Array, " k"] | Int[np.ndarray, " k"]
Archs: TypeAlias = Int[Array, "*n k"] | Int[np.ndarray, "*n k"]
Mask: TypeAlias = Bool[Array, "*n k"] | Bool[np.ndarray, "*n k"]
Params: TypeAlias = Mapping[str, Any]
PRNGKey: TypeAlias = Key[Array, ""]
Scalar: TypeAlias = Float[Array, ""]
Spec: TypeAlias = jax.ShapeDtypeStruct


class Unit(NamedTuple):
    """A piece of a network whose cost depends on few choices; a supernet lists them, `cost` tabulates them.

    `build({choice: option index for each of choices})` returns `(fn, params, x)`: a function `fn(params, x)` with the
    shapes of its static params and input, or None where the piece is absent.
    """

    name: str
    choices: tuple[str, ...]
    build: Callable[[Mapping[str, int]], tuple[Callable[..., Any], Any, Any] | None]
