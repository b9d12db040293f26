"""Draw the figure of `docs/results/speed.md` from what `scripts/bench_scaling.py --json` printed.

python scripts/plot_speed.py [docs/results/speed_scaling.json] [docs/images/speed_scaling.svg]
"""

import json
import math
import sys
from pathlib import Path

COLOURS = {"options": "#1b7f79", "blocks": "#c1553b", "patch": "#3a5fcd", "batch": "#8a6d1d", "width": "#7d3c98"}
LEFT, TOP, SIDE, GAP = 60, 30, 330, 90


def _line(points: list[tuple[float, float]], colour: str, name: str) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in points)
    x, y = points[-1]
    return (
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>{dots}'
        f'<text x="{x + 7:.1f}" y="{y + (-8 if name == "options" else 4):.1f}" style="fill:{colour}">{name}</text>'
    )


def _panel(left: float, title: str, x_name: str, y_name: str) -> str:
    middle, bottom = left + SIDE / 2, TOP + SIDE
    return (
        f'<rect x="{left}" y="{TOP}" width="{SIDE}" height="{SIDE}" fill="none" stroke="#bbb"/>'
        f'<text x="{middle}" y="{TOP - 10}" text-anchor="middle" font-weight="600">{title}</text>'
        f'<text x="{middle}" y="{bottom + 36}" text-anchor="middle">{x_name}</text>'
        f'<text transform="translate({left - 44} {TOP + SIDE / 2}) rotate(-90)" text-anchor="middle">{y_name}</text>'
    )


def _log(value: float, low: float, high: float) -> float:
    return (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))


def work(rows: list[dict], left: float) -> str:
    """Milliseconds of a step against the work in it, both logarithmic, with a line of constant rate."""
    x = lambda v: left + SIDE * _log(v, 0.1, 5)  # noqa: E731
    y = lambda v: TOP + SIDE * (1 - _log(v, 8, 400))  # noqa: E731
    parts = [_panel(left, "A step against its work", "GFLOP a step", "ms")]
    for v in (0.1, 0.2, 0.5, 1, 2, 5):
        parts.append(f'<text x="{x(v):.1f}" y="{TOP + SIDE + 17}" text-anchor="middle" class="t">{v:g}</text>')
    for v in (10, 20, 50, 100, 200, 400):
        parts.append(f'<text x="{left - 6}" y="{y(v) + 4:.1f}" text-anchor="end" class="t">{v}</text>')
    rate = [(x(g), y(58 * g)) for g in (0.15, 5)]
    parts.append(f'<line x1="{rate[0][0]:.1f}" y1="{rate[0][1]:.1f}" x2="{rate[1][0]:.1f}" y2="{rate[1][1]:.1f}" '
                 'stroke="#999" stroke-dasharray="5 4"/>')  # fmt: skip
    for name, colour in COLOURS.items():
        mine = [r for r in rows if r["vary"] == name]
        parts.append(_line([(x(r["gflop"]), y(r["ms"])) for r in mine], colour, name))
    return "".join(parts)


def devices(rows: list[dict], left: float) -> str:
    """Milliseconds of a whole step of one batch over more and more devices of one host."""
    top = 1.15 * max(r["ms"] for r in rows)
    x = lambda n: left + SIDE * (0.08 + 0.84 * math.log2(n) / 3)  # noqa: E731
    y = lambda v: TOP + SIDE * (1 - v / top)  # noqa: E731
    parts = [_panel(left, "One batch over fake devices of one host", "devices", "ms")]
    for r in rows:
        parts.append(f'<text x="{x(r["devices"]):.1f}" y="{TOP + SIDE + 17}" text-anchor="middle" class="t">'
                     f'{r["devices"]}</text>')  # fmt: skip
    for v in range(0, int(top), 100):
        parts.append(f'<text x="{left - 6}" y="{y(v) + 4:.1f}" text-anchor="end" class="t">{v}</text>')
    parts.append(_line([(x(r["devices"]), y(r["ms"])) for r in rows], "#333", ""))
    return "".join(parts)


def main() -> None:
    source, target = "docs/results/speed_scaling.json", "docs/images/speed_scaling.svg"
    if len(sys.argv) == 3:
        source, target = sys.argv[1:]
    found = json.loads(Path(source).read_text(encoding="utf-8"))
    second = LEFT + SIDE + GAP + 50
    width, height = second + SIDE + 40, TOP + SIDE + 50
    style = "<style>text{font:13px sans-serif;fill:#333}.t{font-size:11px}</style>"
    body = work(found["sizes"], LEFT) + devices(found["devices"], second)
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">{style}<rect width="100%" height="100%" fill="white"/>{body}</svg>\n'  # fmt: skip  # noqa: E501
    Path(target).write_text(svg, encoding="utf-8")
    print(target)


if __name__ == "__main__":
    main()
