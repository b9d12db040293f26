"""The doctor tells what is there, what is missing, and how to get it; also on a machine where much is missing."""

import importlib.metadata
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import jax
import pytest

from nasjax import cli, doctor

ROOT = Path(__file__).parents[1]
GIB = 2**30


@pytest.fixture
def without(monkeypatch):
    """Makes distributions look as if they were not installed."""
    real = importlib.metadata.version

    def hide(*names):
        def version(name):
            if name in names:
                raise importlib.metadata.PackageNotFoundError(name)
            return real(name)

        monkeypatch.setattr(importlib.metadata, "version", version)

    return hide


def test_report_agrees_with_jax_and_python():
    """Versions and devices are those of this process, and the report is plain data."""
    found = doctor.report()
    assert found["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["versions"]["jax"] == jax.__version__
    assert [d["id"] for d in found["devices"]] == [d.id for d in jax.devices()]
    assert "device_count=8" in found["flags"]["XLA_FLAGS"]
    assert 0 < found["memory"]["available"] <= found["memory"]["total"]
    assert 1 <= found["threads"]["usable"] <= found["threads"]["cores"]
    assert json.loads(json.dumps(found)) == found


def test_extras_are_those_of_the_project():
    """Each extra of pyproject.toml is explained, by distributions that it brings."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(doctor.EXTRAS) == set(declared)
    for name in set(declared) - {"cuda", "tpu"}:
        required = " ".join(declared[name])
        assert all(distribution in required for distribution in doctor.EXTRAS[name].distributions)


def test_missing_extra_says_what_it_enables_and_how_to_get_it(without):
    """A missing extra is shown with its purpose and a command for this very interpreter."""
    without("onnx")
    found = doctor.report()
    extra = next(e for e in found["extras"] if e["name"] == "onnx")
    assert extra["missing"] == ["onnx"]
    assert extra["install"].startswith(f"{sys.executable} -m pip install") and "[onnx]" in extra["install"]
    line = next(line for line in doctor.render(found).splitlines() if line.startswith("  onnx "))
    assert "missing (onnx)" in line and extra["enables"] in line and extra["install"] in line


def test_missing_dependency_is_advice(without):
    """A package that nasjax cannot do without is pointed out as such."""
    without("optax")
    found = doctor.report()
    assert found["versions"]["optax"] is None
    assert "optax" in found["advice"][0]
    assert "not installed" in doctor.render(found)


def test_backend_that_does_not_start():
    """With an unusable platform doctor still answers, and says why JAX does not start."""
    code = "from nasjax.doctor import report, render; print(render(report()))"
    env = {"JAX_PLATFORMS": "no_such_platform", "PATH": "", "HOME": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert "JAX does not start" in done.stdout and "no_such_platform" in done.stdout
    assert "memory" in done.stdout


def test_container_limit_counts(tmp_path, monkeypatch):
    """Memory is that of the container where it allows less than the machine has; 'max' is no limit."""
    monkeypatch.setattr(doctor, "_CGROUP", tmp_path)
    whole = doctor.report()["memory"]
    (tmp_path / "memory.current").write_text(str(GIB // 4))
    (tmp_path / "memory.max").write_text("max\n")
    assert doctor.report()["memory"]["total"] == whole["total"]
    (tmp_path / "memory.max").write_text(str(GIB))
    found = doctor.report()
    assert found["memory"] == {"total": GIB, "available": 3 * GIB // 4}
    assert "768.0 MiB free of 1.0 GiB" in doctor.render(found)
    assert any("little memory" in line for line in found["advice"])


def test_cache_is_measured(tmp_path, monkeypatch):
    """The cache line counts compiled programs and their size, not the other files beside them."""
    (tmp_path / "jit_a-cache").write_bytes(b"0" * 3000)
    (tmp_path / "jit_a-atime").write_bytes(b"0" * 8)
    before = jax.config.jax_compilation_cache_dir
    try:
        jax.config.update("jax_compilation_cache_dir", str(tmp_path))
        found = doctor.report()
        assert found["cache"] == {"folder": str(tmp_path), "files": 1, "bytes": 3000}
        assert f"{tmp_path}: 1 programs, 3 KiB; off: NASJAX_CACHE=off" in doctor.render(found)
        assert not any("JAX_COMPILATION_CACHE_DIR" in line for line in found["advice"])
        jax.config.update("jax_compilation_cache_dir", None)
        monkeypatch.setenv("NASJAX_CACHE", "off")
        found = doctor.report()
    finally:
        jax.config.update("jax_compilation_cache_dir", before)
    assert found["cache"]["folder"] is None
    assert "compilation cache    off" in doctor.render(found)
    assert any("NASJAX_CACHE=off is set" in line for line in found["advice"])


def test_threads_of_lapack_are_advice(monkeypatch):
    """On a CPU of several cores, unless it is set."""
    monkeypatch.setattr(doctor, "_threads", lambda: {"cores": 8, "usable": 2})
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    assert any("OPENBLAS_NUM_THREADS=1" in line for line in doctor.report()["advice"])
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    found = doctor.report()
    assert found["flags"]["OPENBLAS_NUM_THREADS"] == "1"
    assert not any("OPENBLAS" in line for line in found["advice"])


PIPED = """
import sys
from nasjax import cli, doctor
doctor.report, doctor.render = dict, lambda found: "x" * 100_000
sys.exit(cli.main(["doctor"]))
"""


def test_a_reader_that_has_gone_is_no_failure_to_speak_of():
    """As behind `| head -n 1`: nothing on standard error, and the exit code that a shell has for it."""
    process = subprocess.Popen([sys.executable, "-c", PIPED], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr.read() == b"" and process.wait() == 141
    process.stderr.close()


def test_it_is_printed_as_json(capsys):
    """The report that `render` writes as text."""
    assert cli.main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == set(doctor.report()) and found["versions"]["nasjax"]
