"""Networks of a space drawn uniformly, for medians and fractions."""

import math

import numpy as np
from jaxtyping import Int

from nasjax.space import SearchSpace


def sample_networks(space: SearchSpace, num: int, *, seed: int = 0) -> Int[np.ndarray, "n k"]:
    """`num` canonical archs, each distinct network of the mask equally likely; the same seed gives the same archs.

    Options that open many further choices are drawn more often, in proportion to the networks they stand for; so
    `fraction * space.size()` estimates a number of networks without bias.
    """
    rng = np.random.default_rng(seed)
    archs = np.zeros((num, space.num_choices), np.int32)
    active = np.ones(archs.shape, bool)
    weights = _weights(space)
    for i, choice in enumerate(space.choices):
        if choice.active is not None:
            parent, asked = choice.active
            options = [space.option(parent, option) for option in asked]
            active[:, i] = active[:, space.index(parent)] & np.isin(archs[:, space.index(parent)], options)
        archs[:, i] = np.where(active[:, i], _draw(rng, num, weights[i]), 0)
    return archs


def _draw(rng: np.random.Generator, num: int, weights: list[int]) -> np.ndarray:
    total, allowed = sum(weights), np.flatnonzero(weights)
    if not total:  # no option leads to a network, so the choice is never active
        return np.zeros(num, np.int32)
    # Python's integers divide correctly rounded, however large. The last edge is left out: rounding cannot overshoot.
    edges = np.cumsum([weights[option] / total for option in allowed])[:-1]
    return allowed[np.searchsorted(edges, rng.random(num), side="right")]


def _weights(space: SearchSpace) -> list[list[int]]:
    """How many networks each option of each choice stands for, given that the choice is active; 0 if not allowed."""
    weights: list[list[int]] = [[] for _ in space.choices]
    for i in reversed(range(space.num_choices)):
        choice = space.choices[i]
        children = [
            (sum(weights[j]), c.active[1])
            for j, c in enumerate(space.choices)
            if c.active and c.active[0] == choice.name
        ]
        weights[i] = [
            on * math.prod(total for total, asked in children if option in asked)
            for option, on in zip(choice.options, space.allowed[i], strict=True)
        ]
    return weights
