"""The bit strings in which StyleNAS writes its networks, to and from archs of `photonet` (arXiv 1906.02470).

32 characters, of which the ninth is not used: five for the bottleneck (transfer; features of relu4_1 .. relu1_1), three
for stage 5 (transfer, extra convolution, another after up-sampling), seven each for stages 4 and 3 (transfer, instance
norm of the skip, concatenate it, extra convolution, 3x3 reduction, extra convolution after up-sampling, transfer on the
skip), five for stage 2 (no extra convolution, no reduction) and four for stage 1.
"""

from nasjax.space import SearchSpace
from nasjax.typing import Arch

PUBLISHED = "01010000000100000000000000001111"
"""The network that the authors published: two transfers, both at full resolution."""

_FULL = ("wct", "in", "cat", "extra", "reduce", "up", "skip")
_CHOICES: tuple[str | None, ...] = (
    "bn.wct",
    *(f"bfa{level}" for level in (4, 3, 2, 1)),
    *("d5.wct", "d5.extra", "d5.up", None),
    *(f"d4.{part}" for part in _FULL),
    *(f"d3.{part}" for part in _FULL),
    *(f"d2.{part}" for part in ("wct", "in", "cat", "up", "skip")),
    *(f"d1.{part}" for part in ("wct", "in", "cat", "skip")),
)


def to_bits(space: SearchSpace, arch: Arch) -> str:
    """The bit string of an arch of the five-level space; operators and widths, which it cannot say, are left out.

    Raises ValueError for another space.
    """
    _check(space)
    arch = space.check(arch)
    return "".join("0" if name is None else str(int(arch[space.index(name)] > 0)) for name in _CHOICES)


def from_bits(space: SearchSpace, bits: str) -> Arch:
    """The canonical arch of a bit string: operators and widths at their defaults, where there are any.

    A bit that has no effect (instance norm of a skip that is not concatenated) is dropped. Raises ValueError for
    another space, length or character.
    """
    _check(space)
    if len(bits) != len(_CHOICES) or set(bits) - set("01"):
        raise ValueError(f"{space.name}: a bit string is {len(_CHOICES)} characters 0 or 1, got {bits!r}")
    arch = space.default_arch()
    for name, bit in zip(_CHOICES, bits, strict=True):
        if name is not None:
            arch[space.index(name)] = int(bit)
    return space.canonical(arch)


def _check(space: SearchSpace) -> None:
    known = {c.name for c in space.choices}
    if missing := [name for name in _CHOICES if name is not None and name not in known]:
        raise ValueError(f"{space.name} has no choice {missing[0]!r}: bit strings belong to photonet with five levels")
