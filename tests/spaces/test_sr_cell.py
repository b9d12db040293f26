"""The space of super-resolution generators: what may be asked for, and what is refused by name."""

import pytest

from nasjax.spaces.sr_cell import sr_cell


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"scale": 5}, "scale 5; allowed: 2, 3, 4"),
        ({"ops": ("res", "conv9")}, "unknown operation 'conv9'; allowed: .*res"),
        ({"trunk": (16, 8)}, r"trunk widths must be positive and ascending, got \(16, 8\)"),
        ({"inner": ()}, "inner widths must be positive"),
        ({"inner": (8, 12), "ops": ("group",)}, "multiples of 8"),
        ({"attention": ("none", "channel")}, "unknown attention 'channel'; allowed: none, ca, sa, both"),
        ({"attention": ()}, "unknown attention 'nothing'"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, said):
    """The value and what is allowed are named."""
    with pytest.raises(ValueError, match=said):
        sr_cell(**arguments)


def test_the_branches_of_attention_are_those_asked_for():
    """Two of four leave half of the networks; their params are those of the whole space."""
    whole, some = (
        sr_cell(2, blocks=1, trunk=(8,), inner=(8,), ops=("res",), **given)
        for given in ({}, {"attention": ("none", "sa")})
    )
    assert whole.space.size() == 2 * some.space.size()
    assert some.space.choices[some.space.index("att")].options == ("none", "sa")
