"""The system that a tutorial writes: how long its file is, and what its search does when it is terminated."""

import json
import signal

from tests.chain.members import TUTORIAL, own_file
from tests.chain.started import heard, started
from tests.docs.blocks import blocks


def test_the_tutorial_is_short(tmp_path):
    """A system of one's own is a page: 120 lines, blank ones included."""
    assert len(own_file(tmp_path).read_text(encoding="utf-8").splitlines()) <= 120
    assert len(blocks(TUTORIAL, "bash")) >= 2


def test_sigterm_exits_143(tmp_path):
    """A terminated search saves, says in one line how to go on, and has a shell's exit code."""
    run = tmp_path / "run"
    small = ("--system.ops", "sep3", "sep5", "--system.widths", "8", "12", "--stages.0.train.steps", "100000")
    process = started("search", own_file(tmp_path), "--tiny", "--run", run, *small)
    heard(process, "supernet/path 1/")
    process.send_signal(signal.SIGTERM)
    rest = process.communicate(timeout=120)[1].strip().splitlines()
    assert process.returncode == 143 and "goes on from there" in rest[-1]
    status = json.loads((run / "status.json").read_text())
    assert status["state"] == "stopped" and status["done"] is False
