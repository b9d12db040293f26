"""x2 to x4 super-resolution as a system: its settings, its networks, and what they are trained and compared on."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from nasjax.config import Experiment
from nasjax.data.evaluation import EvalImage, eval_images, validation_patches
from nasjax.data.source import at_least
from nasjax.data.spec import open_source
from nasjax.metrics.image import psnr, sr_protocol
from nasjax.sampling import Sampler
from nasjax.shown import Measure
from nasjax.spaces.sr_cell import sr_cell
from nasjax.system import Found, Ground, Networks, Predict, Rival
from nasjax.systems.super_resolution.diagram import diagram
from nasjax.systems.super_resolution.handmade import handmade
from nasjax.systems.super_resolution.pictures import bicubic, strips, tested
from nasjax.task import Task
from nasjax.tasks.base import Model, to_float
from nasjax.tasks.degradation import practical
from nasjax.tasks.super_resolution import MARGIN, SuperResolutionTask, degrade, super_resolution
from nasjax.typing import Params

MEASURES = (
    Measure("psnr_y", "Y-PSNR", "Peak signal-to-noise ratio of the luma.", "higher", "dB", 2),
    Measure("ssim_y", "SSIM", "Structural similarity of the luma, 1 for identical pictures.", "higher", digits=4),
)


@dataclass(frozen=True)
class SuperResolution:
    """The search space of super-resolution generators (`nasjax.spaces.sr_cell`)."""

    scale: int = 4  # enlargement: 2, 3 or 4
    blocks: int = 8  # most blocks in the trunk
    trunk: tuple[int, ...] = (16, 24, 32, 48)  # trunk widths
    inner: tuple[int, ...] = (8, 16, 24, 40)  # inner widths of a block
    ops: tuple[str, ...] = (
        "res", "sep3", "sep5", "sep7", "ir2k3", "ir2k5", "ir4k3", "ir4k5", "rlfb", "spab", "group", "rep",
    )  # candidate operations of a block  # fmt: skip
    nominal: int | None = None  # place of the widths used before the channel stage; None: fitted to the budget
    attention: tuple[str, ...] = ("none", "ca", "sa", "both")  # behind the trunk: by channel, by place
    # Sizes of the networks made by hand to compare with, in those of the found one: a larger one takes as long as it.
    by_hand: tuple[float, ...] = (1.0,)
    # Of what is learned from and candidates are compared on: reduced by bicubic, or also blurred, noisy and compressed
    # (`nasjax.tasks.degradation`). Test pictures are always as bicubic leaves them.
    degradation: Literal["bicubic", "practical"] = "bicubic"

    @property
    def title(self) -> str:
        """What it is called."""
        return f"x{self.scale} super-resolution"

    def networks(self) -> Networks:
        """`sr_cell`, costs stated for the output; where `nominal` is open, with narrower stand-ins to choose from."""
        fields = {k: v for k, v in asdict(self).items() if k not in ("by_hand", "degradation")}
        arguments: dict[str, Any] = {k: list(v) if isinstance(v, tuple) else v for k, v in fields.items()}
        places = range(max(len(self.trunk), len(self.inner))) if self.nominal is None else ()
        return Networks(
            sr_cell(**arguments),
            lambda width, height: (1, height // self.scale, width // self.scale, 3),
            builder=("sr_cell", arguments),
            narrower=tuple(replace(self, nominal=p).networks for p in reversed(places)),
        )

    def prepare(self, experiment: Experiment, networks: Networks) -> Ground:
        """Reads validation patches and test pictures; candidates are compared by PSNR on the patches."""
        scale, images, patches = self.scale, test_images(self, experiment), validation_pairs(self, experiment)

        def task(model: Model, sampler: Sampler, batch: int) -> Task:
            shared = sampler.teacher is not None
            settings = SuperResolutionTask(
                scale, experiment.data.patch, batch, degradation=self.degradation, shared_batch=shared
            )
            return super_resolution(settings, model, sampler)

        def judge(params: Params) -> tuple[jax.Array, jax.Array]:
            low, high = jax.jit(lambda p: degrade(to_float(p), scale))(jnp.asarray(patches))
            return (low if self.degradation == "bicubic" else jax.jit(practical)(jax.random.key(0), low)), high

        def score(predict: Predict, pair: tuple[jax.Array, jax.Array]) -> Mapping[str, jax.Array]:
            low, high = pair
            return {"psnr_y": psnr(predict(low), high, sr_protocol(scale)).mean()}

        return Ground(
            MEASURES,
            objectives=("psnr_y", experiment.cost),
            weights={"psnr_y": 1.0},
            protocol=_protocol(self, experiment, len(images)),
            search_protocol=validation_text(self, experiment),
            task=task,
            judge=judge,
            score=score,
            test=lambda predict: tested(predict, images, scale),
            rivals=lambda found: rivals(scale, found, self.by_hand),
            show=lambda predicts: strips(predicts, images, scale),
            diagram=lambda arch: diagram(networks, arch, scale=scale, size=experiment.macs_at),
        )

    def tiny(self) -> "SuperResolution":
        """One block."""
        return replace(self, blocks=1)


def rivals(scale: int, found: Found, sizes: Sequence[float]) -> Sequence[Rival]:
    """What the found network is compared with: some as built by hand, of about its size, and plain enlargement."""
    plain = [_by_hand(scale, found.costs["params"], size) for size in sizes]
    return *plain, Rival("bicubic", "MATLAB imresize", predict=bicubic(scale))


def _by_hand(scale: int, params: int, size: float) -> Rival:
    net, arch = handmade(scale, round(size * params))
    networks = Networks(net, lambda width, height: (1, height // scale, width // scale, 3))
    name, much = ("hand-made", "equal") if size == 1 else (f"hand-made x{size:g}", f"{size:g} times the")
    return Rival(name, f"a plain residual network of {much} size, from random weights", networks, arch)


def validation_pairs(system: SuperResolution, experiment: Experiment) -> Any:
    """Fixed textured patches of the val split, uint8 with the margin that degrading cuts off."""
    data = experiment.data
    side = (data.val_patch + 2 * MARGIN) * system.scale
    if data.val_patches == 0:
        return np.zeros((0, side, side, 3), np.uint8)
    source = open_source(data.source, "val", on_error=data.on_bad)
    return validation_patches(source, side, data.val_patches, on_small=data.on_bad)


def test_images(system: SuperResolution, experiment: Experiment) -> list[EvalImage]:
    """Pictures of the test split with their low resolution, cut to `data.test_crop` where that is set."""
    data = experiment.data
    source = open_source(data.source, data.test, on_error=data.on_bad)
    return [
        _cut(image, system.scale, data.test_crop) for image in eval_images(source, system.scale, on_small=data.on_bad)
    ]


def _cut(image: EvalImage, scale: int, crop: tuple[int, int] | None) -> EvalImage:
    if crop is None:
        return image
    height, width = crop
    if height > image.lr.shape[0] or width > image.lr.shape[1]:
        raise ValueError(
            f"data.test_crop {height}x{width} is larger than {image.name} ({image.lr.shape[0]}x{image.lr.shape[1]} "
            "low-resolution pixels); choose a smaller one, or None for whole pictures"
        )
    top, left = (image.lr.shape[0] - height) // 2, (image.lr.shape[1] - width) // 2
    low = image.lr[top : top + height, left : left + width]
    high = image.hr[top * scale : (top + height) * scale, left * scale : (left + width) * scale]
    return EvalImage(image.name, high, low)


def _protocol(system: SuperResolution, experiment: Experiment, num_images: int) -> str:
    crop = experiment.data.test_crop
    cut = "whole" if crop is None else f"centre {crop[1] * system.scale}x{crop[0] * system.scale} px"
    return (
        f"{num_images} held-out pictures of {experiment.data.source!r} ({cut}), low resolution by MATLAB bicubic; "
        f"PSNR and SSIM on {sr_protocol(system.scale)}"
    )


def validation_text(system: SuperResolution, experiment: Experiment) -> str:
    """What candidates are compared on: how many patches, and of how few pictures they are."""
    data, side = experiment.data, experiment.data.val_patch * system.scale
    if not data.val_patches:
        return "nothing: no patches of the validation split"
    margin = MARGIN * system.scale
    pictures = at_least(open_source(data.source, "val", on_error=data.on_bad), side + 2 * margin, data.on_bad)
    number = min(len(pictures), data.val_patches)
    made = "" if system.degradation == "bicubic" else ", low resolution after blur, noise and JPEG"
    return f"{data.val_patches} textured patches of {side}x{side} px of {number} validation pictures{made}"
