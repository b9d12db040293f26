"""The end of a style search in the terminal."""

from pathlib import Path
from typing import Any

from nasjax.cost.profile import readable


def style_table(results: dict[str, Any], path: Path) -> str:
    """The finalists of `results.json` as a plain table, with the protocol below."""
    lines = ["", "finalist   total  +- spread    edge   style   params     MACs"]
    for place, row in enumerate(results["finalists"]):
        figures = f"{row['total']:8.4f} {row['spread']:9.4f} {row['edge']:8.4f} {row['style']:7.4f}"
        lines.append(f"{place:<8} {figures} {readable(row['params']):>8} {readable(row['macs']):>8}")
    teacher = results["teacher"]
    lines.append(f"everything on (inherited)    {teacher['edge']:8.4f} {teacher['style']:7.4f}")
    width, height = results["macs_at"]
    lines += [
        "",
        f"{results['protocol']}; MACs at {width}x{height}; smaller is better",
        f"found   {results['arch']}",
        f"use it  nasjax stylize content.jpg style.jpg out.jpg --network {path / 'network'}",
    ]
    return "\n".join(lines)
