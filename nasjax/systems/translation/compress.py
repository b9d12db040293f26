"""A trained generator, pictures and a budget -> the experiment that finds a small one that makes the same of them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from nasjax.config import DataConfig, Experiment, FinalConfig, StageConfig
from nasjax.cost.budget import LATENCY, SIZED, parse_budgets
from nasjax.cost.count import BYTES_PER_PARAM, Counts
from nasjax.export.teachers import COUNTED_AT, load_teacher, teacher_costs
from nasjax.spaces.teacher import Teacher
from nasjax.systems.translation.settings import Comparison
from nasjax.systems.translation.system import ImageTranslation
from nasjax.tasks.translation import Teaching, Translation
from nasjax.train.config import TrainConfig

_WIDTHS = (0.7, 1.0, 1.4, 2.0)  # options around the width at which the plain network would keep the budget
_STEP, _LEAST = 4, 8
_MULTIPLES = {"group": 8, "incep": 4}  # of a block's own width, for these operations
_UP, _OPS = ("nearest",), ImageTranslation().ops  # what a student may have beside what its teacher has


def compression(
    teacher: str, images: str, budget: Sequence[str], *, part: str = "", patch: int = 128, steps: int = 3000
) -> Experiment:
    """Search a student for the generator `teacher` (a bundle, `.pth` or `.safetensors` file) on unlabelled `images`.

    `budget` as everywhere, but percentages are of the teacher's own costs, counted at 256x256 pixels; the student's
    widths are chosen around it. `images`: any data set that `open_source` takes, of which inputs alone are used.
    `steps` of each stage's training; the found network is trained four times as long. Raises ValueError for what is no
    teacher, and for a budget that is malformed or asks for a share of the teacher's latency, which is not counted.
    """
    known = load_teacher(teacher, part=part or None)
    costs = teacher_costs(known)
    name, arguments = known.builder
    space, limits = name.removesuffix("_generator"), absolute(budget, costs)
    train = TrainConfig(steps=steps, lr=1e-3, betas=(0.5, 0.999), schedule="linear", log_every=50)
    system = ImageTranslation(
        space="resnet" if space == "resnet" else "unet",
        **_sizes(arguments, share=_share(limits, known)),
        norm=arguments["norm"],
        recipe=Translation(teaching=Teaching(output=10.0, ssim=1.0, likeness=0.5, variation=1e-3)),
        encoder="narrow",
        teacher=teacher,
        part=part,
        crops=500,
        window=COUNTED_AT,
        compare=Comparison(number=12, side=COUNTED_AT, weights=(1.0, 0.0, 0.0)),
        rivals=("narrower", "fewer blocks", "separable", "residual"),
    )
    return Experiment(
        system,
        name="compress",
        data=DataConfig(source=images, patch=patch, test_crop=(COUNTED_AT, COUNTED_AT), on_bad="skip"),
        budget=limits,
        macs_at=(COUNTED_AT, COUNTED_AT),
        latency_at=(COUNTED_AT, COUNTED_AT),
        stages=tuple(StageConfig(s, train, batch=2, generations=10) for s in ("path", "operator", "channel")),
        final=FinalConfig(number=2, train=TrainConfig(**_longer(train)), batch=8, scratch=False),
    )


def absolute(budget: Sequence[str], costs: Counts) -> tuple[str, ...]:
    """Budgets whose percentages, which are of a teacher's costs, are written as numbers.

    ValueError for a percentage of what is not counted, or at another size than 256x256.
    """
    known = {"params": costs.params, **{name: getattr(costs, name) for name in SIZED}}
    found = []
    for each in parse_budgets(budget):
        if not each.relative:
            found.append(each.text)
            continue
        if each.cost == LATENCY or each.cost not in known:
            raise ValueError(f"budget {each.text!r}: a share of the teacher's is known of {', '.join(known)} alone")
        if each.size not in (None, (COUNTED_AT, COUNTED_AT)):
            raise ValueError(f"budget {each.text!r}: the teacher is counted at {COUNTED_AT}x{COUNTED_AT}")
        where = f"@{COUNTED_AT}x{COUNTED_AT}" if each.cost in SIZED else ""
        found.append(f"{each.cost}<={max(1, math.floor(each.amount * known[each.cost]))}{where}")
    return tuple(found)


def _share(limits: Sequence[str], teacher: Teacher) -> float:
    """The smallest share of the teacher's params or MACs that a budget leaves, 1 where none binds."""
    budgets = [b for b in parse_budgets(limits) if b.cost in ("params", "macs")]
    return min([1.0, *(b.amount / getattr(_costs_at(teacher, b.size), b.cost) for b in budgets)])


def _costs_at(teacher: Teacher, size: tuple[int, int] | None) -> Counts:
    """Of a picture of (width, height) pixels; these networks read every pixel alike, so a square of as many will do."""
    return teacher_costs(teacher, size=COUNTED_AT if size is None else round(math.sqrt(size[0] * size[1])))


def _sizes(arguments: Mapping[str, Any], *, share: float) -> dict[str, Any]:
    """Widths for a student of such a share of the teacher's costs, which go with the square of widths."""
    scale = math.sqrt(share)

    def options(widest: int, step: int = _STEP) -> tuple[int, ...]:
        sizes = {step * max(round(widest * scale * k / step), _LEAST // step) for k in _WIDTHS}
        return tuple(sorted({min(size, widest) for size in sizes}))

    # What is narrower of a block of the teacher, or of the two sides of a U-Net's level, has no more to give.
    widths = tuple(options(min(each)) for each in arguments["widths"])
    if "blocks" not in arguments:
        return {"widths": widths}
    inner = options(min(arguments["inner"]), max([_STEP, *(_MULTIPLES.get(op, 1) for op in arguments["ops"])]))
    # The teacher's own width, which is among them, may be none that an added operation can have.
    added = [op for op in _OPS if not any(width % _MULTIPLES.get(op, 1) for width in inner)]
    up, ops = (tuple(dict.fromkeys([*arguments[name], *others])) for name, others in (("up", _UP), ("ops", added)))
    return {"widths": widths, "inner": inner, "blocks": arguments["blocks"], "up": up, "ops": ops}


def _longer(train: TrainConfig) -> dict[str, Any]:
    return {"steps": 4 * train.steps, "lr": train.lr, "betas": train.betas, "schedule": train.schedule}


def saved(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a student saved of its teacher, by the `results.json` of a run: a row a cost, with the factor between.

    Nothing where the run was not compared with the teacher.
    """
    rows = {row["name"]: row["values"] for row in results["rows"]}
    if "teacher" not in rows:
        return []
    student, whole = rows["found, fine-tuned"], rows["teacher"]
    pairs = {name: (whole[name], student[name]) for name in ("params", "macs", "latency_ms")}
    pairs["bytes"] = tuple(BYTES_PER_PARAM * values["params"] for values in (whole, student))
    return [
        {"cost": name, "teacher": theirs, "student": ours, "factor": round(theirs / ours, 1)}
        for name, (theirs, ours) in pairs.items()
    ]
