"""What a user's editor and type checker see of the public names: real types, as complete as at run time."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import nasjax
from scripts.write_stub import STUB, stub

ROOT = Path(__file__).parents[1]
# What a user writes, and what the checker should know of it.
SCRIPT = """
import nasjax
from nasjax import Archive, RunLog, Supernet, TrainConfig, fit, nsga2, sr_cell

net = sr_cell(4)
reveal_type(net)
reveal_type(net.space.default_arch())
reveal_type(Archive(net.space).at("path").best().text)
reveal_type(TrainConfig(lr=1e-3).lr)
reveal_type(nsga2(net.space, num_objectives=2).ask)
reveal_type(nasjax.tabulate)
with RunLog("run", "finetune", 3) as log:
    reveal_type(log)
reveal_type(fit)
"""
KNOWN = [
    "Supernet",
    "ndarray",
    "str",
    "float",
    "-> (Array | ndarray",  # archs
    "CostTable",
    "RunLog",
    "TrainState",
]


def _revealed(folder: Path, script: str) -> list[str]:
    """The types that pyright reveals, in order; any error is a failure."""
    (folder / "user.py").write_text(script)
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "user.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)["generalDiagnostics"]
    errors = [f"{d['range']['start']['line']}: {d['message']}" for d in found if d["severity"] == "error"]
    assert not errors, "\n".join(errors)
    return [d["message"].partition(" is ")[2].strip('"') for d in found if d["severity"] == "information"]


def test_the_stub_is_that_of_the_public_names():
    """Names are added to PUBLIC; the stub is written from it."""
    assert STUB.read_text() == stub(), "run: python scripts/write_stub.py"


def test_the_package_says_that_it_is_typed():
    """Without py.typed a checker does not look into an installed package."""
    assert (ROOT / "nasjax" / "py.typed").is_file()


@pytest.mark.slow
def test_a_users_script_is_understood(tmp_path):
    """A checker sees classes, methods and results through the lazy names, outside this repository."""
    (tmp_path / "pyrightconfig.json").write_text(json.dumps({"extraPaths": [str(ROOT)]}))
    found = _revealed(tmp_path, SCRIPT)
    assert len(found) == len(KNOWN)
    wrong = [f"{type_} should name {known}" for type_, known in zip(found, KNOWN, strict=True) if known not in type_]
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
def test_no_public_name_is_unknown(tmp_path):
    """Every public name has a type, and functions say what they return."""
    (tmp_path / "pyrightconfig.json").write_text(json.dumps({"extraPaths": [str(ROOT)]}))
    script = "import nasjax\n" + "".join(f"reveal_type(nasjax.{name})\n" for name in nasjax.PUBLIC)
    found = dict(zip(nasjax.PUBLIC, _revealed(tmp_path, script), strict=True))
    vague = {
        n: t for n, t in found.items() if t in ("Any", "Unknown") or t.endswith(("-> Any", "-> Unknown", "-> None"))
    }
    assert not vague, vague
