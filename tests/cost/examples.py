"""Small spaces and units whose costs can be worked out by hand, and enumeration to compare with."""

import itertools
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import strategies as st

from nasjax.cost.table import CostTable, Factor
from nasjax.space import Choice, SearchSpace
from nasjax.typing import Unit

WIDTHS = (4, 8)
INNER = (2, 3, 5)


def spec(*shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def conv3(params, x):
    return jax.lax.conv_general_dilated(x, params["w"], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def two_conv3(params, x):
    return conv3(params["second"], jnp.maximum(conv3(params["first"], x), 0))


def block_space() -> SearchSpace:
    """A trunk width and two optional blocks with an inner width each: 2 * (1 + 3)**2 = 32 networks."""
    blocks = [
        choice
        for b in ("b1", "b2")
        for choice in (
            Choice(f"{b}.op", ("off", "two"), "operator", default=1),
            Choice(f"{b}.inner", tuple(map(str, INNER)), "channel", active=(f"{b}.op", ("two",))),
        )
    ]
    return SearchSpace(
        "blocks", (Choice("width", tuple(map(str, WIDTHS)), "channel"), *blocks), ("operator", "channel")
    )


def block_units(height: int, width: int) -> list[Unit]:
    """A stem of one 3x3 convolution from 3 channels, and two blocks of two 3x3 convolutions."""

    def stem(options: Mapping[str, int]):
        return conv3, {"w": spec(3, 3, 3, WIDTHS[options["width"]])}, spec(1, height, width, 3)

    def block(name: str) -> Unit:
        def build(options: Mapping[str, int]):
            if options[f"{name}.op"] == 0:
                return None
            trunk, inner = WIDTHS[options["width"]], INNER[options[f"{name}.inner"]]
            params = {"first": {"w": spec(3, 3, trunk, inner)}, "second": {"w": spec(3, 3, inner, trunk)}}
            return two_conv3, params, spec(1, height, width, trunk)

        return Unit(name, ("width", f"{name}.op", f"{name}.inner"), build)

    return [Unit("stem", ("width",), stem), block("b1"), block("b2")]


def block_params(space: SearchSpace, arch: np.ndarray) -> int:
    """Parameters of a network of `block_space`, from its options' names."""
    options = space.decode(arch)
    width = int(options["width"])
    inner = sum(int(options.get(f"{b}.inner", 0)) for b in ("b1", "b2"))
    return 9 * (3 * width + 2 * width * inner)


def networks(space: SearchSpace) -> np.ndarray:
    """All canonical archs under the mask, by enumeration."""
    options = [space.options(choice.name) for choice in space.choices]
    return np.unique(space.canonical(np.array(list(itertools.product(*options)), np.int32)), axis=0)


# Objects of nasjax are made from a drawn seed, outside of strategies: checked annotations draw random numbers of their
# own, which hypothesis rejects inside one.
SEEDS = st.integers(0, 2**32 - 1)


def random_space(seed: int) -> SearchSpace:
    """Up to six choices of up to three options, with nested conditions and masks."""
    rng = np.random.default_rng(seed)
    choices: list[Choice] = []
    for i in range(rng.integers(1, 7)):
        active = None
        if i and rng.random() < 0.5:
            parent = choices[rng.integers(i)]
            active = parent.name, tuple(o for o in parent.options if rng.random() < 0.5)
        choices.append(Choice(f"c{i}", ("a", "b", "c")[: rng.integers(1, 4)], "only", active=active))
    masks = [tuple((rng.random(len(c.options)) < 0.7).tolist()) for c in choices]
    allowed = tuple(mask if any(mask) else (True,) * len(mask) for mask in masks)
    return SearchSpace("random", tuple(choices), ("only",), allowed)


def random_table(seed: int, costs: tuple[str, ...] = ("params", "macs")) -> CostTable:
    """A random space with random costs that look at up to three choices each."""
    rng = np.random.default_rng(seed)
    space = random_space(seed)
    terms = {cost: tuple(_factor(space, rng) for _ in range(rng.integers(1, 6))) for cost in costs}
    return CostTable(space, terms)


def _factor(space: SearchSpace, rng: np.random.Generator) -> Factor:
    num = int(rng.integers(0, min(3, space.num_choices) + 1))
    choices = tuple(rng.permutation(space.num_choices)[:num].tolist())
    return Factor(choices, np.asarray(rng.integers(1, 20, [len(space.choices[c].options) for c in choices])))
