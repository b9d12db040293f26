"""What a system answers: the networks it searches, and how they are trained, scored, compared, shown and shipped.

A system is settings, a frozen dataclass, and two questions (`nasjax.config.System`): which networks there are, and,
once pictures and frozen weights are read, the functions of a `Ground`. The chain asks them; it knows no system by name.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import jax
import numpy as np

from nasjax.sampling import Sampler
from nasjax.shown import Measure, Strip
from nasjax.supernet.base import Supernet
from nasjax.task import Task
from nasjax.tasks.base import Model
from nasjax.tasks.trial import Trial
from nasjax.typing import Params

# One network as a function of what the system feeds it, whichever mode it runs in.
Predict: TypeAlias = Callable[[Any], Any]


class Networks(NamedTuple):
    """The networks of a space: one supernet, and the forms in which it is scored, counted and rebuilt.

    `scored` and `counted` have the space and params of `supernet`, which is trained; None: that itself.
    """

    supernet: Supernet
    input_at: Callable[[int, int], tuple[int, ...]]  # (width, height) that costs are stated for -> the input's shape
    builder: tuple[str, Mapping[str, Any]] | None = None  # name in `export.network.BUILDERS`, arguments as JSON values
    scored: Supernet | None = None
    counted: Supernet | None = None
    untrained: tuple[str, ...] = ()  # stages whose choices have no parameters
    min_size: int = 1  # the least height and width that an exported graph must take
    # The same networks with narrower stand-ins for what later stages decide, the widest first: the chain takes the
    # first of which half of the first stage's networks keep the budgets, or the last.
    narrower: tuple[Callable[[], "Networks"], ...] = ()


class Tested(NamedTuple):
    """Measures of a finished network, and those of single pictures by their names where there are some."""

    values: Mapping[str, float]
    pictures: Mapping[str, Mapping[str, float]] = {}


class Shipped(NamedTuple):
    """A network to be written down: its arch, the params of `extract_params`, and what is said of it."""

    arch: np.ndarray
    params: Params
    metrics: Sequence[Mapping[str, Any]]  # {name, value, data, protocol}, for the card
    formats: tuple[str, ...]
    experiment: Mapping[str, Any]  # what it stems from, as `config.json` has it
    trainable: bool = False  # whether the weights as they were trained go beside


class Found(NamedTuple):
    """What a search has come to, as its rivals are chosen by it."""

    arch: np.ndarray
    costs: Mapping[str, int]  # counted on the network itself
    shared: Params  # of the supernet


class Rival(NamedTuple):
    """Something that the found network is compared with: a network to train, one as it is, or any function.

    A network has `networks` and `arch`; `start` are its initial params (None: random). Anything else is `predict`.
    """

    name: str
    note: str
    networks: Networks | None = None
    arch: np.ndarray | None = None
    start: Params | None = None
    trained: bool = True
    predict: Predict | None = None


def _nothing(*given: Any) -> tuple[Any, ...]:
    return ()


class Ground(NamedTuple):
    """What is fixed before the first step, as functions over pictures and weights that are read and checked.

    The first seven are needed; the others have a default that does without.
    """

    measures: tuple[Measure, ...]  # the scores; costs are the chain's own
    objectives: tuple[str, ...]  # what searches minimise: names of measures or costs ("cost": relative to the dearest)
    weights: Mapping[str, float]  # of the sum that decides, smallest first, over measures or costs
    protocol: str  # on what finished networks are compared
    # (model, sampler, images a stream) -> the task of a training
    task: Callable[[Model, Sampler, int], Task]
    # (shared params) -> arrays that outputs are compared with while candidates are searched
    judge: Callable[[Params], Any]
    # (predict, judge) -> a scalar for each measure that a search sees; traceable
    score: Callable[[Predict, Any], Mapping[str, jax.Array]]
    search_protocol: str = ""  # on what candidates are compared; "": as finished networks
    # (batch spec of this process, seed, (process, processes)) -> batches; None: patches of the experiment's pictures
    batches: Callable[[Mapping[str, Any], int, tuple[int, int]], Any] | None = None
    frozen: Params = {}  # layers of the generator that no training may move
    trial: Trial | None = None  # None: candidates are scored on shared weights, by `score`
    # random shared weights -> those that a search begins with
    start: Callable[[Params], Params] = lambda params: params
    # (predict) -> measures of a finished network on held-out data; None: `score`
    test: Callable[[Predict], Tested] | None = None
    rivals: Callable[[Found], Sequence[Rival]] = _nothing
    show: Callable[[Mapping[str, Predict]], Sequence[Strip]] = _nothing
    # (folder, network) -> the manifest of what was written; None: a bundle (`export.bundle`)
    export: Callable[[Path, Shipped], Mapping[str, Any]] | None = None
    diagram: Callable[[np.ndarray], Mapping[str, Any]] | None = None  # the found network as nodes and edges
    use: str = "nasjax apply {bundle} in.png out.png"  # how the bundle is used, for people


def same_size(channels: int = 3) -> Callable[[int, int], tuple[int, ...]]:
    """`Networks.input_at` of networks whose output is as large as their input."""
    return lambda width, height: (1, height, width, channels)
