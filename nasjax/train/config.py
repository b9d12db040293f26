"""Every knob of training and its default."""

import dataclasses
from typing import Any, Literal

Schedule = Literal["cosine", "linear", "restarts", "constant"]
_SCHEDULES = ("cosine", "linear", "restarts", "constant")
_PRECISIONS = ("float32", "bfloat16")
_EVERY = ("validate_every", "checkpoint_every", "checkpoint_seconds")
# What may change between a run and its resumption: none of it touches the numbers.
_FREE = ("log_every", "validate_every", "checkpoint_every", "checkpoint_seconds", "keep", "changed")
# What is decided once, with the first step; all other fields may change for the rest of a training, if `changed` names
# them.
_ONCE = ("seed",)
# What `changed` may name beside fields: the batch of a device, what the losses compute, and the weights given first.
_BESIDE = ("batch", "losses", "weights")


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """How one phase is trained; a step is one round of the sampler. Raises ValueError naming the field."""

    steps: int = 1000  # updates in all
    seed: int = 0  # of initial params, plans and noise; the data have their own
    # Optimiser: Adam, decoupled weight decay, clipping before it.
    lr: float = 2e-3  # peak learning rate
    warmup: int = 50  # steps from 0 to the peak; at most a tenth of `steps` is used
    schedule: Schedule = "cosine"  # after the warm-up: cosine, linear, restarts (SGDR) or constant
    hold: float = 0.0  # cosine, linear: the share of the steps after the warm-up that stays at the peak
    final_lr: float = 0.01  # where the schedule ends (each cycle, with restarts), as a fraction of the peak
    cycle: int = 100  # restarts: steps of the first cycle
    cycle_growth: float = 2.0  # restarts: each cycle is so many times as long as the one before
    betas: tuple[float, float] = (0.9, 0.999)  # Adam's decay of mean and square; (0.5, 0.999) suits GANs
    weight_decay: float = 0.0  # per unit of learning rate
    clip: float = 1.0  # largest global gradient norm of a player; 0: no clipping
    ema: float = 0.999  # decay of the averaged params; early steps average faster (step.ema_decay)
    # Memory and precision.
    precision: Literal["float32", "bfloat16"] = "float32"  # of activations; params, statistics and losses stay float32
    remat: bool = False  # compute blocks again for the gradient instead of keeping their activations
    # Looking and saving.
    log_every: int = 50  # steps between two lines in metrics.jsonl; the device is not waited for in between
    validate_every: int = 0  # steps between two validations of the averaged params, if `fit` is given one; 0: never
    checkpoint_every: int = 500  # steps between checkpoints; 0: only by time and at the end
    checkpoint_seconds: float = 120.0  # and a checkpoint after so many seconds without one; 0: only by steps
    keep: int = 2  # newest checkpoints kept
    # What differs on purpose from the training that is gone on with: fields, as "lr", or "batch", "losses", "weights".
    changed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._one_of("schedule", _SCHEDULES)
        self._one_of("precision", _PRECISIONS)
        for name in ("steps", "log_every", "keep", "cycle"):
            self._check(name, getattr(self, name) >= 1, "at least 1")
        self._check("seed", 0 <= self.seed < 2**32, "in 0 .. 2**32 - 1")
        for name in ("warmup", "clip", "weight_decay", *_EVERY):
            self._check(name, getattr(self, name) >= 0, "not negative")
        self._check("lr", self.lr > 0, "positive")
        self._check("ema", 0 <= self.ema < 1, "in [0, 1)")
        self._check("final_lr", 0 <= self.final_lr <= 1, "in [0, 1]")
        self._check("hold", 0 <= self.hold < 1, "in [0, 1)")
        self._check("cycle_growth", self.cycle_growth >= 1, "at least 1")
        self._check("betas", all(0 <= b < 1 for b in self.betas), "in [0, 1)")
        allowed = (*self.settings(), *_BESIDE)
        if unknown := [name for name in self.changed if name not in allowed]:
            raise ValueError(f"train.changed: {unknown[0]!r} cannot change; what can: {', '.join(allowed)}")

    def fingerprint(self) -> dict[str, Any]:
        """The fields that decide the result of a run, as JSON values: `once` and `settings`."""
        return self.once() | self.settings()

    def once(self) -> dict[str, Any]:
        """The fields that no training may change on its way."""
        return {name: getattr(self, name) for name in _ONCE}

    def settings(self) -> dict[str, Any]:
        """The fields that decide the result and may change for the rest of a training, when `changed` names them."""
        fields = {k: v for k, v in dataclasses.asdict(self).items() if k not in (*_FREE, *_ONCE)}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in fields.items()}

    def _check(self, name: str, ok: bool, allowed: str) -> None:
        if not ok:
            raise ValueError(f"train.{name} must be {allowed}, got {getattr(self, name)!r}")

    def _one_of(self, name: str, allowed: tuple[str, ...]) -> None:
        if getattr(self, name) not in allowed:
            raise ValueError(f"train.{name}: unknown {getattr(self, name)!r}; allowed: {', '.join(allowed)}")
