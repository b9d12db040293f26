"""The pictures of a run: panels for the report, and one before/after image."""

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw

from nasjax.chain.folder import RunFolder
from nasjax.data.embedded import credit
from nasjax.data.evaluation import EvalImage
from nasjax.ops.resize import imresize_reference

_CROP = 64  # output pixels a side of a zoomed detail


def enlarged(images: Sequence[EvalImage], scale: int) -> list[np.ndarray]:
    """MATLAB's bicubic enlargement of the low-resolution pictures, uint8."""
    return [imresize_reference(image.lr, float(scale)) for image in images]


def save_panels(
    run: RunFolder,
    images: Sequence[EvalImage],
    panels: Mapping[str, Sequence[np.ndarray]],
    *,
    scores: Mapping[str, Sequence[float]],
    most: int = 4,
) -> None:
    """Write `images/NAME_LABEL.png` and `images.json` for the first `most` pictures.

    `panels` maps a label to one output a picture; `scores` maps it to their PSNR where that is known.
    """
    rows = []
    for i, image in enumerate(images[:most]):
        shown = {
            "input": _blocks(image),
            **{label: outputs[i] for label, outputs in panels.items()},
            "ground truth": image.hr,
        }
        files = []
        for label, pixels in shown.items():
            file = f"images/{image.name}_{label.replace(' ', '-')}.png"
            save_picture(run, file, pixels)
            value = scores[label][i] if label in scores else None
            files.append({"label": label, "file": file, "psnr_y": None if value is None else round(value, 3)})
        rows.append(
            {
                "name": image.name,
                "credit": credit_of(image.name),
                "panels": files,
                "crops": details(image, panels["bicubic"][i]),
            }
        )
    run.write("images.json", rows)


def details(image: EvalImage, bicubic: np.ndarray, num: int = 2) -> list[list[int]]:
    """The squares `[x, y, w, h]` that bicubic enlargement gets most wrong, apart from each other."""
    return squares(np.square(image.hr.astype(np.float32) - bicubic).mean(-1), _CROP, num)


def squares(weight: np.ndarray, side: int, num: int) -> list[list[int]]:
    """The squares `[x, y, w, h]` of at most `side` pixels that hold most of `weight` [h, w], apart from each other."""
    side = min(side, *weight.shape)
    sums = np.pad(weight.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    blocks = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    found: list[list[int]] = []
    for _ in range(num):
        y, x = np.unravel_index(np.argmax(blocks), blocks.shape)
        found.append([int(x), int(y), side, side])
        blocks[max(0, y - side) : y + side, max(0, x - side) : x + side] = -1
    return found


def save_picture(run: RunFolder, file: str, pixels: np.ndarray) -> None:
    """Write a picture [h, w, 3] of uint8 into the run folder."""
    target = run.path / file
    target.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(target)


def credit_of(name: str) -> str:
    """The credit of an embedded photograph; empty for others, which are the user's own."""
    try:
        return credit(name)
    except (KeyError, ValueError):
        return ""


def before_after(run: RunFolder, image: EvalImage, panels: Mapping[str, np.ndarray]) -> str:
    """Write `before_after.png`: a detail of each panel enlarged three times, side by side with its label."""
    x, y, w, h = details(image, panels["bicubic"], 1)[0]
    y, x = max(0, min(y - h // 4, image.hr.shape[0] - 2 * h)), max(0, min(x - w // 4, image.hr.shape[1] - 2 * w))
    shown = {**panels, "ground truth": image.hr}
    tile, bar = 3 * 2 * w, 28
    sheet = Image.new("RGB", (len(shown) * (tile + 8) - 8, tile + bar), "white")
    draw = ImageDraw.Draw(sheet)
    for i, (label, pixels) in enumerate(shown.items()):
        detail = Image.fromarray(np.ascontiguousarray(pixels[y : y + 2 * h, x : x + 2 * w]))
        sheet.paste(detail.resize((tile, tile), Image.Resampling.NEAREST), (i * (tile + 8), bar))
        draw.text((i * (tile + 8) + 4, 4), label, fill="black", font_size=16)
    target = run.path / "before_after.png"
    sheet.save(target)
    return str(target)


def _blocks(image: EvalImage) -> np.ndarray:
    """The low-resolution picture as it is, each pixel a block of the output's size."""
    scale = image.hr.shape[0] // image.lr.shape[0]
    return image.lr.repeat(scale, 0).repeat(scale, 1)
