"""What a search comes to: the comparison table, the pictures, and the exported bundle."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from nasjax.chain.folder import Experiment
from nasjax.chain.handmade import Handmade, network_costs
from nasjax.chain.latency import latency_size
from nasjax.chain.pictures import before_after, enlarged, save_panels
from nasjax.chain.problem import Problem, test_images, validation_pairs
from nasjax.chain.score import patch_scorer, picture_scores
from nasjax.config import Config
from nasjax.cost.measure import Latency, measure
from nasjax.export.bundle import write_bundle
from nasjax.export.card import Card
from nasjax.export.network import deployed
from nasjax.metrics.image import sr_protocol
from nasjax.ops.resize import upscale
from nasjax.supernet.base import Supernet
from nasjax.typing import Params


class Outcome(NamedTuple):
    """The found arch and its params: inherited, fine-tuned, from scratch; and the hand-made network with its own."""

    arch: np.ndarray
    inherited: Params
    tuned: Params
    scratch: Params | None
    handmade: tuple[Handmade, Params] | None


class Entry(NamedTuple):
    """One row of the table that is a network."""

    name: str
    label: str
    net: Supernet
    arch: np.ndarray
    params: Params
    note: str


def compare(experiment: Experiment, outcome: Outcome) -> dict[str, Any]:
    """Score every network on the test pictures, measure latency, write pictures and `results.json`."""
    run, problem = experiment.run, experiment.problem
    images, scale = test_images(problem.config), problem.config.space.scale
    entries = _entries(problem, outcome)
    score = patch_scorer(validation_pairs(problem.config), scale)
    applied = _apply_fns(entries)
    latency = _latencies(problem.config, entries, applied)
    bicubic = enlarged(images, scale)
    plain = picture_scores(_replay(bicubic), images, scale)
    rows, panels, per_image = [], {"bicubic": bicubic}, {"bicubic": plain[2]}
    for entry, apply_fn in zip(entries, applied, strict=True):
        means, outputs, each = picture_scores(apply_fn, images, scale)
        rows.append(_row(problem, entry, means | {"search_score": score(apply_fn)}, latency[entry.name]))
        if entry.label:
            panels[entry.label], per_image[entry.label] = outputs, each
    rows.append(_bicubic_row(plain[0] | {"search_score": score(lambda x: upscale(x, scale, "bicubic"))}))
    panels = {label: panels[label] for label in ("bicubic", "hand-made", "found") if label in panels}
    save_panels(run, images, panels, scores=per_image)
    before_after(run, images[_most_gained(per_image)], {k: v[_most_gained(per_image)] for k, v in panels.items()})
    results = _results(experiment, outcome, rows, num_images=len(images))
    run.write("results.json", results)
    return results


def export_network(experiment: Experiment, outcome: Outcome, results: dict[str, Any]) -> dict[str, Any]:
    """Write the fine-tuned network as the bundle `export/`; returns its manifest."""
    run, problem = experiment.run, experiment.problem
    network = deployed(problem.supernet, outcome.tuned, outcome.arch, builder=("sr_cell", problem.arguments))
    found = next(r for r in results["rows"] if r["name"] == "found, fine-tuned")
    metrics = [
        {
            "name": name,
            "value": round(found[name], 4),
            "data": f"{problem.config.data.source}, test split",
            "protocol": results["protocol"],
        }
        for name in ("psnr_y", "ssim_y")
    ]
    data = [_training_data(problem)]
    card = Card(problem.config.name, f"super-resolution x{problem.config.space.scale}", tuple(data), tuple(metrics))
    return write_bundle(run.path / "export", network, card=card, formats=problem.config.final.formats)


def _entries(problem: Problem, outcome: Outcome) -> list[Entry]:
    net, arch, steps = problem.supernet, outcome.arch, problem.config.final.train.steps
    rows = [
        Entry("found, fine-tuned", "found", net, arch, outcome.tuned, f"{steps} steps from shared weights"),
        Entry("found, inherited", "", net, arch, outcome.inherited, "shared weights as they are"),
    ]
    if outcome.scratch is not None:
        rows.append(Entry("found, from scratch", "", net, arch, outcome.scratch, f"{steps} steps from random weights"))
    if outcome.handmade is not None:
        plain, params = outcome.handmade
        rows.append(
            Entry("hand-made", "hand-made", plain.supernet, plain.arch, params, f"{steps} steps from random weights")
        )
    return rows


def _deployed(entry: Entry) -> tuple[Callable[[Params, Any], Any], Params]:
    module = entry.net.extract(entry.arch, deployed=True)
    return lambda p, x: module.apply({"params": p}, x), entry.net.deploy_params(entry.params, entry.arch)


def _apply_fns(entries: Sequence[Entry]) -> list[Callable[[jax.Array], Any]]:
    """Each network as a function of pictures; those of one arch share its programs."""
    programs: dict[tuple[int, bytes], Callable[[Params, Any], Any]] = {}

    def one(entry: Entry) -> Callable[[jax.Array], Any]:
        fn, params = _deployed(entry)
        program = programs.setdefault((id(entry.net), entry.arch.tobytes()), jax.jit(fn))
        return lambda x: program(params, x)

    return [one(entry) for entry in entries]


def _latencies(
    config: Config, entries: Sequence[Entry], applied: Sequence[Callable[[jax.Array], Any]]
) -> dict[str, Latency]:
    """One measurement of all rows together, interleaved; rows of one arch share it."""
    width, height = _latency_input(config)
    x = jax.random.uniform(jax.random.key(0), (1, height, width, 3), minval=-1)

    def runner(apply_fn: Callable[[jax.Array], Any]) -> Callable[[], Any]:
        return lambda: jax.block_until_ready(apply_fn(x))

    found = measure({e.name: runner(fn) for e, fn in zip(entries, applied, strict=True) if e.label})
    return {e.name: found.get(e.name, found["found, fine-tuned"]) for e in entries}


def _latency_input(config: Config) -> tuple[int, int]:
    """Width and height of the low-resolution picture whose latency is stated: what a budget on latency goes by."""
    width, height = latency_size(config) or config.latency_at
    return width // config.space.scale, height // config.space.scale


def _row(problem: Problem, entry: Entry, scores: dict[str, float], latency: Latency) -> dict[str, Any]:
    costs = network_costs(
        entry.net,
        entry.net.deploy_params(entry.params, entry.arch),
        entry.arch,
        size=problem.config.macs_at,
        scale=problem.config.space.scale,
    )
    time = {"latency_ms": round(latency.median_ms, 3), "latency_spread_ms": round(latency.spread_ms, 3)}
    return {"name": entry.name, **scores, "params": costs["params"], "macs": costs["macs"], **time, "note": entry.note}


def _bicubic_row(scores: dict[str, float]) -> dict[str, Any]:
    """The row without a network: no parameters, and neither MACs nor latency, which depend on who enlarges."""
    none = dict.fromkeys(("macs", "latency_ms", "latency_spread_ms"))
    return {"name": "bicubic", **scores, "params": 0, **none, "note": "MATLAB imresize"}


def _results(
    experiment: Experiment, outcome: Outcome, rows: list[dict[str, Any]], *, num_images: int
) -> dict[str, Any]:
    problem = experiment.problem
    config, (width, height) = problem.config, problem.config.macs_at
    crop = config.data.test_crop
    cut = "whole" if crop is None else f"centre {crop[1] * config.space.scale}x{crop[0] * config.space.scale} px"
    low_width, low_height = _latency_input(config)
    side = config.data.val_patch * config.space.scale
    protocol = (
        f"{num_images} held-out pictures of {config.data.source!r} ({cut}), low resolution by MATLAB bicubic; "
        f"PSNR and SSIM on {sr_protocol(config.space.scale)}; MACs for a {width}x{height} output; "
        f"latency of one {low_width}x{low_height} input on {jax.default_backend()}"
    )
    return {
        "title": f"x{config.space.scale} super-resolution",
        "protocol": protocol,
        "search_protocol": f"{config.data.val_patches} textured patches of {side}x{side} px of the validation split",
        "macs_at": [width, height],
        "higher_is_better": True,
        "arch": problem.supernet.space.text(outcome.arch),
        "space": problem.supernet.space.name,
        "rows": rows,
        "budget": ", ".join(config.budget),
        "seconds": round(sum(row["wall_s"] for row in experiment.run.read("ledger.json", [])), 1),
    }


def _replay(outputs: Sequence[np.ndarray]) -> Callable[[jax.Array], np.ndarray]:
    """Finished uint8 pictures as a network that `picture_scores` can ask, one call a picture."""
    waiting = iter(outputs)
    return lambda x: next(waiting)[None].astype(np.float32) / 127.5 - 1


def _most_gained(per_image: dict[str, list[float]]) -> int:
    return int(np.argmax(np.array(per_image["found"]) - np.array(per_image["bicubic"])))


def _training_data(problem: Problem) -> dict[str, str]:
    source = problem.config.data.source
    if source == "embedded":
        return {
            "name": "nasjax embedded photographs",
            "licence": "CC0 and public domain",
            "credits": "nasjax/data/photos/credits.csv",
        }
    return {"name": source, "licence": "the user's own data: fill in", "credits": "fill in"}
