"""The pictures of a style run: some of the pairs that candidates are compared on, with what networks make of them."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nasjax.apply.levels import to_levels
from nasjax.data.embedded import credit_of
from nasjax.data.style_pairs import pair_names, square_pairs
from nasjax.ops.guided import keep_detail
from nasjax.shown import Panel, Strip, busy, squares
from nasjax.system import Predict
from nasjax.tasks.base import to_float

_CROP = 64  # pixels a side of a zoomed detail
_LARGER, _LARGEST = 3, 512  # times the size at which candidates are compared; pixels a side
_MOST = 4  # pairs that are shown


def strips(predicts: Mapping[str, Predict], wanted: Any, *, smooth: bool) -> list[Strip]:
    """Content, outputs, and the style beside them; `wanted` are the settings of the pairs."""
    size = wanted.size * max(1, min(_LARGER, _LARGEST // wanted.size))
    contents, styles = square_pairs(wanted.search, number=wanted.number, size=size, take=wanted.take)
    names = pair_names(wanted.search, number=wanted.number, take=wanted.take)
    # Embedded photographs serve as content and, in the other half of the list, as style.
    number = max(1, wanted.number // 2) if wanted.search == "embedded" else wanted.number
    found = []
    for place in sorted({i * number // _MOST for i in range(_MOST)}):
        content, style, pair = contents[place], styles[place], names[place]
        x = to_float(jnp.stack([content, style]))
        made = tuple(Panel(name, _pixels(predict(x)[0], x[0], smooth)) for name, predict in predicts.items())
        found.append(
            Strip(
                f"{place + 1} " + " in the style of ".join(dict.fromkeys(pair)),
                (Panel("content", content), *made),
                # The style shows something else: it stands beside those that can be compared.
                (Panel("style", style),),
                squares(busy(content), _CROP, 2),
                " / ".join(dict.fromkeys(filter(None, map(credit_of, pair)))),
            )
        )
    return found


def _pixels(y: jax.Array, content: jax.Array, smooth: bool) -> np.ndarray:
    return to_levels(np.asarray(jax.jit(keep_detail)(content, y) if smooth else y), deep=False)
