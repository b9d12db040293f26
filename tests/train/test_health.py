"""What a discriminator's logged scores say: each fault by rows that have it, and none by rows that do not."""

import math

import pytest

from nasjax.train.health import WINDOW, diagnose

COUNT = 4 * WINDOW


def rows(**values):
    """Rows of a healthy hinge game, of which some numbers follow other functions of the row."""
    healthy = {
        "real": lambda i: 0.6 + 0.2 * math.sin(i),
        "fake": lambda i: -0.5 + 0.3 * math.cos(i),
        "loss": lambda i: 0.9 + 0.2 * math.cos(2 * i),
        "grad_norm": lambda i: 1.5 + math.sin(3 * i),
    }
    return [
        {"phase": "p", "step": 50 * i, "loss": 1.0, "generator/grad_norm": 1.0}
        | {f"discriminator/{name}": fn(i) for name, fn in (healthy | values).items()}
        for i in range(1, COUNT + 1)
    ]


def test_a_healthy_game():
    """Nothing is said of it, nor of a training without a game, nor before there are enough rows."""
    assert diagnose(rows()) == []
    assert diagnose([{"step": i, "loss": 1.0, "grad_norm": 1e9} for i in range(COUNT)]) == []
    assert diagnose(rows(real=lambda i: 1e9)[: WINDOW - 1]) == []


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("exploding", {"real": lambda i: math.exp(i / 3)}),
        ("exploding", {"fake": lambda i: -40.0 * i}),
        ("exploding", {"real": lambda i: None if i == COUNT else 1.0}),
        ("exploding", {"grad_norm": lambda i: 0.2 * 1.3**i}),
        ("blind", {"real": lambda i: 0.1 / i**2, "fake": lambda i: -0.1 / i**2}),
        ("unbeatable", {"loss": lambda i: 1 / i**2 if i < COUNT - WINDOW else 1e-3}),
    ],
)
def test_faults_are_named(name, values):
    """With the player, the first step of the window, and what may help."""
    (found,) = diagnose(rows(**values))
    assert (found.name, found.player, found.step) == (name, "discriminator", 50 * (COUNT - WINDOW + 1))
    assert str(found).startswith(f"discriminator is {name} since step 1250: ") and len(found.advice) > 30


def test_a_single_outlier_is_no_fault():
    """One row of a large score, of equal scores or of no loss is not the state of a game."""
    last = lambda value, usual: lambda i: value if i == COUNT else usual  # noqa: E731
    assert diagnose(rows(real=last(1e6, 0.6))) == []
    assert diagnose(rows(real=last(-0.5, 0.6), fake=lambda i: -0.5)) == []
    assert diagnose(rows(loss=last(0.0, 0.9))) == []


def test_a_negative_loss_is_no_victory():
    """A Wasserstein game's loss is below 0 while the discriminator is ahead."""
    assert diagnose(rows(loss=lambda i: -1.0)) == []


def test_every_discriminator_is_looked_at():
    """Several players with scores are told apart."""
    both = [{**row, "critic/real": 0.0, "critic/fake": 0.0, "critic/loss": 2.0} for row in rows()]
    assert [(d.player, d.name) for d in diagnose(both)] == [("critic", "blind")]


@pytest.mark.parametrize(
    ("name", "real", "fake"), [("exploding", 1e9, -1e9), ("blind", 0.2, 0.2), ("exploding", None, 0.0)]
)
def test_the_game_of_the_other_domain_is_looked_at_too(name, real, fake):
    """A cycle has a second one; healthy, nothing is said of it."""
    second = {"real_input": lambda i: real, "fake_input": lambda i: fake}
    (found,) = diagnose(rows(**second))
    assert (found.name, found.player) == (name, "discriminator")
    assert diagnose(rows(real_input=lambda i: 0.5 + 0.1 * math.sin(i), fake_input=lambda i: -0.5)) == []
