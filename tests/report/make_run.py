"""Builds run folders like those of a search, from invented figures: `python -m tests.report.make_run FOLDER`.

The numbers are made up but hang together: costs follow from the options, scores from the costs, and pictures are a real
photograph made worse to different degrees. They test the report and say nothing about any network.
"""

import csv
import json
import math
import random
import sys
from collections.abc import Iterable
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

OPS = ("res", "sep3", "sep5", "sep7", "ir2k3", "ir2k5", "ir4k3", "ir4k5", "rlfb", "spab", "group", "rep")
WIDTHS = ("8", "16", "24", "40")
TRUNKS = ("16", "24", "32", "48")
BLOCKS = tuple(f"b{i}" for i in range(1, 9))
ON = ("b1", "b2", "b4", "b5", "b7")
STAGES = ("path", "operator", "channel")
ARCH = (
    "sr_cell_x4:trunk=24,att=sa,tail=conv,image=bicubic,b1=rlfb.16.short,b2=spab.24.long,b3=off,"
    "b4=ir2k3.16.long,b5=spab.24.short,b6=off,b7=sep5.16.long,b8=off@9f31c2"
)
LABELS = ("input", "bicubic", "hand-made", "found", "ground truth")
ARCHIVE = "id,stage,generation,arch,hash,params,macs,activations,bytes,psnr_y,feasible,front,violation,objective_0"
SCALE = 4
CREDIT = "CC0, https://example.org/photo/File:Kingfisher_on_a_branch_by_the_river_in_spring_(28668994926).jpg"


def make_run(folder: Path, *, photos: Path | None = None, num_pictures: int = 2, side: int = 320) -> Path:
    """Write a finished run into `folder`; pictures come from `photos` or are drawn, `side` pixels wide."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in documents().items():
        (folder / name).write_text(json.dumps(content, indent=1))
    lines(folder / "metrics.jsonl", metrics())
    archive(folder / "archive.csv")
    pictures(folder, photos, num_pictures, side)
    export(folder / "export")
    return folder


def make_live_run(folder: Path, *, now: float) -> Path:
    """Write a run that is searching operators: no results yet, and the last line of two files is half written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = documents()
    status = {"phase": "search/operator", "step": 412, "steps": 1200, "steps_per_s": 21.7, "eta_s": 36.3}
    status |= {"updated": now - 2, "done": False, "state": "running", "message": "generation 6 of 16"}
    status |= {"run": {"done": 0.4, "eta_s": 1500.0}}
    live = {
        "system.json": written["system.json"],
        "config.json": written["config.json"],
        "environment.json": written["environment.json"],
        "status.json": status,
    }
    live |= {
        "stages.json": written["stages.json"][:1],
        "fairness.json": {"stages": written["fairness.json"]["stages"][:1]},
    }
    live |= {"ledger.json": written["ledger.json"][:2]}
    for name, content in live.items():
        (folder / name).write_text(json.dumps(content))
    lines(folder / "metrics.jsonl", [row for row in metrics() if row["phase"] in {"supernet/path", "search/path"}])
    with open(folder / "metrics.jsonl", "a") as file:
        file.write('{"time": 1763700000.0, "phase": "supernet/operator", "st')
    archive(folder / "archive.csv", stages=STAGES[:1])
    with open(folder / "archive.csv", "a") as file:
        file.write("9999,operator,6,sr_cell_x4:trunk=48,abc,3")
    return folder


def documents() -> dict:
    """Return the JSON files of a finished run by name."""
    return {
        "system.json": system(),
        "config.json": config(),
        "environment.json": environment(),
        "status.json": {"phase": "done", "step": 1, "steps": 1, "updated": 1763700262.0, "done": True, "state": "done"},
        "stages.json": stages(),
        "fairness.json": {"stages": [fairness(stage) for stage in STAGES]},
        "ledger.json": ledger(),
        "results.json": results(),
        "diagram.json": diagram(),
    }


def config() -> dict:
    train = {"learning_rate": 1e-3, "batch": 16, "patch": 24, "ema": 0.999, "clip": 1.0}
    space = {"blocks": 8, "trunk": list(map(int, TRUNKS)), "inner": list(map(int, WIDTHS)), "ops": list(OPS)}
    return {"name": "quickstart", "seed": 0, "scale": SCALE, "budget": ["params<=30K"], "space": space, "train": train}


def environment() -> dict:
    versions = {"nasjax": "0.1.0", "jax": "0.10.2", "flax": "0.12.8", "python": "3.11.7"}
    return {**versions, "platform": "cpu", "devices": ["TFRT_CPU_0"], "threads": 2, "flags": {"XLA_FLAGS": ""}}


def stages() -> list[dict]:
    path = {"att": ["none", "ca", "sa", "both"], "tail": ["conv", "sep"], "image": ["bicubic", "nearest"]}
    path |= {block: ["off", "on"] for block in BLOCKS} | {f"{block}.edge": ["short", "long"] for block in BLOCKS}
    fixed = {"att": "sa", "tail": "conv", "image": "bicubic"} | {b: "on" if b in ON else "off" for b in BLOCKS}
    fixed |= {f"{block}.edge": "long" if block in ("b2", "b4", "b7") else "short" for block in ON}
    ops = dict(zip(ON, ("rlfb", "spab", "ir2k3", "spab", "sep5"), strict=True))
    widths = {"trunk": "24"} | {f"{b}.w": w for b, w in zip(ON, ("16", "24", "16", "24", "16"), strict=True)}
    sizes = (501595750040125504, 254803968, 4096, 1)
    free = (path, {block: list(OPS) for block in ON}, {"trunk": list(TRUNKS)} | {f"{b}.w": list(WIDTHS) for b in ON})
    return [stage(i, free[i], (fixed, ops, widths)[i], sizes) for i in range(3)]


def stage(index: int, free: dict, decided: dict, sizes: tuple[int, ...]) -> dict:
    before, after = str(sizes[index]), str(sizes[index + 1])
    stands_for = {block: {"on": list(OPS)} for block in BLOCKS} if index == 0 else {}
    found = {"candidates": (160, 192, 160)[index], "best": ARCH, "values": {"psnr_y": (28.31, 28.50, 28.66)[index]}}
    return (
        {"stage": STAGES[index], "free": free, "size_before": before, "size_after": after, "decided": decided}
        | found
        | {"budget": "params<=30K", "stands_for": stands_for}
    )


def fairness(name: str) -> dict:
    free = {s["stage"]: s["free"] for s in stages()}[name]
    slots = {"path": 4, "operator": 12, "channel": 4}[name]
    counts = {choice: {option: 600 * slots // len(options) for option in options} for choice, options in free.items()}
    return {
        "stage": name,
        "sampler": "strict-fair",
        "slots": slots,
        "rounds": 600,
        "devices": 1,
        "counts": counts,
        "gap": 0,
    }


def ledger() -> list[dict]:
    seconds = {
        "supernet/path": (38.2, 9.1),
        "search/path": (12.4, 3.0),
        "supernet/operator": (71.9, 17.6),
        "search/operator": (18.3, 4.4),
    }
    seconds |= {
        "supernet/channel": (33.0, 8.2),
        "search/channel": (11.8, 3.1),
        "finalist/0-0": (31.5, 4.9),
        "scratch/found-0": (31.1, 0.4),
        "rival/hand-made-0": (30.2, 4.6),
    }
    return [
        {
            "phase": phase,
            "wall_s": wall,
            "compile_s": built,
            "device_s": wall - built,
            "devices": 1,
            "compiles": 3,
            "steps": 16 if phase.startswith("search") else 600,
        }
        for phase, (wall, built) in seconds.items()
    ]


def system() -> dict:
    """Return what the figures are; costs are described by the report itself."""
    psnr = {"name": "psnr_y", "label": "Y-PSNR", "unit": "dB", "digits": 2, "better": "higher", "noise": 0.05}
    psnr |= {"meaning": "peak signal-to-noise ratio of luma", "protocol": "4 pixels cropped"}
    ssim = {"name": "ssim_y", "label": "Y-SSIM", "unit": "", "digits": 4, "better": "higher", "meaning": ""}
    head = {"name": "×4 super-resolution", "measures": [psnr, ssim], "decides": "psnr_y"}
    return head | {"objectives": ["psnr_y", "params"], "costs_at": "1280x720"}


def results() -> dict:
    """Return the found network in three forms, a hand-made rival, and what needs no network."""
    rows = [
        ("found, fine-tuned", "found", 2, (28.87, 0.8213, 25934, 1.488e9, 61.2), (28.95,), {"psnr_y": 0.03}, ""),
        ("found, from scratch", "scratch", 1, (28.79, 0.8190, 25934, 1.488e9, 61.2), (), {}, "as many steps"),
        ("found, inherited", "inherited", 1, (28.58, 0.8104, 25934, 1.488e9, 61.2), (28.66,), {}, "shared weights"),
        ("hand-made", "rival", 1, (28.52, 0.8131, 26403, 1.519e9, 58.8), (28.6,), {}, "plain residual network"),
        ("bicubic", "reference", 0, (27.53, 0.7842), (27.9,), {}, "no network"),
    ]
    names = ("psnr_y", "ssim_y", "params", "macs", "latency_ms")
    head = {"version": 2, "title": "Invented run: ×4 super-resolution on photographs", "name": "quickstart"}
    head |= {"protocol": "12 held-out photographs, x4, MATLAB bicubic input; MACs at 1280x720"}
    head |= {"search_protocol": "24 patches of the validation split", "arch": ARCH, "space": "sr_cell_x4"}
    head |= {"decides": "psnr_y", "budget": "params<=30K", "seconds": 283.4, "costs_at": "1280x720"}
    head |= {"use": "nasjax apply export in.png out.png"}
    return head | {
        "rows": [
            {
                "name": name,
                "role": role,
                "note": note,
                "trainings": trainings,
                "values": dict(zip(names, values, strict=False)) | dict(zip(("search_score",), searched, strict=False)),
                "spread": spread | ({"latency_ms": 2.1} if len(values) > 2 else {}),
            }
            | ({"arch": ARCH} if name.startswith("found") else {})
            for name, role, trainings, values, searched, spread, note in rows
        ]
    }


def diagram() -> dict:
    kinds = dict(zip(ON, ("RLFB", "SPAB", "inverted residual ×2, 3×3", "SPAB", "separable 5×5"), strict=True))
    details = dict(zip(ON, ("width 16", "width 24", "width 16", "width 24", "width 16"), strict=True))
    costs = dict(zip(ON, (5320, 6770, 2210, 6770, 1630), strict=True))
    blocks = [
        node(b, f"{b}  {kinds[b]}", "block", details[b], costs[b]) if b in ON else node(b, f"{b}  off", "off", "", 0)
        for b in BLOCKS
    ]
    head = [node("in", "input", "input", "height × width × 3", 0), node("stem", "conv 3×3", "layer", "3 → 24", 672)]
    tail = [
        node("fuse", "fusion", "merge", "1×1, 24 → 24, sum of long edges", 600),
        node("att", "spatial attention", "layer", "width 24", 410),
    ]
    tail += [
        node("tail", "conv 3×3, pixel shuffle", "layer", "24 → 48 → 3", 10416),
        node("image", "bicubic ×4", "layer", "of the input", 0),
    ]
    tail += [node("out", "output", "output", "4 height × 4 width × 3", 0)]
    return {"nodes": [*head, *blocks, *tail], "edges": edges(["in", "stem", *BLOCKS, "fuse", "att", "tail"])}


def node(name: str, label: str, kind: str, detail: str, params: int) -> dict:
    return {"id": name, "label": label, "kind": kind, "detail": detail, "params": params, "macs": params * 57600}


def edges(chain: list[str]) -> list[list[str]]:
    main = [[a, b, "main"] for a, b in zip(chain, chain[1:], strict=False)]
    long = [[b, "fuse", "long"] for b in ("b2", "b4", "b7")]
    return [
        *main,
        *long,
        ["stem", "fuse", "residual"],
        ["in", "image", "residual"],
        ["tail", "out", "main"],
        ["image", "out", "main"],
    ]


def metrics() -> list[dict]:
    rows: list[dict] = []
    noise = random.Random(1)
    for i, name in enumerate(STAGES):
        rows += curve(f"supernet/{name}", 600, 0.16 - 0.05 * i, 0.052 - 0.006 * i, noise)
        rows += [generation(f"search/{name}", g, 0.3 + 0.2 * i, noise) for g in range(16)]
    for phase, low in (("finalist/0-0", 0.0368), ("scratch/found-0", 0.0382), ("rival/hand-made-0", 0.0402)):
        rows += curve(phase, 600, 0.05 if phase == "finalist/0-0" else 0.2, low, noise, psnr=28.9 - 40 * (low - 0.0368))
    return rows


def curve(
    phase: str, steps: int, high: float, low: float, noise: random.Random, psnr: float | None = None
) -> list[dict]:
    rows = []
    for step in range(10, steps + 1, 10):
        fall = math.exp(-step / 70)
        row = {
            "time": 1763700000.0 + step,
            "phase": phase,
            "step": step,
            "steps": steps,
            "lr": 1e-3,
            "steps_per_s": 20.0,
        }
        row["loss"] = low + (high - low) * fall + noise.gauss(0, 0.0012)
        rows.append(row | ({"psnr_y": psnr - 2.5 * fall + noise.gauss(0, 0.03)} if psnr and step % 50 == 0 else {}))
    return rows


def generation(phase: str, index: int, best: float, noise: random.Random) -> dict:
    volume = best + 0.25 * (1 - math.exp(-index / 4)) + noise.uniform(0, 0.004)
    return {
        "time": 1763700000.0,
        "phase": phase,
        "step": index,
        "steps": 16,
        "evaluated": 10 * index + 10,
        "front": 5,
        "hypervolume": volume,
    }


def lines(path: Path, rows: Iterable[dict]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def archive(path: Path, stages: tuple[str, ...] = STAGES, per_stage: int = 60) -> None:
    """Write candidates whose score grows with their size, better in later stages."""
    noise = random.Random(0)
    numbers = ((i * per_stage + j, i, stage, j) for i, stage in enumerate(stages) for j in range(per_stage))
    with open(path, "w", newline="") as file:
        file.write(ARCHIVE + "\n")
        table = csv.writer(file, lineterminator="\n")
        table.writerows(candidate(*number, noise) for number in numbers)
        if "channel" in stages:
            costs = (25934, 25934 * 57400, 1.2e7, 25934 * 4)
            table.writerow([9998, "channel", 15, ARCH, "9f31c2", *costs, 28.66, 1, 1, 0.0, -28.66])


def candidate(number: int, index: int, stage: str, place: int, noise: random.Random) -> list:
    params = int(10 ** noise.uniform((3.9, 4.0, 3.4)[index], (5.1, 4.95, 4.6)[index]))
    score = 26.8 + 0.22 * index + 1.35 * (1 - math.exp(-params / 11000)) - abs(noise.gauss(0, 0.3)) + 0.001 * place
    score -= 5.0 * (noise.random() < 0.02)
    blocks = ",".join(f"{b}={noise.choice(OPS)}.{noise.choice(WIDTHS)}.short" for b in BLOCKS)
    arch = f"sr_cell_x4:trunk={noise.choice(TRUNKS)},att=none,tail=conv,image=bicubic,{blocks}@{number:06x}"
    costs = [params, int(params * noise.uniform(48000, 60000)), 1.1e7, params * 4]
    return [
        number,
        stage,
        place // 10,
        arch,
        f"{number:06x}",
        *costs,
        round(score, 4),
        int(params <= 30000),
        0,
        max(0, params / 30000 - 1),
        -score,
    ]


def pictures(folder: Path, photos: Path | None, num_pictures: int, side: int) -> None:
    (folder / "images").mkdir(exist_ok=True)
    names = sorted(photos.glob("explore_monuments_*.webp"))[3 : 3 + num_pictures] if photos else []
    sources = [(path.stem.rpartition("_")[2], photograph(path)) for path in names] or [
        (f"drawn{i}", drawing(i, side)) for i in range(num_pictures)
    ]
    listing = [picture(folder, name, truth) for name, truth in sources]
    (folder / "images.json").write_text(json.dumps(listing))


def photograph(path: Path) -> Image.Image:
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    image.thumbnail((480, 480), Image.Resampling.LANCZOS)
    return image.crop((0, 0, image.width // SCALE * SCALE, image.height // SCALE * SCALE))


def drawing(seed: int, side: int) -> Image.Image:
    noise = random.Random(seed)
    image = Image.new("RGB", (320, 240), (90, 140, 190))
    pen = ImageDraw.Draw(image)
    for _ in range(90):
        x, y = noise.randrange(320), noise.randrange(240)
        pen.ellipse(
            (x, y, x + noise.randrange(4, 50), y + noise.randrange(4, 50)),
            tuple(noise.randrange(256) for _ in range(3)),
        )
    return image.resize((side, side * 3 // 4)) if side != 320 else image


def picture(folder: Path, name: str, truth: Image.Image) -> dict:
    small = truth.resize((truth.width // SCALE, truth.height // SCALE), Image.Resampling.BICUBIC)
    bicubic = small.resize(truth.size, Image.Resampling.BICUBIC)
    better = [Image.blend(bicubic, truth.filter(ImageFilter.GaussianBlur(r)), 0.8) for r in (1.2, 0.7)]
    panels = []
    for label, image, psnr in zip(
        LABELS, (small, bicubic, *better, truth), (None, 27.53, 28.52, 28.87, None), strict=True
    ):
        file = f"images/{name}_{label.replace(' ', '_')}.png"
        image.save(folder / file, compress_level=1)
        panels.append({"label": label, "file": file, "scores": {"psnr_y": psnr} if psnr else {}})
    crops = [[truth.width // 3, truth.height // 3, 64, 48], [truth.width // 2, truth.height // 2, 64, 48]]
    return {"name": name, "credit": CREDIT, "panels": panels, "crops": crops}


def export(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    errors = {"model.safetensors": 0.0, "model.stablehlo": 2.4e-7, "model.onnx": 1.9e-6}
    for name in (*errors, "arch.json", "card.json"):
        (folder / name).write_bytes(b"\0" * (104_000 if name.startswith("model") else 900))
    files = {
        name: {"sha256": "", "bytes": 1, "parity": {"max_abs": e, "max_relative": e / 2}} for name, e in errors.items()
    }
    manifest = {
        "format": 1,
        "parity": {"tolerance": 1e-4},
        "files": files | {"card.json": {"sha256": "", "parity": None}},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))


if __name__ == "__main__":
    photo_folder = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    print(make_run(Path(sys.argv[1]), photos=photo_folder))
