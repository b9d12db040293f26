"""The command by another name."""

import subprocess
import sys

import nasjax


def test_the_package_runs_as_the_command():
    """`python -m nasjax` for whoever has no `nasjax` on the path."""
    done = subprocess.run([sys.executable, "-m", "nasjax", "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"nasjax {nasjax.__version__}\n"), done.stderr
