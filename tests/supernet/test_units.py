"""The pieces of a supernet: found by walks that trace each operation once, refused where widths interact."""

import numpy as np
import pytest

from nasjax.cost.table import tabulate
from nasjax.ops.base import Op
from nasjax.ops.layers import conv_op
from nasjax.space import Choice, SearchSpace
from nasjax.spaces.sr_cell import sr_cell
from nasjax.supernet.base import Supernet
from nasjax.supernet.units import units


def _two_widths(forward) -> Supernet:
    choices = tuple(Choice(name, ("4", "8", "6"), "only") for name in ("a", "b"))
    return Supernet(SearchSpace("two", choices, ("only",)), forward)


def test_widths_in_a_row():
    """Each layer looks at the widths that reach it, at whatever place of the list they stand."""

    def forward(net, x):
        h = net.layer("first", conv_op(1), x, out=net.width("a"))
        return net.layer("second", conv_op(1), h, out=net.width("b"))

    net = _two_widths(forward)
    pieces = units(net, (1, 4, 4, 3))
    assert [(p.name, p.choices) for p in pieces] == [("first", ("a",)), ("second", ("a", "b"))]
    params = tabulate(net.space, pieces)(np.array([[0, 1], [2, 2]], np.int32))["params"]
    assert params.tolist() == [4 * 4 + 5 * 8, 4 * 6 + 7 * 6]


def test_interacting_widths_are_refused():
    """The larger of two widths changes with neither alone: a table by single widths would be wrong, so it is none."""

    def forward(net, x):
        return net.layer("joined", conv_op(1), x, out=max(net.width("a"), net.width("b")))

    with pytest.raises(ValueError, match="two: the widths that reach 'joined' interact"):
        units(_two_widths(forward), (1, 4, 4, 3))


def test_walks_trace_each_operation_once():
    """However many blocks and widths there are, an operation is run once for each of its input shapes and widths."""
    seen = []

    def apply(p, x, out, inner):
        seen.append((x.shape, out, inner))
        return op.apply(p, x, out, inner)

    op = conv_op(3)
    counted = Op("counted", op.params, apply)

    def forward(net, x):
        h = net.layer("stem", op, x, out=net.width("trunk"))
        for i in range(5):
            h = net.layer(f"l{i}", counted, h, out=net.width("trunk"))
        return h

    space = SearchSpace("chain", (Choice("trunk", ("4", "8", "16"), "only"),), ("only",))
    pieces = units(Supernet(space, forward), (1, 4, 4, 3))
    for option in range(3):
        for piece in pieces:
            piece.build({c: option for c in piece.choices})
    assert sorted(seen) == [((1, 4, 4, width), width, width) for width in (4, 8, 16)]


def test_formulation_of_the_pieces():
    """Counting looks at native primitives whatever the backend; for measuring, pieces run as the backend would."""
    net = sr_cell(2, blocks=1, ops=("sep3",), trunk=(8,), inner=(8,))
    how = {h: next(p for p in units(net, (1, 8, 8, 3), how=h) if p.name == "b1") for h in ("native", "cpu")}
    counted = {h: tabulate(net.space, [unit]).maximum("macs").value for h, unit in how.items()}
    depthwise, pointwise = 2 * 64 * 9 * 8, 2 * 64 * 8 * 8
    assert counted == {"native": depthwise + pointwise, "cpu": pointwise}  # shifted products are no convolution
