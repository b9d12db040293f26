"""A search by two processes of two devices each: the same as by one with four, killed and restarted too."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.chain.members import own_file
from tests.docs.blocks import ROOT
from tests.train.test_processes import free_port

SECONDS = 300  # that a tiny search may take on a machine that is busy with other things
RUN = "import sys; from nasjax.cli import main; sys.exit(main(sys.argv[1:]))"


def start(folder: Path, run: str, devices: int, *more: str) -> subprocess.Popen:
    """One process of a tiny search."""
    flags = re.sub(r"device_count=\d+", f"device_count={devices}", os.environ["XLA_FLAGS"])
    command = [sys.executable, "-c", RUN, "search", str(folder / "my_task.py"), "--tiny", "--run", str(folder / run)]
    command += ["--final.no-scratch"]  # trainings that differ from finalists by their start alone
    command += ["--final.formats", "stablehlo", "--system.ops", "sep3", "sep5", "--system.widths", "8", "12"]
    environment = {**os.environ, "XLA_FLAGS": flags, "PYTHONPATH": str(ROOT)}
    with open(folder / f"{run}-{'-'.join(more[-1:])}.log", "a") as log:
        return subprocess.Popen([*command, *more], stdout=log, stderr=log, env=environment)


def together(folder: Path, run: str) -> list[subprocess.Popen]:
    """Two processes of two devices."""
    port = free_port()
    place = ("--coordinator", f"127.0.0.1:{port}", "--processes", "2", "--process")
    return [start(folder, run, 2, *place, str(i)) for i in range(2)]


def wait(processes: list[subprocess.Popen], folder: Path) -> list[int]:
    """Their exit codes; none is left behind."""
    end = time.monotonic() + SECONDS
    while any(p.poll() is None for p in processes) and time.monotonic() < end:
        time.sleep(0.1)
    for process in processes:
        process.kill()
    return [process.wait() for process in processes]


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    """A search by one process of four devices, and the same by two, one of which is killed in the middle."""
    folder = tmp_path_factory.mktemp("processes")
    own_file(folder)
    assert wait([start(folder, "one", 4)], folder) == [0], (folder / "one-.log").read_text()[-3000:]
    first = together(folder, "two")
    end = time.monotonic() + SECONDS
    while not (folder / "two" / "checkpoints" / "supernet-path.safetensors").is_file() and time.monotonic() < end:
        time.sleep(0.05)
    first[1].send_signal(signal.SIGKILL)
    assert 0 not in wait(first, folder)
    codes = wait(together(folder, "two"), folder)
    logs = "\n".join((folder / f"two-{i}.log").read_text()[-3000:] for i in range(2))
    assert codes == [0, 0], logs
    return folder


def test_the_archive_is_that_of_one_process(runs):
    """Every candidate, score and decision, to the bit."""
    assert (runs / "two" / "archive.csv").read_bytes() == (runs / "one" / "archive.csv").read_bytes()


def test_the_weights_are_those_of_one_process(runs):
    """Supernets are trained by all devices, finalists and rivals each by one: the same but for how sums are rounded."""
    names = sorted(path.name for path in (runs / "one" / "checkpoints").glob("*.safetensors"))
    assert len(names) >= 6
    for name in names:
        mine, theirs = (load_file(runs / run / "checkpoints" / name) for run in ("two", "one"))
        for leaf, value in theirs.items():
            np.testing.assert_allclose(mine[leaf], value, atol=1e-5, err_msg=f"{name} {leaf}")


def test_one_process_writes_and_tells(runs):
    """The other one says nothing of its own."""
    assert "found" in (runs / "two-0.log").read_text() and (runs / "two" / "results.json").is_file()
    assert "found" not in (runs / "two-1.log").read_text()
