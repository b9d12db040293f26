"""Builds run folders as style searches wrote them before runs described themselves, from invented figures.

`python -m tests.report.make_old_style_run FOLDER` writes one to look at.
"""

import csv
import json
import sys
from pathlib import Path

from PIL import Image, ImageFilter

from tests.report.make_run import CREDIT, drawing, environment, lines

ARCH = "photonet3:w1=16,bn=off,bfa1=on,d3=sep,d2=ir.on,d1=on.norm@8d178a"
RUNNER_UP = "photonet3:w1=16,bn=on,bfa1=on,d3=sep,d2=ir.on,d1=on.norm@dd2ff6"
STAGES = ("path", "operator", "channel", "transfer")
FINALISTS = ("finalist/0-0", "finalist/0-1", "finalist/1-0", "finalist/1-1")
CONFIRMED = ("confirm/path-0", "confirm/path-1")
ARCHIVE = "id,stage,generation,arch,hash,params,macs,edge,style,teacher,cost,total,feasible,front,violation,objective_0"


def make_old_style_run(folder: Path, *, side: int = 96) -> Path:
    """Write a finished style run into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in documents().items():
        (folder / name).write_text(json.dumps(content, indent=1))
    lines(folder / "metrics.jsonl", metrics())
    archive(folder / "archive.csv")
    pictures(folder, side)
    (folder / "network").mkdir(exist_ok=True)
    (folder / "network" / "model.safetensors").write_bytes(bytes(90702))
    entry = {"sha256": "0" * 64, "bytes": 90702, "parity": None}
    manifest = {"format": 1, "parity": {"tolerance": 1e-4}, "files": {"model.safetensors": entry}}
    (folder / "network" / "manifest.json").write_text(json.dumps(manifest))
    return folder


def documents() -> dict:
    """Return the JSON files of a finished style run by name."""
    return {
        "config.json": {"name": "photonet", "weights": [1.0, 1.0, 0.0, 0.1], "macs_at": [512, 512], "budget": []},
        "environment.json": environment(),
        "status.json": {"phase": "done", "step": None, "steps": None, "updated": 1763700262.0, "done": True},
        "stages.json": [stage(name) for name in STAGES],
        "confirmed.json": confirmations(),
        "fairness.json": {"stages": [fairness(name) for name in STAGES[:3]]},
        "ledger.json": [
            {
                "phase": phase,
                "wall_s": 60.0,
                "compile_s": 6.0,
                "compiles": 3,
                "device_s": 60.0,
                "devices": 1,
                "steps": 9,
            }
            for phase in ("supernet/path", "search/path", *CONFIRMED, *FINALISTS, "evaluate")
        ],
        "results.json": results(),
    }


def results() -> dict:
    """Return the found network and its runner-up, each trained twice, and the network with everything on."""
    rows = [
        ("found, fine-tuned", 0.7130, 0.2170, 0.4402, 44147, 2.73e9, "mean of 2 trainings, 500 steps each"),
        ("found, inherited", 0.7210, 0.2153, 0.4500, 44147, 2.73e9, "shared weights as they are"),
        ("finalist 2, fine-tuned", 0.7143, 0.2183, 0.4401, 44147, 2.74e9, "mean of 2 trainings, 500 steps each"),
        ("everything on", 1.3578, 0.3557, 0.9021, 69707, 4.9e9, "shared weights as they are"),
    ]
    names = ("name", "total", "edge", "style", "params", "macs", "note")
    listed = [dict(zip(names, row, strict=True)) for row in rows]
    for row in listed:
        row |= {"search_score": row["edge"] + row["style"]}
        row |= {"total_half_range": 0.0004} if "tuned" in row["name"] else {}
    return {
        "title": "photonet",
        "protocol": "12 pairs of embedded photographs, 128 px squares",
        "search_protocol": "12 pairs of embedded photographs, 128 px squares",
        "higher_is_better": False,
        "arch": ARCH,
        "space": "photonet3",
        "rows": listed,
        "finalists": [{"arch": ARCH, "total": 0.7130, "spread": 0.0008}],
        "macs_at": [512, 512],
        "budget": "",
        "seconds": 540.0,
    }


def stage(name: str) -> dict:
    """Return what a stage decided, with its scores."""
    place = STAGES.index(name)
    return {
        "stage": name,
        "free": {f"{name}1": ["off", "on"], f"{name}2": ["off", "on"]},
        "stands_for": {},
        "size_before": str(4 ** (4 - place)),
        "size_after": str(4 ** (3 - place)),
        "decided": {f"{name}1": "on", f"{name}2": "off"},
        "candidates": 4,
        "budget": "",
        "best": ARCH,
        "total": 0.9081 - 0.06 * place,
        "edge": 0.3577 - 0.05 * place,
        "style": 0.4630,
        "cost": 0.873,
    }


def confirmations() -> list[dict]:
    """Return two networks that were trained alone; the second overtakes the first."""
    options = (["path1=on", "path2=off"], ["path1=off", "path2=on"])
    rows = zip(CONFIRMED, options, (0.9081, 0.9307), (0.9012, 0.8874), strict=True)
    names = ("phase", "options", "inherited", "total")
    return [{"stage": "path"} | dict(zip(names, row, strict=True)) for row in rows]


def fairness(name: str) -> dict:
    """Return equal counts of both choices of a stage."""
    counts = {choice: {"off": 700, "on": 700} for choice in (f"{name}1", f"{name}2")}
    return {
        "stage": name,
        "sampler": "strict-fair",
        "slots": 2,
        "rounds": 700,
        "devices": 1,
        "counts": counts,
        "gap": 0,
    }


def metrics() -> list[dict]:
    """Return a few readings of each phase; the best total falls from generation to generation."""
    trained = [("supernet/path", 700), *((phase, 500) for phase in (*CONFIRMED, *FINALISTS))]
    rows = [
        {"time": 1763700000.0, "phase": phase, "step": step, "steps": steps, "loss": 1 / step, "pixel": 0.1 / step}
        for phase, steps in trained
        for step in range(100, steps + 1, 100)
    ]
    searched = {"steps": 3, "evaluated": 4.0, "front": 2.0}
    rows += [
        {
            "time": 1763700100.0,
            "phase": f"search/{name}",
            "step": step,
            **searched,
            "best": 1 - 0.1 * place - 0.01 * step,
        }
        for place, name in enumerate(STAGES)
        for step in (1, 2, 3)
    ]
    return rows


def archive(path: Path) -> None:
    """Write four candidates a stage; the found one is the cheapest of the last stage, where edges are best."""
    rows = []
    for place, name in enumerate(STAGES):
        for i in range(4):
            arch = ARCH if (name, i) == ("transfer", 0) else f"photonet3:{name}={i}@{place}{i}"
            edge, style = 0.3652 - 0.05 * place + 0.02 * i, 0.45 + (i == 3) * 0.1
            macs = 2.73e9 + 1e8 * i + 5e8 * (3 - place)
            total = edge + style + 0.1 * macs / 4.9e9
            scores = [f"{v:.6f}" for v in (edge, style, 0.1, macs / 4.9e9, total)]
            rows.append([len(rows), name, i, arch, "abc", 44147 + i, int(macs), *scores, 1, int(i == 0), 0, edge])
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([ARCHIVE.split(","), *rows])


def pictures(folder: Path, side: int) -> None:
    """Write one pair: a content, what a network made of it, and a style, which stands beside."""
    (folder / "images").mkdir(exist_ok=True)
    content = drawing(0, side).resize((side, side))
    versions = {
        "content": content,
        "found": content.filter(ImageFilter.GaussianBlur(1)),
        "style": Image.new("RGB", (side, side), "teal"),
    }
    for label, picture in versions.items():
        picture.save(folder / "images" / f"pair-1_{label}.png")
    panels = [{"label": label, "file": f"images/pair-1_{label}.png", "psnr_y": None} for label in ("content", "found")]
    beside = [{"label": "style", "file": "images/pair-1_style.png"}]
    entry = {"name": "horse in the style of teal", "credit": CREDIT, "panels": panels, "beside": beside}
    (folder / "images.json").write_text(json.dumps([entry | {"crops": [[8, 8, 32, 32], [48, 48, 32, 32]]}]))


if __name__ == "__main__":
    print(make_old_style_run(Path(sys.argv[1])))
