"""The terms that a generator of a translation may be trained by: each a small function of one scene, by its name."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple
from zlib import crc32

import jax
from jaxtyping import Array

from nasjax.losses import (
    adapted_mse,
    contrastive_loss,
    feature_loss,
    gram_alignment,
    kept_directions,
    kept_edges,
    kept_features,
    l1,
    lpips_loss,
    moved_colours,
    ssim_loss,
    style_loss,
    total_variation,
)
from nasjax.task import Players
from nasjax.tasks.networks import Fixed, Networks
from nasjax.typing import Archs, PRNGKey, Scalar

GENERATOR, BACK, HEADS, ADAPTERS = "generator", "back", "heads", "adapters"


class Scene(NamedTuple):
    """One step as the terms see it: images of all streams `[s, b, h, w, 3]`, the generator's and its companions'."""

    params: Players
    plan: Archs
    key: PRNGKey
    x: Array
    target: Array
    y: Array  # the generator's outputs
    z: Any  # the outputs of the way back from `target`, None without a cycle
    learned: Mapping[str, Array]  # the generator's features
    taught: Any  # the teacher's outputs and features, None without one


_TermFn = Callable[[Scene], Scalar]


class Settings(NamedTuple):
    """What some terms are made with: places and temperature of the contrast, and how far light is moved."""

    places: int
    tau: float
    moves: Sequence[float]


def terms(weights: Mapping[str, float], networks: Networks, settings: Settings) -> dict[str, tuple[float, _TermFn]]:
    """The terms whose weight is not 0, as (weight, function of a scene).

    ValueError naming the network that a term lacks, or the unknown term.
    """
    found: dict[str, tuple[float, _TermFn]] = {}
    for name, weight in weights.items():
        if name not in _TERMS:
            raise ValueError(f"translation: unknown term {name!r}; allowed: {', '.join(_TERMS)}")
        needs, make = _TERMS[name]
        if missing := [need for need in needs if weight and getattr(networks, need) is None]:
            raise ValueError(f"translation: the term {name!r} needs networks.{missing[0]}")
        if weight:
            found[name] = (weight, make(networks, settings))
    return found


def merged(x: Array) -> Array:
    """Images or features of all streams as one batch."""
    return x.reshape(-1, *x.shape[2:])


_MakeFn = Callable[[Networks, Settings], _TermFn]


def _fixed(network: Fixed | None) -> Fixed:
    assert network is not None  # `terms` has looked
    return network


def _perceptual(networks: Networks, settings: Settings) -> _TermFn:
    net = _fixed(networks.encoder)
    return lambda s: feature_loss(net.apply, net.params, s.y, target=s.target, levels=net.levels)


def _lpips(networks: Networks, settings: Settings) -> _TermFn:
    net = _fixed(networks.lpips)
    return lambda s: lpips_loss(net.apply, net.params, s.y, target=s.target)


def _cycle(networks: Networks, settings: Settings) -> _TermFn:
    """There and back again, from both ends (CycleGAN, arXiv 1703.10593, equation 2)."""

    def term(s: Scene) -> Scalar:
        return l1(_back(networks, s, s.y), s.x) + l1(_forth(networks, s, s.z), s.target)

    return term


def _identity(networks: Networks, settings: Settings) -> _TermFn:
    """What is in a domain already stays as it is (same source, section 5.2)."""

    def term(s: Scene) -> Scalar:
        return l1(_forth(networks, s, s.target), s.target) + l1(_back(networks, s, s.x), s.x)

    return term


def _contrast(networks: Networks, settings: Settings) -> _TermFn:
    """Patches of the output recall those of the input (CUT, arXiv 2007.15651, equation 4)."""
    return lambda s: _nce(networks, s, s.y, s.x, settings)


def _contrast_identity(networks: Networks, settings: Settings) -> _TermFn:
    """The same for a picture of the target domain, which should stay (same source, equation 5)."""
    return lambda s: _nce(networks, s, _forth(networks, s, s.target), s.target, settings)


def _moved(networks: Networks, settings: Settings) -> _TermFn:
    """Pictures whose light and colours were moved at random are made what they were, in either domain."""

    def term(s: Scene) -> Scalar:
        keys = [jax.random.fold_in(s.key, crc32(name)) for name in (b"moved target", b"moved input")]
        value = l1(_forth(networks, s, moved_colours(s.target, keys[0], settings.moves)), s.target)
        if s.z is None:
            return value
        return value + l1(_back(networks, s, moved_colours(s.x, keys[1], settings.moves)), s.x)

    return term


def _kept(loss_fn: Callable[..., Scalar]) -> _MakeFn:
    """What outputs keep of their inputs, both ways where there are two."""

    def both(s: Scene) -> Scalar:
        value = loss_fn(s.y, of=s.x)
        return value if s.z is None else value + loss_fn(s.z, of=s.target)

    return lambda networks, settings: both


def _kept_features(networks: Networks, settings: Settings) -> _TermFn:
    net = _fixed(networks.encoder)
    loss_fn = partial(kept_features, net.apply, net.params, levels=net.levels)
    return _kept(loss_fn)(networks, settings)


def _output(networks: Networks, settings: Settings) -> _TermFn:
    return lambda s: l1(s.y, s.taught[0])


def _features(networks: Networks, settings: Settings) -> _TermFn:
    return lambda s: adapted_mse(s.params[ADAPTERS], s.learned, s.taught[1])


def _alignment(networks: Networks, settings: Settings) -> _TermFn:
    """Stream by stream: what a sub-network has masked must not lower the similarity of the others."""
    return lambda s: jax.vmap(gram_alignment)({k: s.learned[k] for k in s.taught[1]}, dict(s.taught[1])).mean()


def _ssim(networks: Networks, settings: Settings) -> _TermFn:
    return lambda s: ssim_loss(s.y, s.taught[0])


def _likeness(networks: Networks, settings: Settings) -> _TermFn:
    net = _fixed(networks.encoder)
    return lambda s: feature_loss(net.apply, net.params, s.y, target=s.taught[0], levels=net.levels)


def _style(networks: Networks, settings: Settings) -> _TermFn:
    net = _fixed(networks.encoder)

    def encoded(x: Array) -> list[Array]:
        features = net.apply(jax.lax.stop_gradient(net.params), x)
        return [features[level - 1] for level in net.levels]

    return lambda s: style_loss(encoded(s.y), encoded(s.taught[0]))


# Name -> the networks that it needs, and what makes its function.
_TERMS: dict[str, tuple[tuple[str, ...], _MakeFn]] = {
    "l1": ((), lambda networks, settings: lambda s: l1(s.y, s.target)),
    "perceptual": (("encoder",), _perceptual),
    "lpips": (("lpips",), _lpips),
    "cycle": (("back",), _cycle),
    "identity": (("back",), _identity),
    "contrast": (("tapped",), _contrast),
    "contrast_identity": (("tapped",), _contrast_identity),
    "moved": ((), _moved),
    "kept_features": (("encoder",), _kept_features),
    "kept_edges": ((), _kept(kept_edges)),
    "kept_directions": ((), _kept(kept_directions)),
    "output": (("teacher",), _output),
    "features": (("teacher", "tapped"), _features),
    "alignment": (("teacher", "tapped"), _alignment),
    "ssim": (("teacher",), _ssim),
    "likeness": (("teacher", "encoder"), _likeness),
    "style": (("teacher", "encoder"), _style),
    "variation": ((), lambda networks, settings: lambda s: total_variation(s.y)),
}


def _forth(networks: Networks, s: Scene, x: Array) -> Array:
    return networks.generator.forward(s.params[GENERATOR], s.plan, x)


def _back(networks: Networks, s: Scene, x: Array) -> Array:
    assert networks.back is not None
    return networks.back.forward(s.params[BACK], s.plan, x)


def _nce(networks: Networks, s: Scene, output: Array, source: Array, settings: Settings) -> Scalar:
    """Features of output and source by the generator itself, layer by layer."""
    assert networks.tapped is not None
    pair = [networks.tapped.forward(s.params[GENERATOR], s.plan, x)[1] for x in (output, source)]
    ours, theirs = ([merged(f) for f in features.values()] for features in pair)
    return contrastive_loss(s.params[HEADS], ours, theirs, key=s.key, num=settings.places, tau=settings.tau)
