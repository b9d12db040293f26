"""Two processes, one device each, train as one: stopped and resumed, or one process with two devices, all the same."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from nasjax.train import loop
from nasjax.train.parallel import data_mesh
from nasjax.train.processes import gather, join
from tests.data.pictures import write_folder
from tests.train import pair

CLUSTERS = {
    "": None,
    "SLURM_NTASKS=1": None,
    "SLURM_NTASKS=8": (),
    "OMPI_COMM_WORLD_SIZE=2": (),
    "TPU_WORKER_HOSTNAMES=one": None,
    "TPU_WORKER_HOSTNAMES=one,two": (),
    "JOB_COMPLETION_INDEX=0": (),  # of Kubernetes, where its package is installed
}
SECONDS = 120  # that two processes may take, on a machine that is busy with other things


class Both:
    """What the processes of a pair are fed, one after the other, for one process."""

    def __init__(self, folder: Path):
        self.shares = [pair.Brightness(folder, process) for process in range(pair.COUNT)]

    def __iter__(self):
        return self

    def __next__(self) -> dict[str, np.ndarray]:
        return {"table": np.concatenate([next(share)["table"] for share in self.shares])}

    def get_state(self) -> dict:
        return {"shares": [share.get_state() for share in self.shares]}

    def set_state(self, state) -> None:
        for share, own in zip(self.shares, state["shares"], strict=True):
            share.set_state(own)


def free_port() -> str:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def run_pair(folder: Path, *runs: str) -> list[str]:
    """Start both processes, wait for them, and return what they said; none is left behind, nor waits for a dead one."""
    flags = re.sub(r"device_count=\d+", "device_count=1", os.environ["XLA_FLAGS"])
    command = [sys.executable, "-m", "tests.train.pair", str(folder), free_port()]
    place = {"cwd": Path(__file__).parents[2], "env": {**os.environ, "XLA_FLAGS": flags}}
    logs = [folder / f"{runs[0]}-{i}.log" for i in range(pair.COUNT)]
    started = []
    try:
        for i, log in enumerate(logs):
            with open(log, "w") as file:
                started.append(subprocess.Popen([*command, str(i), *runs], stdout=file, stderr=file, **place))
        end = time.monotonic() + SECONDS
        while None in (codes := [process.poll() for process in started]) and not any(codes) and time.monotonic() < end:
            time.sleep(0.05)
    finally:
        for process in started:
            process.kill()
            process.wait()
    said = [log.read_text() for log in logs]
    assert codes == [0, 0], "\n".join(f"{code}: {text[-3000:]}" for code, text in zip(codes, said, strict=True))
    return said


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A run by two processes, and another, stopped in the middle and resumed by two new processes."""
    place = tmp_path_factory.mktemp("pair")
    write_folder(place / "pictures", 5)
    said = run_pair(place, "whole", "stopped")
    assert all("supernet/path: stopped after step 3 of 6, saved" in output for output in said)
    said = run_pair(place, "resumed")
    assert all("made: [(0, False), (11, False), (-1, True), (30, True), (41, True)]" in output for output in said)
    return place


@pytest.fixture
def two_devices(monkeypatch):
    """The loop takes two of the eight devices of this process."""
    monkeypatch.setattr(loop, "data_mesh", lambda: data_mesh(jax.devices()[:2]))


def final(folder: Path, name: str) -> dict[str, np.ndarray]:
    """The final state of a run, by path."""
    with np.load(folder / f"{name}.npz") as file:
        return dict(file)


def assert_equal(found, expected) -> None:
    """Equal to the bit, leaf by leaf."""
    assert found.keys() == expected.keys()
    for name, x in found.items():
        np.testing.assert_array_equal(x, expected[name], err_msg=name)


def test_resumed_by_two_processes_to_the_bit(folder):
    """Each process goes on at its own place in its own data: all four states are the same, the best params too."""
    expected = final(folder, "whole-0")
    assert int(expected[".step"]) == pair.STEPS and int(expected[".best.step"]) == 2
    for name in ("whole-1", "resumed-0", "resumed-1"):
        assert_equal(final(folder, name), expected)


def test_two_processes_train_as_one(folder, tmp_path, two_devices):
    """One process with two devices and the same batches has the same state in the end, to the bit."""
    assert_equal(pair.leaves(pair.train(tmp_path, Both(folder))), final(folder, "whole-0"))


@pytest.mark.parametrize("name", ["whole", "stopped"])
def test_one_process_keeps_the_record(folder, name):
    """Each step is in the record once, though two processes look, and one run was stopped."""
    rows = [json.loads(line) for line in (folder / name / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 3, 4, 6]


def test_another_number_of_processes_is_refused(folder, two_devices):
    """The same devices in one process: the places in the data were two, so the error says how many to start."""
    with pytest.raises(ValueError, match=r"training by 2 processes, .* now there are 1: start 2, or remove the folder"):
        pair.train(folder / "stopped", Both(folder))


def test_one_process_hears_itself():
    """Without other processes a value comes back as JSON would carry it."""
    assert gather({"position": 3, "of": (1, 2)}) == [{"position": 3, "of": [1, 2]}]


@pytest.mark.parametrize("started, called", CLUSTERS.items())
def test_others_are_met_where_a_cluster_started_them(monkeypatch, started, called):
    """JAX is asked to find them only where a cluster manager says that there are several."""
    calls = []
    monkeypatch.setattr(jax.distributed, "initialize", lambda *place: calls.append(place))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name == "kubernetes")
    for name in {text.partition("=")[0] for text in CLUSTERS} - {""}:
        monkeypatch.delenv(name, raising=False)
    if started:
        monkeypatch.setenv(*started.split("="))
    join()
    assert calls == ([] if called is None else [called])


def test_a_place_among_others_is_told_as_a_whole(monkeypatch):
    """Where the first one listens, how many there are, and which one this is: all three or none."""
    calls = []
    monkeypatch.setattr(jax.distributed, "initialize", lambda *place: calls.append(place))
    join("10.0.0.1:1234", 2, 1)
    assert calls == [("10.0.0.1:1234", 2, 1)]
    with pytest.raises(ValueError, match="--coordinator, --processes and --process go together; got .*None, 2, None"):
        join(processes=2)
