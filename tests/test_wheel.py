"""The wheel, installed outside the repository in an environment of its own, does what a user's first hour needs."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_wheel_works_outside_the_repository():
    """Import, doctor, profile, stylize, a tiny search and its bundle, from another folder."""
    done = subprocess.run([ROOT / "scripts" / "check_wheel"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    assert "the wheel works; base installation:" in done.stdout.splitlines()[-1]
