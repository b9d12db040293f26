"""What people correct photographs with who have no network: several methods a correction, by well-kept libraries.

scikit-image (extra `bench`) and Pillow; what neither has is written here from its paper. Pictures are levels
`[h, w, 3]` of 8 bits. No method is told how a picture was made worse: parameters are fixed, in the middle of what
`nasjax.data.degrade` does where they stand for it (the radius of a blur).
"""

from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image, ImageFilter, ImageOps
from scipy.ndimage import minimum_filter, uniform_filter
from skimage import exposure, morphology, restoration

from nasjax.data.degrade import from_light, to_light

Method = Callable[[np.ndarray], np.ndarray]
_LUMA = np.array([0.299, 0.587, 0.114])
_GREY_CARD = 0.18  # of the light, what a light meter takes a scene for
_RADIUS = 1.75  # of a blur, in pixels


def methods() -> Mapping[str, Mapping[str, Method]]:
    """Correction -> label -> method."""
    return {
        "dejpeg": {
            "median 3x3": by_pillow(lambda image: image.filter(ImageFilter.MedianFilter(3))),
            "bilateral": by_units(lambda x: restoration.denoise_bilateral(x, 5, 0.05, 1.5, channel_axis=-1)),
            "total variation": by_units(lambda x: restoration.denoise_tv_chambolle(x, 0.02, channel_axis=-1)),
            "non-local means": by_units(_non_local_means),
        },
        "deblur": {
            "unsharp mask": by_pillow(lambda image: image.filter(ImageFilter.UnsharpMask(2, 150, 0))),
            "Richardson-Lucy": by_units(by_channels(lambda x: restoration.richardson_lucy(x, _disc(_RADIUS), 10))),
            "Wiener": by_units(by_channels(lambda x: restoration.wiener(x, _disc(_RADIUS), 0.05))),
        },
        "dehaze": {
            "autocontrast": by_pillow(lambda image: ImageOps.autocontrast(image, cutoff=0.5)),
            "CLAHE": by_units(lambda x: exposure.equalize_adapthist(x, clip_limit=0.01)),
            "dark channel": by_units(dark_channel),
        },
        "exposure": {
            "autocontrast": by_pillow(lambda image: ImageOps.autocontrast(image, cutoff=0.5)),
            "CLAHE": by_units(lambda x: exposure.equalize_adapthist(x, clip_limit=0.01)),
            "equalised": by_units(_equalised),
            "18 % grey": by_units(_grey_card),
        },
        "whitebalance": {
            "grey world": by_units(lambda x: balanced(x, 1)),
            "shades of grey": by_units(lambda x: balanced(x, 6)),
            "white patch": by_units(_white_patch),
        },
    }


def by_pillow(change: Callable[[Image.Image], Image.Image]) -> Method:
    """A change of Pillow pictures, of arrays."""
    return lambda pixels: np.asarray(change(Image.fromarray(pixels)))


def by_units(change: Callable[[np.ndarray], np.ndarray]) -> Method:
    """A change of values from 0 to 1, of levels."""
    return lambda pixels: np.round(change(pixels / 255).clip(0, 1) * 255).astype(np.uint8)


def by_channels(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """A change of one colour, of all; borders are mirrored, which deconvolutions would take for edges."""

    def changed(x: np.ndarray) -> np.ndarray:
        wide = np.pad(x, ((16, 16), (16, 16), (0, 0)), mode="reflect")
        return np.stack([change(wide[..., k])[16:-16, 16:-16] for k in range(3)], -1)

    return changed


def balanced(x: np.ndarray, norm: float) -> np.ndarray:
    """The light is what the Minkowski norm of each colour says: 1 is grey world, 6 shades of grey.

    Finlayson and Trezzi, Shades of Gray and Colour Constancy (CIC 2004), equation 8; in linear light.
    """
    light = to_light(x.astype(np.float32))
    return _gained(light, (light**norm).mean((0, 1)) ** (1 / norm))


def dark_channel(x: np.ndarray, *, side: int = 15, keep: float = 0.95, least: float = 0.1) -> np.ndarray:
    """He, Sun and Tang, Single Image Haze Removal Using Dark Channel Prior (CVPR 2009), sections 4.1 to 4.4.

    The transmission is refined by their guided filter (ECCV 2010) in place of soft matting.
    """
    dark = minimum_filter(x.min(-1), side)
    brightest = dark >= np.quantile(dark, 0.999)
    air = x[brightest][np.argmax(x[brightest].sum(-1))]
    rough = 1 - keep * minimum_filter((x / np.maximum(air, 1e-3)).min(-1), side)
    transmission = _guided(rough, x @ _LUMA, radius=4 * side, epsilon=1e-3)
    return (x - air) / np.maximum(transmission, least)[..., None] + air


def _guided(x: np.ndarray, guide: np.ndarray, *, radius: int, epsilon: float) -> np.ndarray:
    """Values `[h, w]` made smooth where their guide is (He, Sun and Tang, Guided Image Filtering, equation 8)."""

    def mean(z: np.ndarray) -> np.ndarray:
        return uniform_filter(z, 2 * radius + 1)

    slope = (mean(x * guide) - mean(x) * mean(guide)) / (mean(guide**2) - mean(guide) ** 2 + epsilon)
    return mean(slope) * guide + mean(mean(x) - slope * mean(guide))


def _white_patch(x: np.ndarray) -> np.ndarray:
    """What is brightest in each colour is white; of a percentile, since levels end."""
    light = to_light(x.astype(np.float32))
    return _gained(light, np.quantile(light, 0.99, axis=(0, 1)))


def _gained(light: np.ndarray, illuminant: np.ndarray) -> np.ndarray:
    """The light as it is under white, as bright as before."""
    gains = illuminant.mean() / np.maximum(illuminant, 1e-6)
    after = light * gains
    return from_light(after * ((light @ _LUMA).mean() / max((after @ _LUMA).mean(), 1e-6)))


def _grey_card(x: np.ndarray) -> np.ndarray:
    """As a camera meters: the mean of the light becomes that of a grey card."""
    light = to_light(x.astype(np.float32))
    return from_light(light * (_GREY_CARD / max((light @ _LUMA).mean(), 1e-6)))


def _equalised(x: np.ndarray) -> np.ndarray:
    """The histogram of brightness made even; colours keep their proportions."""
    luma = x @ _LUMA
    return x * (exposure.equalize_hist(luma) / np.maximum(luma, 1e-3))[..., None]


def _non_local_means(x: np.ndarray) -> np.ndarray:
    return restoration.denoise_nl_means(x, patch_size=5, patch_distance=6, h=0.03, channel_axis=-1)


def _disc(radius: float) -> np.ndarray:
    """A disc of any radius: drawn eight times as large, and averaged."""
    side = 2 * int(np.ceil(radius)) + 1
    fine = morphology.disk(round(8 * radius))
    room = np.zeros((8 * side, 8 * side))
    start = (8 * side - fine.shape[0]) // 2
    room[start : start + fine.shape[0], start : start + fine.shape[1]] = fine
    disc = room.reshape(side, 8, side, 8).mean((1, 3))
    return disc / disc.sum()
