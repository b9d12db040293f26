"""The study of snapshots: what it calls an artefact, what it puts together of a training, and its table."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from nasjax.export.weights import write_weights
from nasjax.train.schedules import cycle_ends

_FOLDER = Path(__file__).parents[2] / "scripts"


def _load():
    spec = importlib.util.spec_from_file_location("study_snapshots", _FOLDER / "study_snapshots.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(_FOLDER))  # for the script that it is beside
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(_FOLDER))
    return module


study = _load()


def _scene() -> np.ndarray:
    rows, columns = np.mgrid[:48, :64] / 16
    return (0.5 * np.sin(rows)[..., None] * np.cos(columns[..., None] + np.arange(3))).astype(np.float32)


def test_another_light_is_no_artefact_and_what_is_drawn_is_one():
    """Any affine map of colours costs next to nothing; bands and noise cost levels."""
    x = _scene()
    light = x @ np.array([[0.6, 0.1, 0.0], [0.1, 0.5, 0.1], [0.0, 0.0, 0.4]], np.float32) - 0.2
    noise = np.random.default_rng(0).normal(0, 0.05, x.shape).astype(np.float32)
    assert study.artefacts(x, x) < 0.3 and study.artefacts(x, light) < 0.3
    assert study.artefacts(x, np.round(x * 4) / 4) > 3
    assert study.artefacts(x, light + noise) > 4


def test_members_are_what_a_training_left(tmp_path):
    """The average of all steps, the last snapshot, and of the newest ones outputs or weights."""
    write_weights({"a": np.full(2, 9.0, np.float32)}, tmp_path / "scratch.safetensors", {})
    for number in range(1, 6):
        write_weights({"a": np.full(2, number, np.float32)}, tmp_path / f"scratch-snapshot{number}.safetensors", {})
    found = {
        name: [each["a"][0] for each in several] for name, several in study.members(tmp_path / "scratch.safetensors")
    }
    assert found == {
        "average": [9],
        "last": [5],
        "outputs 3": [3, 4, 5],
        "weights 3": [4],
        "outputs 5": [1, 2, 3, 4, 5],
        "weights 5": [3],
    }


@pytest.mark.parametrize(("cycles", "ends"), [(1, (1550,)), (5, (350, 650, 950, 1250, 1550))])
def test_cycles_fill_the_steps(cycles, ends):
    """Both arms train for as many steps, and the last snapshot is of the last one."""
    config = study.experiment("exposure", cycles, steps=1550, lr=2e-3, batch=2, seed=1)
    assert cycle_ends(config.final.train) == ends
    assert config.data.source == "apart:degraded:exposure:embedded" and config.seed == config.final.train.seed == 1
    assert config.final.train.lr == 2e-3


def test_the_table_has_means_and_deviations_over_seeds():
    """Of two seeds, 1 dB apart."""
    scores = {"psnr": 20.0, "ciede2000": 5.0, "lpips": 0.1, "artefacts": 2.0}
    rows = [
        {
            "kind": "exposure",
            "steps": 9,
            "lr": 1e-3,
            "schedule": "one cosine",
            "seed": seed,
            "scores": {"last": scores | {"psnr": psnr}},
        }
        for seed, psnr in enumerate((20.0, 21.0))
    ]
    (line,) = [line for line in study.table(rows) if "last" in line]
    assert "| 2 | 20.50 ± 0.71 | 5.00 ± 0.00 | 0.1000 ± 0.0000 | 2.00 ± 0.00 |" in line


def test_recipes_are_changed_by_name():
    """Weights of the cycle, of moved pictures and of the game, and how far light is moved; another name is refused."""
    base = study.experiment("exposure", 1, steps=1550, lr=2e-3, batch=2, seed=1).system.recipe
    found = study.changed(base, ["cycle=10", "moved=1", "moves=0,0.6,0.15,0,0", "game=0"])
    assert (found.cycle, found.moved, found.moves) == (10, 1, (0, 0.6, 0.15, 0, 0))
    assert 0 < found.adversarial.weight < 1e-5 and found.keeping == base.keeping
    with pytest.raises(ValueError, match="identity=1: allowed are cycle, moved, moves, game"):
        study.changed(base, ["identity=1"])
