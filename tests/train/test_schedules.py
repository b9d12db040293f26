"""Learning rates at steps worked out by hand."""

import pytest

from nasjax.train.config import TrainConfig
from nasjax.train.schedules import cycle_ends, learning_rate


def rate(step: int, **changes) -> float:
    """The learning rate at a step, peak 1 and end 0.1."""
    return float(learning_rate(TrainConfig(lr=1.0, final_lr=0.1, **changes))(step))


@pytest.mark.parametrize(
    ("schedule", "values"),
    [
        ("constant", {0: 0.0, 5: 0.5, 10: 1.0, 110: 1.0}),
        ("linear", {0: 0.0, 5: 0.5, 10: 1.0, 60: 0.55, 110: 0.1, 200: 0.1}),
        ("cosine", {0: 0.0, 5: 0.5, 10: 1.0, 60: 0.55, 110: 0.1}),
        # Cycles of 20, 40 and 80 steps from step 10: halves at 20 and 50, restarts at 30 and 70.
        ("restarts", {5: 0.5, 10: 1.0, 20: 0.55, 30: 1.0, 50: 0.55, 70: 1.0, 110: 0.55}),
    ],
)
def test_schedules_by_hand(schedule, values):
    """Ten steps of warm-up from 0, then each schedule at its beginning, half and end."""
    for step, expected in values.items():
        found = rate(step, schedule=schedule, steps=110, warmup=10, cycle=20, cycle_growth=2.0)
        assert found == pytest.approx(expected, abs=1e-6), step


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_the_peak_is_held(schedule):
    """Ten steps of warm-up, half of the other hundred at the peak, half-way down in the middle of the rest."""
    for step, expected in {5: 0.5, 10: 1.0, 60: 1.0, 85: 0.55, 110: 0.1}.items():
        found = rate(step, schedule=schedule, steps=110, warmup=10, hold=0.5)
        assert found == pytest.approx(expected, abs=1e-6), step
    assert rate(109, schedule="restarts", steps=110, warmup=0, hold=0.5, cycle=110) < 0.11  # has no such share


def test_the_end_of_a_cycle_is_low():
    """The last step before a restart is near the lower end."""
    assert rate(29, schedule="restarts", steps=110, warmup=10, cycle=20) < 0.11


def test_warmup_takes_at_most_a_tenth():
    """A run of 40 steps warms up for 4, whatever is asked."""
    assert rate(2, steps=40, warmup=1000, schedule="constant") == pytest.approx(0.5)
    assert rate(4, steps=40, warmup=1000, schedule="constant") == pytest.approx(1.0)


def test_without_warmup_the_first_step_is_at_the_peak():
    """No warm-up: no step is lost at a learning rate of 0."""
    assert rate(0, steps=40, warmup=0) == pytest.approx(1.0)


def test_cycles_end_where_snapshots_are_taken():
    """Cycles of 100, 200, 400 steps; one that training cuts short has no end."""
    assert cycle_ends(TrainConfig(steps=700, warmup=0, cycle=100, cycle_growth=2.0)) == (100, 300, 700)
    assert cycle_ends(TrainConfig(steps=699, warmup=0, cycle=100, cycle_growth=2.0)) == (100, 300)
    assert cycle_ends(TrainConfig(steps=250, warmup=50, cycle=100, cycle_growth=1.0)) == (125, 225)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("steps", 0),
        ("lr", 0.0),
        ("ema", 1.0),
        ("hold", 1.0),
        ("schedule", "exponential"),
        ("betas", (0.9, 1.0)),
        ("warmup", -1),
        ("validate_every", -1),
    ],
)
def test_impossible_configs_are_refused_by_field(field, value):
    """The error names the field and the value; the schedule's also what is allowed."""
    # Annotations are checked in tests only: what they would refuse must be refused by the config itself.
    fields = {name: f.default for name, f in TrainConfig.__dataclass_fields__.items()} | {field: value}
    config = object.__new__(TrainConfig)
    for name, each in fields.items():
        object.__setattr__(config, name, each)
    with pytest.raises(ValueError, match=rf"train\.{field}.*{value!r}".replace("(", r"\(").replace(")", r"\)")):
        config.__post_init__()


def test_the_fingerprint_is_what_decides_the_numbers():
    """How often a run is looked at or saved may change at resumption; everything else may not."""
    base = TrainConfig().fingerprint()
    free = {"log_every": 7, "validate_every": 9, "checkpoint_every": 3, "checkpoint_seconds": 1.0, "keep": 5}
    assert TrainConfig(**free).fingerprint() == base
    assert TrainConfig(lr=0.1).fingerprint() != base
    assert not set(free) & set(base)
