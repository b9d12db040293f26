"""The pictures of a style run: some of the pairs it compares candidates on, with what the found network makes."""

import jax
import jax.numpy as jnp
import numpy as np

from nasjax.chain.folder import RunFolder
from nasjax.chain.pictures import credit_of, save_picture, squares
from nasjax.chain.style.problem import StyleProblem
from nasjax.data.style_pairs import pair_names, square_pairs
from nasjax.ops.guided import keep_detail
from nasjax.tasks.base import to_float
from nasjax.typing import Arch, Params

_CROP = 64  # pixels a side of a zoomed detail
_LARGER, _LARGEST = 3, 512  # times the size at which candidates are compared; pixels a side


def save_pairs(run: RunFolder, problem: StyleProblem, arch: Arch, *, params: Params, most: int = 4) -> None:
    """Write `images/pair-N_LABEL.png` (content, found, style) and `images.json` for at most `most` of the pairs."""
    wanted = problem.config.pairs
    size = wanted.size * max(1, min(_LARGER, _LARGEST // wanted.size))
    contents, styles = square_pairs(wanted.search, number=wanted.number, size=size, take=wanted.take)
    names = pair_names(wanted.search, number=wanted.number, take=wanted.take)
    module, smooth = problem.stylising.extract(arch), problem.config.smooth

    @jax.jit
    def stylise(params: Params, pair: jax.Array) -> jax.Array:
        x = to_float(pair)
        y = module.apply({"params": params}, x)[0]
        return (keep_detail(x[0], y) if smooth else y).clip(-1, 1)

    rows = []
    # Embedded photographs serve as content and, in the other half of the list, as style.
    number = max(1, wanted.number // 2) if wanted.search == "embedded" else wanted.number
    for place in sorted({i * number // most for i in range(most)}):
        content, style = contents[place], styles[place]
        found = np.asarray(stylise(params, jnp.stack([content, style])))
        pixels = {"content": content, "found": np.round((found + 1) * 127.5).astype(np.uint8), "style": style}
        files = {label: f"images/pair-{place + 1}_{label}.png" for label in pixels}
        for label, file in files.items():
            save_picture(run, file, pixels[label])
        rows.append(
            {
                "name": " in the style of ".join(dict.fromkeys(names[place])),
                "credit": " / ".join(dict.fromkeys(filter(None, map(credit_of, names[place])))),
                # The style shows something else: it stands beside the two that can be compared.
                "panels": [{"label": label, "file": files[label], "psnr_y": None} for label in ("content", "found")],
                "beside": [{"label": "style", "file": files["style"]}],
                "crops": squares(_busy(content), _CROP, 2),
            }
        )
    run.write("images.json", rows)


def _busy(image: np.ndarray) -> np.ndarray:
    """How much neighbouring pixels differ, `[h, w]`: where edges may be lost."""
    grey = image.astype(np.float32).mean(-1)
    down, right = (np.abs(np.diff(grey, axis=axis, append=grey.take([-1], axis))) for axis in (0, 1))
    return down + right
