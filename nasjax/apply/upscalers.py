"""The super-resolution networks that come with the package, and a picture through one of them."""

import functools
from pathlib import Path
from typing import Any

from nasjax.apply import images
from nasjax.export.bundle import Bundle, load_bundle

FOLDER = Path(__file__).parent / "models"
"""One bundle a network and scale, named as `medium_x4`."""


def upscale(image: Any, model: str | Any = "medium", *, scale: int = 4) -> Any:
    """The picture `scale` times as large, of the same kind as `image`: a Pillow picture or an array.

    `model` is the name of a network that comes with the package (`upscalers`), or a loaded bundle, whose own scale then
    counts; `upscale(bundle, image)` is the same. Kinds and ranges of images as `apply.images.upscale` has them. Raises
    ValueError for another kind, and for a model or scale that there is none of, naming those there are.
    """
    image, model = (model, image) if isinstance(image, Bundle) else (image, model)
    return images.upscale(model if isinstance(model, Bundle) else load_upscaler(model, scale), image)


@functools.cache
def load_upscaler(model: str = "medium", scale: int = 4) -> Bundle:
    """The bundle of a network that comes with the package; loaded once. Raises ValueError as `upscaler_folder`."""
    return load_bundle(upscaler_folder(model, scale))


def upscaler_folder(model: str, scale: int) -> Path:
    """The bundle's folder of a network that comes with the package.

    Raises ValueError for a model or scale that there is none of, naming those there are.
    """
    found = upscalers()
    if model not in found:
        raise ValueError(f"upscale: unknown model {model!r}; there are: {', '.join(found)}")
    if scale not in found[model]:
        scales = ", ".join(map(str, found[model]))
        raise ValueError(f"upscale: model {model!r} enlarges by {scales}, not by {scale!r}")
    return FOLDER / f"{model}_x{scale}"


def upscalers() -> dict[str, tuple[int, ...]]:
    """The names of the networks that come with the package, and by what each enlarges."""
    names = sorted(path.name.rpartition("_x") for path in FOLDER.iterdir() if path.is_dir())
    return {model: tuple(int(s) for m, _, s in names if m == model) for model, _, _ in names}
