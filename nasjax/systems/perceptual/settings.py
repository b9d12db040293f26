"""The settings of the short trainings that candidates are scored by, and what the measures mean."""

from dataclasses import dataclass

from nasjax.shown import Measure
from nasjax.train.config import TrainConfig

REWARD = "reward"
MEASURES = (
    Measure("lpips", "LPIPS", "How different pictures look (AlexNet v0.1), 0 for equal ones.", digits=4),
    Measure("psnr_y", "Y-PSNR", "Peak signal-to-noise ratio of the luma.", "higher", "dB", 2),
    Measure("ssim_y", "SSIM", "Structural similarity of the luma, 1 for identical pictures.", "higher", digits=4),
    Measure(REWARD, "reward", "LPIPS, and a penalty for each dB of PSNR below the floor, bicubic's.", digits=4),
)


@dataclass(frozen=True)
class Proxy:
    """The short training that scores a candidate; it begins with the fidelity model's generator."""

    # No clipping: one norm over both sides would let the louder one brake the other.
    train: TrainConfig = TrainConfig(
        steps=200, lr=1e-4, warmup=0, schedule="constant", betas=(0.9, 0.99), clip=0.0, ema=0.99
    )
    batch: int = 8  # images a pair and step
    pictures: int = 256  # patches that every pair sees, each in its own order; a multiple of the batch
    rungs: tuple[float, ...] = (0.25, 0.5, 1.0)  # shares of the steps after which pairs are compared, the last is 1
    keep: float = 0.5  # the share of pairs that go on after each rung but the last
    slots: int = 0  # pairs trained at once; 0: all of a generation, or as many as memory holds
    beside: int = 0  # pairs computed side by side; 0: one after the other on a CPU, all of a device's elsewhere
    save_seconds: float = 60.0  # between two savings of unfinished pairs

    def __post_init__(self) -> None:
        if list(self.rungs) != sorted(set(self.rungs)) or not self.rungs or self.rungs[0] <= 0 or self.rungs[-1] != 1:
            raise ValueError(f"proxy.rungs must rise to 1, got {self.rungs}")
        if self.train.schedule != "constant":
            raise ValueError(
                f"proxy.train.schedule must be 'constant': pairs stop at rungs, got {self.train.schedule!r}"
            )
        if min(self.batch, self.pictures) < 1 or self.pictures % self.batch:
            raise ValueError(
                f"proxy.pictures must be a multiple of proxy.batch, got {self.pictures} and {self.batch}: every pair "
                "sees every picture once an epoch"
            )
        if not 0 < self.keep <= 1 or min(self.slots, self.beside, self.save_seconds) < 0:
            raise ValueError(f"proxy: keep must be in (0, 1], slots, beside and save_seconds not negative, got {self}")

    def lengths(self) -> tuple[int, ...]:
        """The steps at each rung."""
        return tuple(dict.fromkeys(max(1, round(share * self.train.steps)) for share in self.rungs))
