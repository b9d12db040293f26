"""How far two sets of photographs are apart in their light, so how far it is moved where a filter learns to undo it."""

import numpy as np

from nasjax.data.source import Source

# Of `losses.MOVES`: a set of few pictures, or of grey ones, does not ask for more.
_MOST = (2.5, 1.0, 0.5, 1.0, 0.8)
_GAMMA = 2.2  # light is taken for this power of levels
_PICTURES, _SIDE = 100, 64  # of a set, and about how many pixels a side of each, are looked at
_FAINT = (1e-3, 1e-2)  # of light and of levels: what a picture without any is taken for


def moves_between(inputs: Source, targets: Source) -> tuple[float, ...]:
    """How far each light of `losses.moved_colours` must be moved for the targets to be as unlike as the inputs are.

    Per picture: stops of exposure, of red against blue, of green, of saturation, and of contrast. Each is moved evenly
    as far as explains how much more the inputs vary and what their mean is away by, less a standard error of both: what
    two sets have in common is left alone. 0 where nothing is between them.
    """
    ours, wanted = _lights(inputs), _lights(targets)
    n, m = len(ours), len(wanted)
    var, other = ours.var(0), wanted.var(0)
    wider = var - other - np.sqrt(2 * (var**2 / n + other**2 / m))
    off = np.abs(ours.mean(0) - wanted.mean(0)) - np.sqrt(var / n + other / m)
    # An even distribution of half its width 1 has a variance of a third.
    far = np.sqrt(3 * (np.maximum(wider, 0) + np.maximum(off, 0) ** 2))
    return tuple(round(float(x), 2) for x in np.minimum(far, _MOST))


def _lights(source: Source) -> np.ndarray:
    """`[n, 5]`: exposure, red against blue, green, saturation and contrast of each picture, in stops."""
    steps = max(1, len(source) // _PICTURES)
    return np.stack([_light(source[i]["image"]) for i in range(0, len(source), steps)])


def _light(pixels: np.ndarray) -> np.ndarray:
    step = max(1, min(pixels.shape[:2]) // _SIDE)
    levels = pixels[::step, ::step].reshape(-1, 3) / 255
    light = (levels**_GAMMA).mean(0)
    red, green, blue = np.log2(light + _FAINT[0])
    vivid = np.abs(levels - levels.mean(1, keepdims=True)).mean()
    exposure, warm, tint = np.log2(light.mean() + _FAINT[0]), (red - blue) / 2, green - (red + blue) / 2
    return np.array([exposure, warm, tint, np.log2(vivid + _FAINT[1]), np.log2(levels.std() + _FAINT[1])])
