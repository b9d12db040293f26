"""Searches in processes of their own, which can be killed."""

import os
import subprocess
import sys
from pathlib import Path

RUNNER = """
import sys
from nasjax.cli import main
sys.exit(main(sys.argv[1:]))
"""


def started(*words: str | Path) -> subprocess.Popen:
    """A tiny search in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, "-c", RUNNER, *map(str, words)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def heard(process: subprocess.Popen, words: str) -> None:
    """Wait until it says something on standard error."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if words in line:
            return
    raise AssertionError("".join(said))
