"""Photo filters: learned from pictures as they are and as they should be, with tables that stay smooth."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from nasjax.losses import l1, ssim_loss
from nasjax.losses.tables import reversals, roughness
from nasjax.metrics import Protocol, image_metric
from nasjax.metrics.colour import rgb_to_lab
from nasjax.ops.bilateral import maps_of
from nasjax.ops.colour_maps import CURVE_NODES, PLANE_NODES, RANK, low_rank_cube
from nasjax.sampling import Sampler
from nasjax.task import Batch, Logs, Players, Task
from nasjax.tasks.base import ForwardFn, Model, image_spec, in_streams, to_float
from nasjax.tasks.terms import GENERATOR
from nasjax.typing import Archs, Params, PRNGKey, Scalar

_AFFINE = 12  # numbers of a grid's affine map
_LAB = 50.0  # units of Lab that weigh as much as 1 of the [-1, 1] range


@dataclass(frozen=True)
class FilterLoss:
    """The weights of what a filter is trained by; 0 switches a part off. ValueError for negative ones, or all 0."""

    pixel: float = 1.0  # mean absolute difference of levels
    lab: float = 1.0  # of CIE Lab, in units of 50
    ssim: float = 0.0  # 1 - structural similarity of the lightness of CIE Lab
    smooth: float = 1e-2  # roughness of tables
    monotone: float = 1.0  # where tables turn the order of colours around
    grid: float = 0.0  # roughness of bilateral grids over place and brightness; 0: nor is their order looked at
    # The share of the range below white in which what is asked for rolls off to white (`held_white`); 0: the truth.
    white: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.white <= 1:
            raise ValueError(f"photo filter: white is a share of the range, 0 to 1, got {self.white}")
        if min(self.pixel, self.lab, self.ssim, self.smooth, self.monotone, self.grid) < 0:
            raise ValueError(f"photo filter: weights must not be negative, got {self}")
        if not self.pixel + self.lab + self.ssim:
            raise ValueError("photo filter: one of pixel, lab and ssim must be positive")


def photo_filter_task(loss: FilterLoss, model: Model, sampler: Sampler, *, patch: int, batch: int) -> Task:
    """One player, "generator"; its batch is {"input", "target"}, uint8 [n, patch, patch, 3], n = slots * batch.

    The loss is the mean over streams of the weighted parts, plus the penalties of tables (`table_penalty`) and grids
    (`grid_penalty`).
    """

    def images(given: Batch, name: str) -> Array:
        return in_streams(to_float(given[name]), sampler.slots)

    def predict(params: Players, plan: Archs, given: Batch) -> Array:
        return model.forward(params[GENERATOR], plan, images(given, "input"))

    def task_loss(params: Players, plan: Archs, given: Batch, key: PRNGKey) -> tuple[Scalar, Logs]:
        target = images(given, "target")
        if loss.white:
            target = held_white(target, images(given, "input"), share=loss.white)
        own, x, code = params[GENERATOR], images(given, "input"), None
        if tapped := _tapped(loss, model, own):
            y, code = tapped(own, plan, x)
        else:
            y = model.forward(own, plan, x)
        parts = _parts(loss, y, target) | _penalties(own, loss, code)
        return sum(parts.values(), jnp.zeros(())), parts

    spec = image_spec(batch * sampler.slots, patch)
    return Task(
        "photo filter",
        init=lambda key: {GENERATOR: model.init(key)},
        losses={GENERATOR: task_loss},
        predict=predict,
        target=lambda given: images(given, "target"),
        metrics={"image": image_metric(Protocol(channel="rgb", crop=0, round_to_uint8=True))},
        batch_spec={"input": spec, "target": spec},
    )


def held_white(
    target: Float[Array, "*d h w 3"], x: Float[Array, "*d h w 3"], *, share: float
) -> Float[Array, "*d h w 3"]:
    """The target, but white where the input is: from `share` of the range below white on, it rolls off to white.

    Of a pixel whose channels are all clipped nothing is known, and what a loss makes of all that may have been there is
    an even grey, where people expect white. It assumes that what is white in the input is light, not a white wall that
    was exposed too much: there, the wall stays white.
    """
    near = jnp.clip((x.min(-1, keepdims=True) - (1 - 2 * share)) / (2 * share), 0, 1)
    return target + near * (1 - target)


def with_penalty(task: Task, loss: FilterLoss, *, model: Model, sampler: Sampler) -> Task:
    """Any task with a generator of "input", whose tables and grids are to stay smooth and monotone as well."""
    inner = task.losses[GENERATOR]

    def penalised(params: Players, plan: Archs, given: Batch, key: PRNGKey) -> tuple[Scalar, Logs]:
        value, logs = inner(params, plan, given, key)
        own, code = params[GENERATOR], None
        if tapped := _tapped(loss, model, own):
            # The output is not used, and so not computed: only what the small copy says is.
            code = tapped(own, plan, in_streams(to_float(given["input"]), sampler.slots))[1]
        penalties = _penalties(own, loss, code)
        return sum(penalties.values(), value), {**logs, **penalties}

    return task._replace(losses={**task.losses, GENERATOR: penalised})


def table_penalty(params: Params, loss: FilterLoss) -> Float[Array, ""]:
    """Roughness and reversals of every table in a filter's params (supernet or extracted), weighted; 0 without any.

    What predicts curves is linear: they are smooth where its weights are. The order of curves, and of tables of low
    rank, is that of what they are where no feature of a picture speaks.
    """
    total = jnp.zeros(())
    for own in _options(params.get("colour", {})):
        if "table" in own:
            rough, turned = _of_table(own["table"])
            total += loss.smooth * rough + loss.monotone * turned
        elif "curves" in own:
            curves, mixed = own["curves"], own["z"]["b"].reshape(RANK, 3)
            cube = low_rank_cube(curves, mixed).reshape(*(curves.shape[1],) * 3, 3)
            total += loss.smooth * roughness(curves, (1,)) + loss.monotone * reversals(cube, ((0, 0), (1, 1), (2, 2)))
        elif "z" in own:
            places = own["z"]["w"].reshape(-1, CURVE_NODES, 3)
            offsets = own["z"]["b"].reshape(CURVE_NODES, 3)
            total += loss.smooth * roughness(places, (1,)) + loss.monotone * reversals(
                offsets, tuple((0, k) for k in range(3))
            )
    return total


def grid_penalty(params: Params, code: Mapping[str, Array], loss: FilterLoss) -> Float[Array, ""]:
    """Roughness and reversals of the bilateral grids that a filter makes of pictures, weighted; 0 without any grid.

    `code` is what the network says of the pictures (`FilterNet.code`). Each grid in the params of a supernet is looked
    at for all pictures, whichever of them have taken it. Small networks a pixel have no order that can be told.
    """
    total = jnp.zeros(())
    for name, own in params.get("grid", {}).items():
        maps = maps_of(name, own, code)
        total += loss.grid * roughness(maps, (-4, -3, -2))
        if maps.shape[-1] == _AFFINE:
            total += loss.monotone * _falls(maps)
    return total


def _falls(maps: Float[Array, "*d depth size"]) -> Float[Array, ""]:
    """How far greys fall from one step of brightness to the next, by affine maps."""
    depth = maps.shape[-2]
    # Maps belong to the middles of steps.
    greys = (2 * jnp.arange(depth, dtype=maps.dtype)[:, None] + 1) / depth - 1
    change = maps.reshape(*maps.shape[:-1], 4, 3)
    made = change[..., :3, :].sum(-2) * greys.reshape((1,) * (maps.ndim - 2) + (depth, 1)) + change[..., 3, :]
    return reversals(made, tuple((maps.ndim - 2, k) for k in range(3)), step=2 / depth)


def _penalties(params: Params, loss: FilterLoss, code: Mapping[str, Array] | None) -> dict[str, Array]:
    """All of them by name, weighted; without `code` no grid is looked at."""
    grids = {} if code is None else {"grids": grid_penalty(params, code, loss)}
    return {"tables": table_penalty(params, loss), **grids}


def _tapped(loss: FilterLoss, model: Model, params: Params) -> ForwardFn | None:
    """The forward function that says what grids are made of, where they are asked for and there are any."""
    return model.tapped if loss.grid and "grid" in params else None


def _options(params: Params) -> list[Params]:
    """Each option's own params: a supernet has several, an extracted network one."""
    return [own for own in params.values() if isinstance(own, Mapping)]


def _of_table(table: Array) -> tuple[Array, Array]:
    """Of `[bases, 3 n^3]` cubes, or of planes of two colours each."""
    bases, size = table.shape
    if size == 3 * PLANE_NODES**2 * 3:
        planes = table.reshape(bases, 3, PLANE_NODES, PLANE_NODES, 3)
        turned = [reversals(planes[:, k], ((1, k), (2, (k + 1) % 3))) for k in range(3)]
        return roughness(planes, (2, 3)), sum(turned, jnp.zeros(()))
    side = round((size / 3) ** (1 / 3))
    cubes = table.reshape(bases, side, side, side, 3)
    return roughness(cubes, (1, 2, 3)), reversals(cubes, ((1, 0), (2, 1), (3, 2)))


def _parts(loss: FilterLoss, y: Array, target: Array) -> dict[str, Any]:
    """The weighted parts of the distance of outputs and targets, `[s, b, h, w, 3]`."""
    parts: dict[str, Any] = {}
    if loss.pixel:
        parts["pixel"] = loss.pixel * l1(y, target)
    labs = [rgb_to_lab(image) / _LAB for image in (y, target)] if loss.lab or loss.ssim else []
    if loss.lab:
        parts["lab"] = loss.lab * l1(*labs)
    if loss.ssim:
        # Lightness goes from 0 to 2 in these units, levels from -1 to 1.
        parts["ssim"] = loss.ssim * ssim_loss(*(lab[..., :1] - 1 for lab in labs))
    return parts
