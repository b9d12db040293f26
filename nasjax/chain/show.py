"""The end of a run in the terminal: a small table and where to look."""

from pathlib import Path
from typing import Any

from nasjax.cost.profile import readable

_HEAD = ("network", "Y-PSNR", "SSIM", "params", "MACs", "latency")


def table_text(results: dict[str, Any]) -> str:
    """The rows of `results.json` as a plain table, with the protocol below."""
    rows = [_HEAD, *(_cells(row) for row in results["rows"])]
    widths = [max(len(r[i]) for r in rows) for i in range(len(_HEAD))]
    lines = [
        "  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(r, widths, strict=True)))
        for r in rows
    ]
    return "\n".join(
        ["", *lines, "", results["protocol"], f"found  {results['arch']}", f"time   {results['seconds']:.0f} s"]
    )


def where_text(path: Path) -> str:
    """The files worth opening."""
    files = {
        "report": path / "report.html",
        "before/after": path / "before_after.png",
        "ONNX": path / "export" / "model.onnx",
        "use it": f"nasjax apply {path / 'export'} in.png out.png",
    }
    return "\n".join(f"{name:<13} {where}" for name, where in files.items())


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    latency = "-" if row["latency_ms"] is None else f"{row['latency_ms']:.1f} ms"
    sizes = (readable(row[k]) if row[k] else "-" for k in ("params", "macs"))
    return (row["name"], f"{row['psnr_y']:.2f}", f"{row['ssim_y']:.4f}", *sizes, latency)
