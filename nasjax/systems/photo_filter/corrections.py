"""What the searches for corrections have in common: pictures degraded on purpose, how long is trained and searched."""

from nasjax.config import ConfirmConfig, DataConfig, Experiment, FinalConfig, StageConfig
from nasjax.spaces.photo_filter import COLOURS, GRIDS
from nasjax.systems.photo_filter.system import FilterHeads, FilterWidths, PhotoFilter
from nasjax.tasks.photo_filter import FilterLoss
from nasjax.train.config import TrainConfig

_LOW = "w.fine=12 w.trunk=24 b1=res b1.w=24 b2=off"  # of networks chosen by hand: what sees the small copy


def restoration(name: str, degradation: str, *, bands: tuple[str, ...], loss: FilterLoss, by_hand: str) -> Experiment:
    """A search for a filter that brings detail back: bands, and small networks of neighbours on small patches."""
    restore, colour = ("none", "half2conv", "half4conv", "full2conv"), ("none", "curves")
    system = PhotoFilter(
        widths=FilterWidths(restore=(16, 24, 32)),
        heads=FilterHeads(colour=colour, grid=("none", "a8x4"), bands=bands, restore=restore),
        sides=(64,),
        loss=loss,
        by_hand=f"{_LOW} side=64 colour=none grid=none restore=half4conv restore.w=32 {by_hand}",
    )
    final = FinalConfig(train=TrainConfig(steps=2000, lr=2e-3, log_every=100), batch=8, number=3, scratch=False)
    return _search(system, name, degradation, sizes=(48, 128), final=final)


def recolouring(name: str, degradation: str, *, loss: FilterLoss, by_hand: str, table: str = "mix9x8") -> Experiment:
    """A search for a filter of the place and the colour of a pixel, on patches that show most of a picture.

    Where paths are compared, the first option of a group stands for all (docs/concepts/coarse_to_fine.md): of blocks a
    cheap one, since two dear ones exceed the budget of the network chosen by hand, but the finest grid, and of 3D
    tables `table`, since weak ones make their whole group look weak.
    """
    heads = FilterHeads(_led_by(table, COLOURS), _led_by("a32x4", GRIDS), bands=("0", "1"), restore=("none",))
    system = PhotoFilter(
        heads=heads,
        ops=("ir2k3", "sep3", "res", "spab"),
        nominal=1,
        size=120,
        loss=loss,
        decides="ciede2000",
        by_hand=f"{_LOW} side=128 bands=0 restore=none {by_hand}",
    )
    final = FinalConfig(train=TrainConfig(steps=1500, lr=3e-3, log_every=100), batch=4, number=3, scratch=False)
    # Shared weights prefer tables and grids that are learnt fast to those that are good (docs/results/filter.md).
    confirm = ("path", "operator", "channel")
    return _search(system, name, degradation, sizes=(96, 112), final=final, confirm=confirm)


def _led_by(option: str, options: tuple[str, ...]) -> tuple[str, ...]:
    """The options with one before all others that change anything."""
    return ("none", option, *(other for other in options if other not in ("none", option)))


def _search(
    system: PhotoFilter,
    name: str,
    degradation: str,
    *,
    sizes: tuple[int, int],
    final: FinalConfig,
    confirm: tuple[str, ...] = ("path",),
) -> Experiment:
    short = TrainConfig(steps=600, lr=2e-3, log_every=50)
    # By shared weights a network without a restoring branch is as good as one whose branch has had a quarter of the
    # steps; trained alone it is the worse one (docs/results/filter.md).
    alone = TrainConfig(steps=500, lr=2e-3, log_every=100)
    patch, val_patch = sizes
    source = f"degraded:{degradation}:embedded"
    return Experiment(
        system,
        name=name,
        data=DataConfig(source=source, patch=patch, val_patches=48, val_patch=val_patch, test_crop=None),
        cost="macs",
        macs_at=(2400, 2400),
        stages=tuple(
            StageConfig(stage, short, batch=2, population=16, generations=generations)
            for stage, generations in (("path", 6), ("operator", 6), ("channel", 4))
        ),
        confirm=ConfirmConfig(confirm, alone, batch=final.batch),
        final=final,
    )
