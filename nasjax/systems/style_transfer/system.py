"""Style transfer as a system: its settings, its networks with a frozen encoder, and what they are compared on."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from nasjax.config import Experiment
from nasjax.data.style_pairs import square_pairs
from nasjax.export.stylist import write_style_network
from nasjax.nets.narrow import NARROW, load_narrow
from nasjax.nets.vgg import load_vgg16
from nasjax.sampling import Sampler
from nasjax.shown import Measure
from nasjax.space import SearchSpace
from nasjax.spaces.photonet import VGG_CONVS, VGG_WIDTHS, photonet
from nasjax.spaces.transfer import counted, paired
from nasjax.system import Found, Ground, Networks, Rival, Shipped
from nasjax.systems.style_transfer.score import Judge, make_judge, measure
from nasjax.systems.style_transfer.ship import export_style_network
from nasjax.systems.style_transfer.strips import strips
from nasjax.task import Task
from nasjax.tasks.base import Model
from nasjax.tasks.style_transfer import ENCODER, StyleTransferTask, style_transfer
from nasjax.typing import Params

MEASURES = (
    Measure("edge", "edges lost", "1 - SSIM of the edge maps of output and content: 0 keeps every edge."),
    Measure(
        "style", "style missed", "Gram distance to the style over VGG16, relative to the content's: 1 has done nothing."
    ),
    Measure("teacher", "teacher", "Mean squared difference to what the network with everything on makes.", digits=4),
)


@dataclass(frozen=True)
class PairsConfig:
    """What candidates are compared on: content and style photographs."""

    search: str = "embedded"  # embedded (photographs paired with one another), or a folder of NAME_content, NAME_style
    take: Literal["all", "even", "odd"] = "all"  # which of a folder's pairs, by the number in their name
    number: int = 16  # how many pairs
    size: int = 128  # pixels a side
    method: Literal["eigh", "newton-schulz", "cholesky"] = "newton-schulz"  # of the transfer


@dataclass(frozen=True)
class StyleTransfer:
    """The search space of stylising networks (`nasjax.spaces.photonet`), and how they are trained and compared."""

    encoder: Literal["narrow", "vgg16"] = "narrow"  # a quarter of VGG16's widths, distilled; or VGG16 itself
    levels: int = 3  # 3 to 5 (relu3_1 to relu5_1); the narrow encoder that is shipped has 3
    ops: tuple[Literal["conv", "sep", "ir"], ...] = ("conv", "sep", "ir")  # how decoder convolutions may be made
    decoder: tuple[tuple[int, ...], ...] = ()  # widths of the decoder's stages 1, 2, ...; (): the encoder's
    pairs: PairsConfig = field(default_factory=PairsConfig)
    objectives: tuple[Literal["edge", "style", "teacher", "cost"], ...] = ("edge", "style", "cost")
    # What a stage decides by, and in what finalists are ordered: the smallest weighted sum, of edge, style, teacher
    # and cost.
    weights: tuple[float, float, float, float] = (1.0, 1.0, 0.0, 0.1)
    smooth: bool = True  # score outputs filtered along the content's edges, as `nasjax stylize` does by default
    pixel: float = 4.0  # weights of pixel and feature errors in training (`tasks.style_transfer`)
    feature: float = 0.5

    def __post_init__(self) -> None:
        if not self.objectives:
            raise ValueError("config.system.objectives must be one or more of edge, style, teacher, cost, got ()")
        if min(self.weights) < 0 or not any(self.weights):
            raise ValueError(f"config.system.weights must be four numbers >= 0, one positive, got {self.weights}")
        if self.pairs.number < 1 or self.pairs.size < 32:
            raise ValueError(
                f"config.system.pairs: number must be >= 1 and size >= 32, got {self.pairs.number}, {self.pairs.size}"
            )

    @property
    def title(self) -> str:
        """What it is called."""
        return "photorealistic style transfer"

    def networks(self) -> Networks:
        """`photonet`: trained as an auto-encoder, scored on pairs in one batch, counted with the style's statistics."""
        divisor, step = NARROW if self.encoder == "narrow" else 1, 2 ** (self.levels - 1)
        arguments: dict[str, Any] = {
            "widths": [w // divisor for w in VGG_WIDTHS[: self.levels]],
            "convs": [*VGG_CONVS[: self.levels - 1], 1],
            "ops": list(self.ops),
        }
        if self.decoder:
            arguments["decoder"] = [list(w) for w in self.decoder]
        return Networks(
            photonet(**arguments),
            # Costs are those of one content, whose sides are padded to what the encoder halves.
            lambda width, height: (1, -(-height // step) * step, -(-width // step) * step, 3),
            builder=("photonet", arguments),
            scored=photonet(**arguments, points=paired(self.pairs.method)),
            counted=photonet(**arguments, points=counted()),
            untrained=("transfer",),  # its choices have no parameters
        )

    def prepare(self, experiment: Experiment, networks: Networks) -> Ground:
        """Reads the pairs and the encoder's weights."""
        self._check_sizes(experiment)
        wanted, net, teacher = self.pairs, networks.supernet, teacher_arch(networks.supernet.space)
        contents, styles = square_pairs(wanted.search, number=wanted.number, size=wanted.size, take=wanted.take)

        def task(model: Model, sampler: Sampler, batch: int) -> Task:
            settings = StyleTransferTask(experiment.data.patch, batch, self.pixel, self.feature)
            return style_transfer(settings, model, sampler, encoder=net.forward.encoder)

        def judge(params: Params) -> Judge:
            return make_judge(contents, styles, networks, smooth=self.smooth, teacher=teacher, params=params)

        def everything_on(found: Found) -> Sequence[Rival]:
            start = net.extract_params(found.shared, teacher)
            return (Rival("everything on", "shared weights as they are", networks, teacher, start, trained=False),)

        where = "embedded photographs" if wanted.search == "embedded" else wanted.search
        return Ground(
            MEASURES,
            objectives=self.objectives,
            weights=dict(zip(("edge", "style", "teacher", "cost"), self.weights, strict=True)),
            protocol=f"{wanted.number} pairs of {where}, {wanted.size} px squares",
            task=task,
            judge=judge,
            score=measure,
            frozen={ENCODER: (load_narrow if self.encoder == "narrow" else load_vgg16)(self.levels)},
            rivals=everything_on,
            show=lambda predicts: strips(predicts, wanted, smooth=self.smooth),
            export=lambda folder, network: self._export(folder, network, experiment, networks),
            use="nasjax stylize content.jpg style.jpg out.jpg --network {bundle}",
        )

    def tiny(self) -> "StyleTransfer":
        """Three levels, one operation, two small pairs."""
        pairs = replace(self.pairs, number=2, size=32)
        return replace(self, levels=3, ops=self.ops[:1], decoder=(), pairs=pairs, encoder="narrow")

    def _check_sizes(self, experiment: Experiment) -> None:
        step = 2 ** (self.levels - 1)
        for name, size in (("data.patch", experiment.data.patch), ("system.pairs.size", self.pairs.size)):
            if size % step or size < 2 * step:
                raise ValueError(f"config.{name} must be a multiple of {step}, {2 * step} or more, got {size}")

    def _export(self, folder: Path, network: Shipped, experiment: Experiment, networks: Networks) -> dict[str, Any]:
        assert networks.builder is not None
        width, height = experiment.macs_at
        card = {
            "name": experiment.name,
            "task": self.title,
            "encoder": self.encoder,
            "macs_at": f"{width}x{height}",
            "trained_on": experiment.data.source,
            "metrics": list(network.metrics),
            "experiment": network.experiment,
        }
        manifest = write_style_network(folder, networks.builder[1], arch=network.arch, params=network.params, card=card)
        if not network.formats:
            return manifest
        return export_style_network(folder, smooth=self.smooth, formats=network.formats)


def teacher_arch(space: SearchSpace) -> np.ndarray:
    """The network with everything on (the all-ones string of arXiv 1906.02470), first operators, widest widths."""
    least = ("off", "plain", "1x1")  # what other choices are by default: first operators, widest widths
    return space.encode({c.name: c.options[1] for c in space.choices if c.options[0] in least})
