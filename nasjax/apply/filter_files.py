"""Photo filters on images in memory, and from file to file."""

from typing import Any

import jax
import numpy as np
from PIL import Image

from nasjax.apply.arrays import as_array, check_floats
from nasjax.apply.files import Change
from nasjax.apply.filtering import Filter, apply_filter, check_strength, load_filter
from nasjax.apply.images import AnyImage
from nasjax.apply.picture import Picture, from_pillow, to_pillow
from nasjax.apply.select import Location


def filter_image(image: AnyImage, model: Filter | Location, *, strength: float = 1.0, wrap: bool = False) -> AnyImage:
    """One image through a photo filter; the same kind of image comes back, of the same size.

    `model`: the name of a shipped filter, a bundle, a run folder, or what `load_filter` made of one, which saves
    loading it again. A Pillow picture of any mode gives an 8-bit one with its profile and EXIF; arrays are `[h, w, 3]`,
    uint8 or float in [-1, 1]. `strength` and `wrap` as in `apply_filter`. Raises ValueError for another type, shape or
    range (NaN is in none), for the name of a file, and for another strength or model.
    """
    loaded = model if isinstance(model, Filter) else load_filter(model)
    if isinstance(image, Image.Image):
        return to_pillow(apply_filter(loaded, from_pillow(image), strength=strength, wrap=wrap))
    array: Any = as_array(image, "filter_image")
    if array.ndim != 3 or array.shape[-1] != 3 or 0 in array.shape:
        raise ValueError(f"filter_image: expected an image [h, w, 3], got the shape {array.shape}")
    if array.dtype != np.uint8 and not np.issubdtype(array.dtype, np.floating):
        raise ValueError(f"filter_image: expected uint8 or float in [-1, 1], got {array.dtype}")
    if array.dtype != np.uint8:
        check_floats(array, "filter_image")
        array = array.astype(np.float32)
    output = apply_filter(loaded, Picture(array), strength=strength, wrap=wrap).pixels
    same: Any = jax.numpy.asarray(output) if isinstance(image, jax.Array) else output
    return same


def filter_change(model: Filter | Location, *, strength: float, wrap: bool) -> Change:
    """What `nasjax filter` makes of a picture; raises ValueError as `load_filter`, and for the strength."""
    check_strength(strength)
    loaded = model if isinstance(model, Filter) else load_filter(model)
    return Change(
        lambda picture: apply_filter(loaded, picture, strength=strength, wrap=wrap),
        size_fn=lambda size: size,
        settings={**loaded.settings, "strength": strength, "wrap": wrap},
        refuse_fn=loaded.refuse_fn,
    )
