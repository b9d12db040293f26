"""Compiled programs are kept where the user says, and not without end."""

import os

import jax
import pytest

from nasjax import compiled
from nasjax.compiled import cache_folder, keep_compiled


@pytest.fixture(autouse=True)
def _restored():
    """JAX keeps its settings for the other tests."""
    names = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
    before = {name: getattr(jax.config, name) for name in names}
    yield
    for name, value in before.items():
        jax.config.update(name, value)


def test_where_is_said_by_the_environment(monkeypatch, tmp_path):
    """JAX's own variable comes first, then the user's cache folder; NASJAX_CACHE=off keeps nothing."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    assert cache_folder() == tmp_path / "nasjax" / "compiled"
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "jax"))
    assert keep_compiled() == tmp_path / "jax" and jax.config.jax_compilation_cache_dir == str(tmp_path / "jax")
    monkeypatch.setenv("NASJAX_CACHE", "off")
    assert keep_compiled() is None


def test_what_was_used_longest_ago_goes_first(monkeypatch, tmp_path):
    """Of four programs of 10 bytes, 25 bytes are kept: those last written or read."""
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(compiled, "_MOST_BYTES", 25)
    for name, (read, written) in {"d": (0, 0), "a": (1, 1), "b": (9, 0), "c": (2, 2)}.items():
        (tmp_path / name).write_bytes(b"0" * 10)
        os.utime(tmp_path / name, (read, written))
    keep_compiled()
    assert sorted(path.name for path in tmp_path.glob("[a-z]*")) == ["b", "c"]


def test_an_hour_goes_by_before_the_files_are_looked_at_again(monkeypatch, tmp_path):
    """A second command of the same hour leaves all as it is; a later one does not."""
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(compiled, "_MOST_BYTES", 5)
    keep_compiled()
    (tmp_path / "program").write_bytes(b"0" * 10)
    keep_compiled()
    assert (tmp_path / "program").is_file()
    os.utime(tmp_path / ".looked", (0, 0))
    keep_compiled()
    assert not (tmp_path / "program").is_file()


@pytest.mark.parametrize(("said", "seconds"), [("0.5", None), (None, 0.1)])
def test_what_is_worth_a_file_is_jax_to_say(monkeypatch, tmp_path, said, seconds):
    """Its own variable is left alone; without one, what compiles in a moment is not kept."""
    name = "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv(name, raising=False)
    if said is not None:
        monkeypatch.setenv(name, said)
    before = jax.config.jax_persistent_cache_min_compile_time_secs
    keep_compiled()
    assert jax.config.jax_persistent_cache_min_compile_time_secs == (before if seconds is None else seconds)


def test_a_folder_that_cannot_be_made_costs_only_time(monkeypatch, tmp_path):
    """The command goes on without."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "file" / "inside"))
    assert keep_compiled() is None
