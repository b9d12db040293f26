"""Photo filters as a system: its settings, its networks, and what they are trained and compared on."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np

from nasjax.config import Experiment, check_first_steps
from nasjax.data.domains import Unpaired
from nasjax.data.pipeline import patches
from nasjax.data.source import Source
from nasjax.nets.discriminators import patch_discriminator
from nasjax.nets.vgg import load_vgg16, vgg
from nasjax.sampling import Sampler
from nasjax.spaces.photo_filter import COLOURS, GRIDS, RESTORERS, WIDTHS, photo_filter
from nasjax.spaces.resnet_generator import resnet_generator
from nasjax.system import Found, Ground, Networks, Rival, same_size
from nasjax.systems.photo_filter.looks import wanted_looks
from nasjax.systems.photo_filter.moves import moves_between
from nasjax.systems.photo_filter.pictures import Pair, held_out, open_pairs, strips
from nasjax.systems.photo_filter.rivals import RESNET, arch_of, by_hand, resnet
from nasjax.systems.photo_filter.score import LIKENESS, LOOK, make_judge, measure, tested
from nasjax.task import Task
from nasjax.tasks.adversarial import Adversarial, Judge
from nasjax.tasks.base import Model
from nasjax.tasks.networks import Fixed
from nasjax.tasks.networks import Networks as Players
from nasjax.tasks.photo_filter import FilterLoss, photo_filter_task, with_penalty
from nasjax.tasks.translation import Keeping, Translation, translation

_INPUT = Rival("input", "the picture as it came", predict=lambda x: x)
# CycleGAN's game in one direction, with what a filter keeps of a picture, and initial training. A cycle would hold that
# the way back leads to the light that a picture had, which nobody can know who has set it right: with one, exposure was
# hardly learned (docs/results/looks.md). What is said there of pictures that are in their domain already, `moved` says
# more generally: of pictures in any light, as far as the two sets are apart (`moves_between`).
_UNPAIRED = Translation(
    moved=10.0,
    keeping=Keeping(edges=1.0, directions=1.0),
    adversarial=Adversarial("lsgan", augment=("translation",)),
    initial=200,
)
_WINDOW = 11  # pixels a side of what structural similarity looks at: squares are no smaller
_ENCODED = (1, 2)  # levels of VGG16 whose features may be kept


@dataclass(frozen=True)
class FilterHeads:
    """The options of what makes the picture (`spaces.photo_filter`)."""

    colour: tuple[str, ...] = COLOURS
    grid: tuple[str, ...] = GRIDS
    bands: tuple[str, ...] = ("0", "1", "2", "3")
    restore: tuple[str, ...] = RESTORERS


@dataclass(frozen=True)
class FilterWidths:
    """The widths that may be chosen, ascending."""

    fine: tuple[int, ...] = WIDTHS["fine"]  # of the small copy's first features
    trunk: tuple[int, ...] = WIDTHS["trunk"]
    inner: tuple[int, ...] = WIDTHS["inner"]  # of the trunk's blocks
    restore: tuple[int, ...] = WIDTHS["restore"]  # of the layers that read neighbours


@dataclass(frozen=True)
class PhotoFilter:
    """The search space of photo filters, and how they are trained: on pairs, or on two sets of pictures.

    Which of both is decided by the data: `pairs:PATH`, `degraded:KIND:PICTURES`, `folders:A|B`, or `unpaired:PATH`.
    """

    widths: FilterWidths = field(default_factory=FilterWidths)
    heads: FilterHeads = field(default_factory=FilterHeads)
    blocks: int = 2  # most blocks of the low-resolution network
    ops: tuple[str, ...] = ("res", "sep3", "ir2k3", "spab")  # candidate operations of a block
    sides: tuple[int, ...] = (64, 128, 256)  # of the small copy
    cells: int = 16  # places a side of the trunk
    nominal: int | None = None  # place of the widths used before the channel stage; None: fitted to the budget
    generator: Literal["filter", "resnet"] = "filter"  # resnet: CycleGAN's family over every pixel, as a rival
    size: int | None = None  # pixels that the shorter side of all pictures is first made; None: as they are
    loss: FilterLoss = field(default_factory=FilterLoss)  # of pairs; its penalties of tables in any case
    recipe: Translation = _UNPAIRED  # without pairs; its patch and batch are those of the experiment
    critic: int = 32  # width of the discriminator's first layer
    decides: Literal["psnr", "ssim", "ciede2000"] = "psnr"  # of pairs
    keep: float = 20.0  # without pairs: what a lost SSIM of 1 weighs, in units of Lab
    by_hand: str = ""  # options of a network to compare the found one with, e.g. "colour=curves grid=none"
    resnet: bool = False  # also a residual generator over every pixel, trained equally

    @property
    def title(self) -> str:
        """What it is called."""
        return "photo filter"

    def networks(self) -> Networks:
        """`photo_filter` (where `nominal` is open, with narrower stand-ins), or for `generator="resnet"` CycleGAN's."""
        if self.generator == "resnet":
            arguments: dict[str, Any] = {"widths": [[16, 24], [24, 32], [32, 48], [24, 32], [16, 24]], "inner": [32]}
            arguments |= {"blocks": self.blocks, "ops": ["res", "sep"], "up": ["nearest"]}
            return Networks(resnet_generator(**arguments), same_size(), builder=("resnet_generator", arguments))
        return self._filters(self.nominal)

    def _filters(self, nominal: int | None) -> Networks:
        arguments: dict[str, Any] = {
            "widths": {name: list(options) for name, options in asdict(self.widths).items()},
            "heads": {name: list(options) for name, options in asdict(self.heads).items()},
            "blocks": self.blocks,
            "ops": list(self.ops),
            "sides": list(self.sides),
            "cells": self.cells,
            "nominal": nominal,
        }
        places = range(max(map(len, asdict(self.widths).values()))) if nominal is None else ()
        return Networks(
            photo_filter(**arguments),
            same_size(),
            builder=("photo_filter", arguments),
            narrower=tuple(lambda p=p: self._filters(p) for p in reversed(places)),
        )

    def prepare(self, experiment: Experiment, networks: Networks) -> Ground:
        """Opens all pictures; candidates are compared on squares of the validation split."""
        data = experiment.data
        chosen = self._chosen(networks)
        # Pairs that were taken apart are learned from as two sets; what they come to, their truth tells.
        splits = ((data.source, "train"), (data.source, "val"), (data.source.removeprefix("apart:"), data.test))
        train, val, test = (open_pairs(*split, size=self.size, on_bad=data.on_bad) for split in splits)
        recipe = self._recipe(experiment, train) if isinstance(train, Unpaired) else None
        paired = recipe is None
        side = max(data.val_patch, _WINDOW)
        squares = held_out(val, (side, side), data.val_patches)
        _check_squares(squares, side)
        pictures = held_out(test, data.test_crop)
        looks = wanted_looks(train.targets, side) if isinstance(train, Unpaired) else None
        weights = {self.decides: 1.0} if paired else {"look": 1.0, "kept": self.keep}
        return Ground(
            LIKENESS if paired else (*LOOK, *(() if pictures[0].target is None else LIKENESS)),
            objectives=(*weights, experiment.cost),
            weights=weights,
            protocol=f"{len(pictures)} held-out pictures of {data.source!r}" + _made(self.size) + _cut(data.test_crop),
            search_protocol=f"{len(squares)} squares of {side} px of {_distinct(squares)} validation pictures"
            + _moved(recipe),
            task=self._task(experiment, recipe),
            judge=lambda params: make_judge(*_stacked(squares), looks=looks and looks.squares),
            score=measure,
            batches=lambda spec, seed, shard: _batches(train, experiment, spec, seed=seed, shard=shard),
            test=lambda predict: tested(predict, pictures, looks and looks.whole),
            rivals=lambda found: tuple(self._rivals(found, networks, chosen)),
            show=lambda predicts: strips(predicts, pictures),
            use="nasjax filter in.jpg out.jpg --model {bundle}",
        )

    def tiny(self) -> "PhotoFilter":
        """One block, two options a part (colours always change), a copy of 32 pixels, a narrow discriminator."""
        heads = FilterHeads(("curves", "mix3x2"), ("none", "a4x2"), ("0", "1"), ("none", "half1conv"))
        widths = FilterWidths((4, 6), (4, 8), (4, 8), (4, 8))
        loss = replace(self.loss, ssim=0.0)
        # Patches of a test hold no window of a structural similarity.
        keeping = self.recipe.keeping and replace(self.recipe.keeping, edges=0.0)
        first = {name: min(steps, 1) for name, steps in self.recipe.first().items()}
        recipe = replace(self.recipe, keeping=keeping, **first)
        small = replace(
            self, widths=widths, heads=heads, blocks=1, ops=self.ops[:2], loss=loss, recipe=recipe, critic=4
        )
        return replace(small, sides=(16, 32), cells=4, by_hand="")

    def _recipe(self, experiment: Experiment, train: Unpaired) -> Translation:
        """That of two sets of pictures, for these; ValueError where it never gets to the game."""
        check_first_steps(experiment, self.recipe.first())
        moves = self.recipe.moves or (moves_between(train.inputs, train.targets) if self.recipe.moved else ())
        return replace(self.recipe, moves=moves, patch=experiment.data.patch)

    def _task(self, experiment: Experiment, recipe: Translation | None):
        def task(model: Model, sampler: Sampler, batch: int) -> Task:
            if recipe is None:
                return photo_filter_task(self.loss, model, sampler, patch=experiment.data.patch, batch=batch)
            made = patch_discriminator(3, width=self.critic, layers=2 if self.critic > 8 else 1)
            players = Players(
                model,
                discriminator=Judge(made.init, made.apply),
                back=model if recipe.cycle else None,
                encoder=_encoder() if recipe.keeping and recipe.keeping.features else None,
            )
            game = translation(replace(recipe, batch=batch), players, sampler)
            return with_penalty(game, self.loss, model=model, sampler=sampler)

        return task

    def _chosen(self, networks: Networks) -> np.ndarray | None:
        return arch_of(networks, self.by_hand) if self.by_hand and self.generator == "filter" else None

    def _rivals(self, found: Found, networks: Networks, chosen: np.ndarray | None) -> Iterator[Rival]:
        yield _INPUT
        if chosen is not None:
            yield by_hand(networks, chosen, found)
        if self.resnet:
            yield resnet(RESNET, blocks=3)


def _encoder() -> Fixed:
    return Fixed(vgg((64, 128)[: len(_ENCODED)]).apply, load_vgg16(len(_ENCODED)), _ENCODED)


def _distinct(pairs: Sequence[Pair]) -> int:
    """How many pictures there are when each is counted once, however often it is degraded."""
    return len({pair.name.partition("#")[0] for pair in pairs})


def _moved(recipe: Translation | None) -> str:
    """How far light is moved, said where it is."""
    names = ("exposure", "red against blue", "green", "saturation", "contrast")
    far = (
        [f"{name} {move:g}" for name, move in zip(names, recipe.moves, strict=True)] if recipe and recipe.moves else []
    )
    return f"; light moved by as many stops: {', '.join(far)}" if far else ""


def _made(size: int | None) -> str:
    return "" if size is None else f", made {size} px at the shorter side"


def _cut(crop: tuple[int, int] | None) -> str:
    return "" if crop is None else f", middle {crop[1]}x{crop[0]} px"


def _check_squares(pairs: Sequence[Pair], side: int) -> None:
    if small := [pair.name for pair in pairs if pair.input.shape[:2] != (side, side)]:
        raise ValueError(f"data.val_patch: {small[0]} is smaller than {side}x{side} pixels; choose a smaller one")


def _stacked(pairs: Sequence[Pair]) -> tuple[np.ndarray, np.ndarray | None]:
    inputs = np.stack([pair.input for pair in pairs])
    targets = [pair.target for pair in pairs if pair.target is not None]
    return inputs, np.stack(targets) if targets else None


def _batches(train: Source, experiment: Experiment, spec: Any, *, seed: int, shard: tuple[int, int]) -> Any:
    """Patches; pictures stand upright, since light comes from above."""
    shape = next(iter(spec.values())).shape
    augment = "mirror" if experiment.data.augment else False
    on_small = experiment.data.on_bad
    return patches(train, patch=shape[1], batch=shape[0], seed=seed, augment=augment, on_small=on_small, shard=shard)
