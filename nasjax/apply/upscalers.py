"""The super-resolution networks that come with the package, and a picture through one of them."""

import functools
from pathlib import Path
from typing import Any, overload

import jax

from nasjax.apply import images
from nasjax.export.bundle import Bundle, load_bundle
from nasjax.export.forgetful import forgetful
from nasjax.ops.params import interpolate

FOLDER = Path(__file__).parent / "models"
"""One bundle a network and scale, named as `medium_x4`."""

PERCEPTUAL = "-perceptual"
"""Behind the name of a network: the same network with weights that look sharp, as in `medium-perceptual_x4`."""


@overload
def upscale(
    image: images.AnyImage,
    model: str | Bundle = "medium",
    *,
    scale: float | int = 4,
    sharpness: float | int = 0,
    wrap: bool = False,
) -> images.AnyImage:
    """A picture through a network by name, or through a loaded bundle."""


@overload
def upscale(image: Bundle, model: images.AnyImage, *, wrap: bool = False) -> images.AnyImage:
    """The same, the bundle first."""


def upscale(
    image: Any, model: Any = "medium", *, scale: float | int = 4, sharpness: float | int = 0, wrap: bool = False
) -> Any:
    """The picture `scale` times as large, of the same kind as `image`: a Pillow picture or an array.

    `model` is the name of a network that comes with the package (`upscalers`), or a loaded bundle, whose own scale then
    counts; `upscale(bundle, image)` is the same. `sharpness`, 0 to 1, as of `load_upscaler`; not for a loaded bundle.
    `wrap`: left and right borders belong together (360-degree pictures). Kinds and ranges of images as
    `apply.images.upscale` has them. Raises ValueError for another kind, and for a model, scale or sharpness that there
    is none of, naming those there are.
    """
    image, model = (model, image) if isinstance(image, Bundle) else (image, model)
    if isinstance(model, Bundle) and sharpness != 0:
        raise ValueError(
            f"upscale: sharpness {sharpness!r} is for networks that come with the package, by name; of two bundles "
            "of your own, `apply.upscalers.blended` makes the one to give"
        )
    bundle = model if isinstance(model, Bundle) else load_upscaler(model, scale, sharpness=sharpness)
    return images.upscale(bundle, image, wrap=wrap)


def load_upscaler(model: str = "medium", scale: float | int = 4, *, sharpness: float | int = 0) -> Bundle:
    """The bundle of a network that comes with the package; its files are read once.

    `sharpness`, 0 to 1, is how far its weights are from those that are closest to the truth (0) to those that look
    sharpest (1; `blended`). Raises ValueError as `upscaler_folder`, and for a sharpness that there is none of, naming
    those there are.
    """
    fidelity = _loaded(upscaler_folder(model, scale))
    if sharpness is None or isinstance(sharpness, str) or not 0 <= sharpness <= 1:
        raise ValueError(f"upscale: sharpness must be in 0..1, got {sharpness!r}")
    found = upscalers()
    if sharpness and scale not in found.get(f"{model}{PERCEPTUAL}", ()):
        raise ValueError(
            f"upscale: model {model!r} has no perceptual weights for x{scale}, so its sharpness must be 0, not "
            f"{sharpness!r}; there are: {_perceptual(found)}"
        )
    return (
        blended(fidelity, _loaded(upscaler_folder(f"{model}{PERCEPTUAL}", scale)), sharpness) if sharpness else fidelity
    )


def upscaler_folder(model: str, scale: float | int) -> Path:
    """The bundle's folder of a network that comes with the package.

    Raises ValueError for a model or scale that there is none of, naming those there are.
    """
    found = upscalers()
    if model not in found:
        names = ", ".join(name for name in found if not name.endswith(PERCEPTUAL))
        raise ValueError(
            f"upscale: unknown model {model!r}; there are: {names}; weights that look sharp, of {_perceptual(found)}, "
            "are asked for by --perceptual, or sharpness=1"
        )
    if scale not in found[model]:
        scales = ", ".join(map(str, found[model]))
        raise ValueError(f"upscale: model {model!r} enlarges by {scales}, not by {scale!r}")
    return FOLDER / f"{model}_x{int(scale)}"  # 4.0 is 4


def upscalers() -> dict[str, tuple[int, ...]]:
    """The names of the networks that come with the package, and by what each enlarges."""
    names = sorted(path.name.rpartition("_x") for path in FOLDER.iterdir() if path.is_dir())
    return {model: tuple(int(s) for m, _, s in names if m == model) for model, _, _ in names}


def blended(fidelity: Bundle, perceptual: Bundle, sharpness: float | int) -> Bundle:
    """A network between two of one architecture: `fidelity` itself at 0, `perceptual` itself at 1.

    Every weight is as far between theirs: network interpolation (ESRGAN, arXiv 1809.00219, section 3.4, equation 4),
    which, unlike a mean of their pictures, keeps what is sharp free of noise; it asks that the one was trained on from
    the other. The card is that of `perceptual` without its figures. Raises ValueError for two architectures, for a
    sharpness outside 0..1, and for a bundle that runs as a graph, whose weights are part of it.
    """
    if fidelity.arch != perceptual.arch:
        raise ValueError(f"blended: two bundles of one architecture are needed, got {fidelity} and {perceptual}")
    if (forward := fidelity.forward) is None:
        raise ValueError(f"blended: {fidelity} is a graph, whose weights cannot be changed")
    params = interpolate(fidelity.params, perceptual.params, sharpness)
    if sharpness in (0, 1):
        return perceptual if sharpness else fidelity
    run = forgetful(jax.jit(forward))
    names = f"{fidelity.card['name']} and {perceptual.card['name']}"
    card = {**perceptual.card, "name": f"between {names}, sharpness {sharpness:g}", "metrics": []}
    return fidelity._replace(apply=lambda x: run(params, x), params=params, card=card)


@functools.cache
def _loaded(folder: Path) -> Bundle:
    return load_bundle(folder)


def _perceptual(found: dict[str, tuple[int, ...]]) -> str:
    """What has weights of both kinds, in words."""
    both = {name.removesuffix(PERCEPTUAL): scales for name, scales in found.items() if name.endswith(PERCEPTUAL)}
    told = [f"{name} (x{', x'.join(map(str, scales))})" for name, scales in both.items() if name in found]
    return ", ".join(told) or "none"
