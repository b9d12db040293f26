"""The models that a service offers: a name, a kind, and a function from a picture and options to a picture."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from nasjax.apply import stylize
from nasjax.apply.files import bundle_folder
from nasjax.apply.filtering import SHIPPED as FILTERS
from nasjax.apply.filtering import apply_filter, load_filter, shipped_filters
from nasjax.apply.images import enlarge
from nasjax.apply.photo import as_colours, in_colours_of
from nasjax.apply.picture import Picture
from nasjax.apply.stylize_files import Pair, restyle
from nasjax.apply.upscalers import FOLDER
from nasjax.export.bundle import ARCH, CARD, load_bundle
from nasjax.export.stylist import load_style_network
from nasjax.files import read_json


class EditOptions(NamedTuple):
    """What a caller chooses: how much of the change, 0 to 1, the style of a model that takes one, and whether it wraps.

    `wrap`: left and right borders of the picture belong together (360-degree pictures); every model has it.
    """

    strength: float = 1.0
    style: Picture | None = None
    wrap: bool = False


_Change: TypeAlias = Callable[[Picture, EditOptions], Picture]


class Kind(NamedTuple):
    """What a model takes beside the picture, and how one is loaded from its folder."""

    style: bool
    strength: bool
    load: Callable[[Path], _Change]


class Model(NamedTuple):
    """A loaded model. `scale`: how many times as wide and high its output is; `card`: what its folder says of it."""

    name: str
    kind: str
    scale: int
    card: Mapping[str, Any]
    change: _Change

    @property
    def takes_style(self) -> bool:
        """Whether a second picture is needed, whose light and colour the first one gets."""
        return KINDS[self.kind].style

    @property
    def takes_strength(self) -> bool:
        """Whether there is less than the whole change."""
        return KINDS[self.kind].strength


def edit(model: Model, picture: Picture, options: EditOptions = EditOptions()) -> Picture:  # noqa: B008 - immutable
    """The picture as the model makes it; raises ValueError for options that the model does not have (`check`)."""
    check(model, options.strength, style=options.style is not None)
    return model.change(picture, options)


def check(model: Model, strength: float, *, style: bool) -> None:
    """Raise ValueError unless the model takes that strength and, or instead, a style."""
    if not 0 <= strength <= 1:
        raise ValueError(f"strength must be 0 to 1, got {strength:g}")
    if strength != 1 and not model.takes_strength:
        raise ValueError(f"model {model.name!r} has no strength; leave it out")
    if style != model.takes_style:
        need = "needs a second picture, 'style'" if model.takes_style else "takes no 'style'"
        raise ValueError(f"model {model.name!r} {need}")


def load_models(own: Sequence[tuple[str, Path]]) -> dict[str, Model]:
    """The models that come with the package and a user's own, (name, folder), by name.

    A folder is a bundle, a stylising network, or a run that exported one. ValueError where it is neither, and for a
    name that is not of letters, digits, dots, dashes and underscores, or taken.
    """
    named = [*SHIPPED.items(), *own]
    for name, folder in own:
        if not name or len(name) > 64 or not all(c.isascii() and (c.isalnum() or c in "._-") for c in name):
            raise ValueError(f"serve: a model's name has letters, digits, '.', '_' and '-', at most 64; got {name!r}")
        if [other for other, _ in named].count(name) > 1:
            raise ValueError(f"serve: there are two models {name!r}; call that of {folder} otherwise")
    return {name: _load(name, folder) for name, folder in named}


def _load(name: str, folder: Path) -> Model:
    folder = bundle_folder(folder)
    for file in (CARD, ARCH):
        if not (folder / file).is_file():
            raise ValueError(f"serve: model {name!r}: {folder} has no {file}; it is no bundle and no stylising network")
    card, kind = read_json(folder / CARD), _kind_of(folder)
    return Model(name, kind, int(card.get("scale", 1)), card, KINDS[kind].load(folder))


def _kind_of(folder: Path) -> str:
    if (read_json(folder / ARCH).get("builder") or {}).get("name") == "photonet":
        return "style"
    return "filter" if read_json(folder / CARD).get("scale") == 1 else "enlarge"


def _enlarge(folder: Path) -> _Change:
    bundle = load_bundle(folder)
    return lambda picture, options: enlarge(bundle, picture, wrap=options.wrap)


def _filter(folder: Path) -> _Change:
    loaded = load_filter(folder)
    return lambda picture, options: apply_filter(loaded, picture, strength=options.strength, wrap=options.wrap)


def _style(folder: Path) -> _Change:
    load_style_network(folder)  # a damaged one is told of now, and not to the first caller

    def change(picture: Picture, options: EditOptions) -> Picture:
        assert options.style is not None
        content = as_colours(picture)
        pair = Pair(content, in_colours_of(as_colours(options.style), content), (None, None))
        return restyle(pair, stylize.StyleOptions(alpha=options.strength, network=folder, wrap=options.wrap))

    return change


KINDS: Mapping[str, Kind] = {
    "enlarge": Kind(style=False, strength=False, load=_enlarge),
    "filter": Kind(style=False, strength=True, load=_filter),
    "style": Kind(style=True, strength=True, load=_style),
}
# What comes with the package, by the name that callers know it by; the folder says of which kind it is.
SHIPPED: Mapping[str, Path] = {
    "stylize": stylize.SHIPPED,
    **{f"upscale-{path.name.replace('_', '-')}": path for path in sorted(FOLDER.iterdir()) if path.is_dir()},
    **{name: FILTERS / name for name in shipped_filters()},
}
