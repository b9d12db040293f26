"""The pictures of a run: strips for the report, and one before/after image."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from nasjax.chain.folder import RunFolder
from nasjax.shown import Panel, Strip
from nasjax.train.processes import is_first

_LARGER = 3  # times that a detail is enlarged


def save_strips(run: RunFolder, strips: Sequence[Strip]) -> None:
    """Write `images/NAME_LABEL.png`, `images.json`, and `before_after.png` of the first strip."""
    rows = []
    for strip in strips if is_first() else ():
        panels = [_saved(run, strip, panel) for panel in strip.panels]
        beside = [_saved(run, strip, panel) for panel in strip.beside]
        details = [list(square) for square in strip.details]
        rows.append({"name": strip.name, "credit": strip.credit, "panels": panels, "beside": beside, "crops": details})
    run.write("images.json", rows)
    if rows:
        before_after(strips[0]).save(run.path / "before_after.png")


def before_after(strip: Strip) -> Image.Image:
    """A detail of each panel enlarged three times, side by side with its label; the input's blocks are left out."""
    height, width = strip.panels[0].pixels.shape[:2]
    x, y, w, h = strip.details[0] if strip.details else (0, 0, width, height)
    tall, wide = min(2 * h, height), min(2 * w, width)
    y, x = max(0, min(y - h // 4, height - tall)), max(0, min(x - w // 4, width - wide))
    shown, bar = [p for p in strip.panels if p.label != "input"] or list(strip.panels), 28
    sheet = Image.new("RGB", (len(shown) * (_LARGER * wide + 8) - 8, _LARGER * tall + bar), "white")
    draw = ImageDraw.Draw(sheet)
    for i, panel in enumerate(shown):
        detail = Image.fromarray(np.ascontiguousarray(panel.pixels[y : y + tall, x : x + wide]))
        detail = detail.resize((_LARGER * wide, _LARGER * tall), Image.Resampling.NEAREST)
        sheet.paste(detail, (i * (_LARGER * wide + 8), bar))
        draw.text((i * (_LARGER * wide + 8) + 4, 4), panel.label, fill="black", font_size=16)
    return sheet


def _saved(run: RunFolder, strip: Strip, panel: Panel) -> dict:
    file = f"images/{strip.name}_{panel.label}".replace(" ", "-") + ".png"
    target = run.path / file
    target.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(panel.pixels).save(target)
    scores = {name: round(float(value), 4) for name, value in panel.scores.items()}
    return {"label": panel.label, "file": file, "scores": scores}
