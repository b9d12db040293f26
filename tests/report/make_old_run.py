"""Run folders as they were before runs described themselves: flat result rows, scores named in panels and stages."""

import json
from pathlib import Path

from tests.report.make_run import documents, make_run


def make_old_run(folder: Path, *, num_pictures: int = 1, side: int = 64) -> Path:
    """Write the finished run of `make_run` in the layout of old."""
    make_run(folder, num_pictures=num_pictures, side=side)
    (folder / "system.json").unlink()
    written = documents()
    stages = [row | {"best_score": row.pop("values")["psnr_y"]} for row in written["stages.json"]]
    listing = json.loads((folder / "images.json").read_text())
    for panel in (panel for row in listing for panel in row["panels"]):
        panel["psnr_y"] = panel.pop("scores").get("psnr_y")
    status = {key: value for key, value in written["status.json"].items() if key != "state"}
    changed = {"stages.json": stages, "images.json": listing, "status.json": status}
    for name, content in (changed | {"results.json": old_results()}).items():
        (folder / name).write_text(json.dumps(content))
    return folder


def old_results() -> dict:
    """Return the table with one flat row a network."""
    results = documents()["results.json"]
    for key in ("version", "name", "decides", "costs_at", "use"):
        del results[key]
    rows = [
        {
            "name": row["name"],
            "note": row["note"],
            **row["values"],
            "latency_spread_ms": row["spread"].get("latency_ms"),
        }
        for row in results["rows"]
    ]
    return results | {"rows": rows, "macs_at": [1280, 720], "higher_is_better": True}
