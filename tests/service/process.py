"""`nasjax serve` as a process of its own, with a tiny network."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from nasjax.export.bundle import write_bundle
from nasjax.export.card import Card
from tests.export.networks import toy

ROOT = Path(__file__).parents[2]


def write_tiny(folder: Path) -> Path:
    """A bundle of a network with random weights, of the pictures' own size."""
    write_bundle(folder, toy({}), card=Card("tiny", task="noise"), formats=())
    return folder


@contextlib.contextmanager
def serving(*options: str) -> Iterator[tuple[subprocess.Popen, str]]:
    """The process and its address, from when it takes requests; killed in the end if it is still there."""
    command = [sys.executable, "-m", "nasjax.cli", "serve", "--port", "0", *options]
    # One device, as users have it; the tests' eight compile everything for eight.
    environment = os.environ | {"PYTHONPATH": str(ROOT), "XLA_FLAGS": "", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    try:
        lines = iter(process.stdout.readline, "")
        address = next((line.split()[-1] for line in lines if line.startswith("nasjax serve: http")), None)
        assert address, f"it ended with {process.wait()}"
        yield process, address
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
