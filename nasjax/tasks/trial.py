"""What a system says of candidates that have to be trained to be told apart."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nasjax.say import Say
from nasjax.typing import Params


class Trial(NamedTuple):
    """How candidates are scored that shared weights cannot tell apart: each is trained for a while, by the system.

    `score(shared params, archs, folder, say, spares)` gives each measure that a search sees, one number an arch, NaN
    where a training failed, followed by one a spare, an arch that is tried when another one's training fails, NaN where
    it was not. It keeps in `folder` what it goes on from when it was stopped, and the weights that were scored,
    which `params(arch, folder)` reads: those of `extract_params`, or None.
    """

    score: Callable[[Params, np.ndarray, Path, Say, np.ndarray], Mapping[str, np.ndarray]]
    params: Callable[[np.ndarray, Path], Params | None]
