"""Options of settings are checked when they are given, wherever they are."""

from dataclasses import dataclass, replace
from typing import Literal

import pytest

from nasjax.chain.configs import as_dict, from_dict, load_config
from nasjax.options import check_options


@dataclass(frozen=True)
class Inner:
    """Settings inside others."""

    kind: Literal["a", "b"] = "a"


@dataclass(frozen=True)
class Outer:
    """One of each place that an option may have."""

    inner: Inner = Inner()
    several: tuple[Inner, ...] = ()
    names: tuple[Literal["x", "y"], ...] = ("x",)
    maybe: Literal[1, 2] | None = None
    free: str = "anything"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (Outer(Inner("c")), "mine.inner.kind: unknown 'c'; allowed: a, b"),  # type: ignore[arg-type]
        (Outer(several=(Inner(), Inner("c"))), r"mine.several\[1\].kind: unknown 'c'"),  # type: ignore[arg-type]
        (Outer(names=("x", "z")), r"mine.names\[1\]: unknown 'z'; allowed: x, y"),  # type: ignore[arg-type]
        (Outer(maybe=3), "mine.maybe: unknown 3; allowed: 1, 2"),  # type: ignore[arg-type]
    ],
)
def test_unknown_options_are_named(settings, said):
    """By the field as its user calls it, with what is allowed."""
    check_options(Outer(several=(Inner("b"),), names=("y", "x"), maybe=2), "mine")
    with pytest.raises(ValueError, match=said):
        check_options(settings, "mine")


def test_a_config_is_looked_at_when_it_is_made():
    """From Python and from JSON: a sampler that is misspelt trains nothing."""
    experiment = load_config("quickstart")
    stage = replace(experiment.stages[0], sampler="strict_fair")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"config.stages\[0\].sampler: unknown 'strict_fair'; allowed: strict-fair, "):
        replace(experiment, stages=(stage, *experiment.stages[1:]))
    told = as_dict(experiment)
    told["final"]["formats"] = ["onx"]
    with pytest.raises(ValueError, match=r"config.final.formats\[0\]: unknown 'onx'; allowed: stablehlo, onnx"):
        from_dict(told)
