"""Image translation as a system: its settings, its networks, and what they are trained on and compared with."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import numpy as np

from nasjax.config import DataConfig, Experiment, check_first_steps
from nasjax.data.pipeline import patches
from nasjax.data.sides import LEAST, Sides, holding, large_enough, middles, open_sides
from nasjax.data.source import Source
from nasjax.export.teachers import load_teacher
from nasjax.nets.narrow import NARROW, load_narrow
from nasjax.nets.trunks import alexnet, load_trunk
from nasjax.nets.vgg import load_vgg16, vgg
from nasjax.sampling import Sampler, single
from nasjax.shown import Measure
from nasjax.spaces.features import feature_channels
from nasjax.spaces.resnet_generator import INNER, WIDTHS, ResnetGenerator, resnet_generator
from nasjax.spaces.teacher import Teacher, inherit
from nasjax.spaces.unet_generator import UNET_WIDTHS, UnetGenerator, unet_generator
from nasjax.system import Found, Ground, Networks, Rival, same_size
from nasjax.systems.translation.pictures import Held, held_out, strips
from nasjax.systems.translation.rivals import Shape, hand_scaled, usual
from nasjax.systems.translation.score import load_eyes, make_judge, make_reference, measure, measures, tested
from nasjax.systems.translation.settings import Comparison, Critic, Tutor, make_critic
from nasjax.systems.translation.teach import crops_of, outputs_of, teaching, window_of
from nasjax.task import Task
from nasjax.tasks.adversarial import Adversarial
from nasjax.tasks.base import Model, extracted_model
from nasjax.tasks.compression import beside
from nasjax.tasks.networks import Fixed, kept_teacher, live_teacher
from nasjax.tasks.networks import Networks as Players
from nasjax.tasks.translation import Translation, translation

ENCODED = (1, 2, 3)  # levels of the encoder that perceptual terms look at: those that come with the package
_PIX2PIX = Translation(pairs=True, l1=100.0, adversarial=Adversarial("hinge"))


@dataclass(frozen=True)
class ImageTranslation:
    """The search space of translating generators, how they are trained, and whose outputs they should make."""

    space: Literal["resnet", "unet"] = "resnet"
    # Of stem, down 1, down 2, up 1, up 2; of a U-Net level by level, as many as it halves; (): the usual ones.
    widths: tuple[tuple[int, ...], ...] = ()
    inner: tuple[int, ...] = INNER  # inner widths of a residual block; a U-Net has none, nor what the next three say
    blocks: int = 9  # most residual blocks
    ops: tuple[str, ...] = ("res", "sep", "ir", "incep")  # candidate operations of a block
    up: tuple[Literal["transposed", "nearest", "bilinear"], ...] = ("nearest",)  # and of an up-sampling
    norm: Literal["instance", "affine", "fixed"] = "instance"
    nominal: int | None = None  # place of the widths used before the channel stage; None: fitted to the budget
    recipe: Translation = _PIX2PIX  # what is trained by; its patch and batch are those of the experiment
    critic: Critic = field(default_factory=Critic)
    # Whose features perceptual terms compare: VGG16's, which cost more than a small network does, or those of what was
    # distilled from it into a quarter of its widths.
    encoder: Literal["vgg16", "narrow"] = "vgg16"
    teacher: str = ""  # a bundle, a .pth or .safetensors file, or "vintagify", whose outputs count as the truth
    part: str = ""  # which of several state dicts of the teacher's file
    crops: int = 0  # windows whose teacher's outputs are computed once and kept; 0: the teacher runs in each step
    # Their side, of which patches are cut: of a patch alone, a teacher that takes statistics makes another picture than
    # it makes of what is around it. As large as most pictures are, at most; None: a patch is all that it sees.
    window: int | None = None
    inherit: bool = True  # shared weights start from the teacher's
    tutor: Tutor | None = None  # instead of a teacher, one that is trained beside the networks
    size: int | None = None  # pixels that the shorter side of each picture is first made; None: as they are
    mirror: bool = True  # of augmentation, left and right alone: most things stand on their feet
    compare: Comparison = field(default_factory=Comparison)
    # The usual generator, scaled down to the found one's MACs in these ways, is trained and compared with; "residual"
    # is added to its input.
    rivals: tuple[Literal["narrower", "fewer blocks", "separable", "residual"], ...] = (
        "narrower",
        "fewer blocks",
        "separable",
    )

    def __post_init__(self) -> None:
        teaching = self.recipe.teaching
        if not self.teacher and (self.crops or (teaching is not None and self.tutor is None)):
            raise ValueError("config.system: recipe.teaching needs a teacher or a tutor, and crops need a teacher")
        if self.tutor is not None and (self.teacher or teaching is None or self.recipe.adversarial):
            raise ValueError(
                "config.system.tutor: it takes the place of a teacher, whom recipe.teaching follows, and of the game: "
                "choose teacher or tutor, give recipe.teaching, and no recipe.adversarial beside the tutor's own"
            )
        if self.crops and teaching is not None and max(teaching.features, teaching.alignment) > 0:
            raise ValueError("config.system.crops: features are not kept beside outputs; learn from them with crops=0")

    @property
    def title(self) -> str:
        """What it is called."""
        return "compression of a trained generator" if self.teacher else "image translation"

    def networks(self) -> Networks:
        """The space; where `nominal` is open, with narrower stand-ins to choose from."""
        return self._networks(self.nominal)

    def prepare(self, experiment: Experiment, networks: Networks) -> Ground:
        """Opens all pictures, and reads the teacher and the networks that pictures are compared by."""
        seen = _look(self, experiment)
        teacher = seen.teacher if self.inherit else None
        return Ground(
            seen.measures,
            objectives=(*(n for n, weight in seen.weights.items() if weight), experiment.cost),
            weights=seen.weights,
            protocol=_protocol(self, experiment, seen),
            search_protocol=f"middle {self.compare.side} px of {seen.num_judged} validation pictures",
            task=_task_of(self, experiment, seen.teacher),
            judge=lambda params: make_judge(*seen.val()[1:], reference=seen.reference("val"), eyes=seen.eyes),
            score=measure,
            batches=_batches_of(self, experiment, seen),
            start=lambda params: params if teacher is None else inherit(networks.supernet, params, teacher),
            test=lambda predict: tested(predict, seen.test(), reference=seen.reference("test"), eyes=seen.eyes),
            rivals=lambda found: _rivals(self, experiment, seen.teacher, found),
            show=lambda predicts: strips(predicts, seen.test(), truth=_truth(self, seen)),
        )

    def tiny(self) -> "ImageTranslation":
        """Two operations and widths, a small discriminator, few pictures, and no term that needs large patches."""
        teaching = self.recipe.teaching and replace(self.recipe.teaching, ssim=0.0, output=1.0)
        first = {name: min(steps, 1) for name, steps in self.recipe.first().items()}
        small = replace(
            self,
            ops=self.ops[:2],
            recipe=replace(self.recipe, lpips=0.0, teaching=teaching, **first),
            critic=replace(self.critic, width=8, layers=1, scales=1),
            crops=min(self.crops, 4),
            window=None,
            tutor=self.tutor and replace(self.tutor, width=8, recipe=replace(self.tutor.recipe, lpips=0.0)),
            compare=replace(self.compare, number=2, side=32, reference=3),
        )
        if self.teacher:  # which says how deep the network is
            return small
        return replace(small, blocks=2, widths=tuple(w[:2] for w in self._widths[:5]), inner=self.inner[:2])

    @property
    def recipes(self) -> tuple[Translation, ...]:
        """What is trained by, the tutor's too."""
        return (self.recipe,) if self.tutor is None else (self.recipe, self.tutor.recipe)

    @property
    def depth(self) -> int:
        """Residual blocks of the usual generator, or how often a U-Net halves."""
        return len(self._widths) if self.space == "unet" else self.blocks

    @property
    def _widths(self) -> tuple[tuple[int, ...], ...]:
        return self.widths or (UNET_WIDTHS if self.space == "unet" else WIDTHS)

    def _networks(self, nominal: int | None) -> Networks:
        arguments: dict[str, Any] = {"widths": [list(w) for w in self._widths], "norm": self.norm, "nominal": nominal}
        if self.space == "unet":
            net = unet_generator(**arguments)
        else:
            lists = {"inner": list(self.inner), "ops": list(self.ops), "up": list(self.up)}
            arguments |= {"blocks": self.blocks, **lists}
            net = resnet_generator(**arguments)
        assert isinstance(net.forward, ResnetGenerator | UnetGenerator)
        places = range(max(map(len, (*self._widths, self.inner)))) if nominal is None else ()
        return Networks(
            net,
            same_size(),
            builder=(f"{self.space}_generator", arguments),
            min_size=net.forward.min_size,
            narrower=tuple(lambda p=p: self._networks(p) for p in reversed(places)),
        )


class _Seen(NamedTuple):
    """What was read: the training split, the teacher, what pictures are compared by, and, when asked, held-out ones."""

    train: Sides
    teacher: Teacher | None
    measures: tuple[Measure, ...]
    weights: dict[str, float]
    eyes: Any
    num_judged: int
    num_tested: int
    val: Callable[[], Held]
    test: Callable[[], Held]
    reference: Callable[[Literal["val", "test"]], Any]


def _look(system: ImageTranslation, experiment: Experiment) -> _Seen:
    data, compare = experiment.data, system.compare
    check_first_steps(experiment, system.recipe.first())
    train, val, test = (
        open_sides(data.source, split, size=system.size, on_error=data.on_bad) for split in ("train", "val", data.test)
    )
    _check_sides(system, train, data.source)
    side = (compare.side, compare.side)
    crop = data.test_crop or side
    val, test = holding(val, side, data.on_bad), holding(test, crop, data.on_bad)
    real = {} if system.teacher else _real(data, train, {"val": side, "test": crop})
    if not system.teacher:
        _check_sets(data, real, val, test)
    teacher = load_teacher(system.teacher, part=system.part or None) if system.teacher else None
    eyes = load_eyes()
    likeness = teacher is not None or train.paired
    scores = measures(likeness=likeness, sets=teacher is None)
    names, three = {m.name for m in scores}, zip(("lpips", "ssim", "gram"), compare.weights, strict=True)
    weights = {name: weight for name, weight in three if name in names}
    if not any(weights.values()):
        raise ValueError(f"config.system.compare.weights {compare.weights}: none is of {', '.join(weights)}")
    held = functools.partial(
        held_out, outputs=None if teacher is None else outputs_of(teacher), window=_window(system, data, train)
    )

    @functools.cache
    def reference_at(size: tuple[int, int]) -> Any:
        source = next(each for each, at in real.values() if at == size)
        return make_reference(middles(source, compare.reference, size)[1], eyes)

    return _Seen(
        train,
        teacher,
        scores,
        weights,
        eyes,
        min(compare.number, len(val.inputs)),
        min(compare.tested, len(test.inputs)),
        functools.cache(lambda: held(val, compare.number, side)),
        functools.cache(lambda: held(test, compare.tested, crop)),
        lambda split: reference_at(real[split][1]) if real else None,
    )


def _check_sides(system: ImageTranslation, train: Sides, spec: str) -> None:
    """Whether there are the pictures that the recipe asks for."""
    two = train.targets is not None
    for recipe in system.recipes:
        if recipe.pairs and not train.paired:
            raise ValueError(f"data.source {spec!r} holds no pairs, and the recipe trains on pairs (recipe.pairs)")
        if recipe.pairs or system.crops or not (recipe.cycle or recipe.adversarial):
            continue
        if not two:
            raise ValueError(f"data.source {spec!r} holds single pictures; the recipe needs two domains, unpaired:PATH")
        if train.paired:
            raise ValueError(f"data.source {spec!r} holds pairs, of which the recipe knows nothing: unpaired:{spec}")
    if not system.teacher and not two:
        raise ValueError(f"data.source {spec!r} holds single pictures; a translation needs pairs or two domains")


def _real(
    data: DataConfig, train: Sides, sizes: Mapping[str, tuple[int, int]]
) -> dict[str, tuple[Source, tuple[int, int]]]:
    """Real pictures that sets are compared with, by the split that is compared, and the size of their middles.

    Of that split's own size: a set of larger pictures is far from the same set of smaller ones.
    """
    assert train.targets is not None
    what = "training pictures of the target domain"
    return {split: (large_enough(train.targets, size, data.on_bad, what=what), size) for split, size in sizes.items()}


def _check_sets(data: DataConfig, real: Mapping[str, tuple[Source, tuple[int, int]]], val: Sides, test: Sides) -> None:
    """Whether there are enough pictures to be compared as sets: those that are made, and those that are real."""
    fewest = min(len(source) for source, _ in real.values())
    counts = (("val", len(val.inputs), LEAST["made"]), (data.test, len(test.inputs), LEAST["made"]))
    for split, count, least in (*counts, ("train", fewest, LEAST["real"])):
        if count < least:
            raise ValueError(
                f"data.source {data.source!r}: the split {split} has {count} pictures to compare as a set, which takes "
                f"{least} or more; give more pictures"
            )


def _task_of(
    system: ImageTranslation, experiment: Experiment, teacher: Teacher | None
) -> Callable[[Model, Sampler, int], Task]:
    recipe = replace(system.recipe, patch=experiment.data.patch, pairs=system.recipe.pairs or bool(system.crops))
    tutored = None if system.tutor is None else _tutored(system, system.tutor, experiment.data.patch)
    fixed = _fixed(system, recipe)
    if recipe.teaching:
        fixed |= {"teacher": kept_teacher} if system.crops else teaching(teacher) if teacher else {}
        fixed |= {} if tutored is None else tutored[1]

    def task(model: Model, sampler: Sampler, batch: int) -> Task:
        student = translation(replace(recipe, batch=batch), _players(recipe, model, fixed), sampler)
        return student if tutored is None else beside(tutored[0](batch * sampler.slots), student)

    return task


def _fixed(system: ImageTranslation, recipe: Translation) -> dict[str, Any]:
    """What a recipe's terms are made with, beside generators."""
    fixed: dict[str, Any] = {}
    if recipe.perceptual or (recipe.teaching and max(recipe.teaching.likeness, recipe.teaching.style)):
        fixed["encoder"] = _encoder(system.encoder)
    if recipe.lpips:
        fixed["lpips"] = Fixed(alexnet().apply, load_trunk("alexnet")[1])
    if recipe.adversarial:
        fixed["discriminator"] = make_critic(system.critic, recipe)
    return fixed


def _encoder(name: str) -> Fixed:
    whole = name == "vgg16"
    widths = tuple(width // (1 if whole else NARROW) for width in (64, 128, 256))
    return Fixed(vgg(widths).apply, (load_vgg16 if whole else load_narrow)(len(ENCODED)), ENCODED)


def _players(recipe: Translation, model: Model, fixed: Mapping[str, Any]) -> Players:
    tapped = None if model.tapped is None else Model(model.init, model.tapped)
    return Players(model, back=model if recipe.cycle else None, tapped=tapped, **fixed)


def _tutored(system: ImageTranslation, tutor: Tutor, patch: int) -> tuple[Callable[[int], Task], dict[str, Any]]:
    """The tutor's task for so many images a step, and what its student needs of it."""
    net, arch = usual(system.space, Shape("tutor", system.depth), tutor.width, norm=system.norm, up=system.up[-1])
    model, recipe = extracted_model(net, arch), replace(tutor.recipe, patch=patch)
    players, sampler = _players(recipe, model, _fixed(system, recipe)), single(arch)
    features = model.forward if model.tapped is None else model.tapped
    lessons = {"teacher": live_teacher(Model(model.init, features), plan=arch[None]), "taught": feature_channels(net)}
    return lambda batch: translation(replace(recipe, batch=batch), players, sampler), lessons


def _batches_of(system: ImageTranslation, experiment: Experiment, seen: _Seen) -> Callable[..., Any]:
    data = experiment.data
    augment = "mirror" if data.augment and system.mirror else data.augment

    @functools.cache
    def source() -> Source:
        if seen.teacher is None or not system.crops:
            # A teacher needs no targets, unless the recipe does.
            return seen.train.inputs if _only_inputs(system) else seen.train.whole
        window = _window(system, data, seen.train)
        return crops_of(seen.teacher, seen.train.inputs, patch=window, number=system.crops)

    def batches(spec: Any, seed: int, shard: tuple[int, int]) -> Any:
        images = next(iter(spec.values()))
        small, num = data.on_bad, images.shape[0]
        return patches(source(), patch=data.patch, batch=num, seed=seed, augment=augment, on_small=small, shard=shard)

    return batches


def _window(system: ImageTranslation, data: DataConfig, train: Sides) -> int:
    """The side of what a teacher sees at once."""
    return window_of(train.inputs, patch=data.patch, most=system.window or data.patch) if system.crops else 0


def _only_inputs(system: ImageTranslation) -> bool:
    return not any(recipe.pairs or recipe.adversarial or recipe.cycle for recipe in system.recipes)


def _rivals(system: ImageTranslation, experiment: Experiment, teacher: Teacher | None, found: Found) -> Sequence[Rival]:
    """Hand-scaled networks of the found one's MACs; the teacher as it is, and what changes nothing at all."""
    scaled = hand_scaled(
        found.costs["macs"],
        ways=system.rivals,
        space=system.space,
        blocks=system.depth,
        norm=system.norm,
        up=system.up[-1],
        size=experiment.macs_at,
    )
    if teacher is None:
        return tuple(scaled)
    whole = Networks(teacher.net, same_size())
    asis = Rival("teacher", "what is compressed", whole, np.asarray(teacher.arch), teacher.params, trained=False)
    return (*scaled, asis, Rival("input", "left as it is", predict=lambda x: x))


def _truth(system: ImageTranslation, seen: _Seen) -> str:
    return "teacher" if system.teacher else "truth" if seen.train.paired else ""


def _protocol(system: ImageTranslation, experiment: Experiment, seen: _Seen) -> str:
    compare, data = system.compare, experiment.data
    height, width = data.test_crop or (compare.side, compare.side)
    truth = {"teacher": "the teacher's outputs", "truth": "their true pairs"}.get(_truth(system, seen))
    likeness = f"; LPIPS (AlexNet v0.1) and SSIM (RGB, uint8) to {truth}" if truth else ""
    sets = f"; as a set to the same middles of up to {compare.reference} pictures of the training split's target domain"
    where = f"middle {width}x{height} px of {seen.num_tested} pictures of the {data.test} split of {data.source!r}"
    return where + likeness + ("" if seen.teacher else sets)
