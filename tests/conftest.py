"""Sets up JAX for every test: CPU with eight fake devices, strict rank promotion, checked array annotations."""

import contextlib
import ctypes
import gc
import os
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

assert "jax" not in sys.modules, "a pytest plugin imported jax before tests/conftest.py could choose its devices"


def _cache_folder() -> str:
    """Returns where compiled programs are kept from one test run to the next."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return str(Path(base) / "nasjax" / "compiled-tests")


def _prune(folder: Path, most: int = 2**30) -> None:
    """Removes the files that were used longest ago, until `most` bytes are left."""
    stats = [(path.stat(), path) for path in folder.glob("*") if path.is_file()]
    files = sorted((max(stat.st_atime, stat.st_mtime), stat.st_size, path) for stat, path in stats)
    over = sum(size for _, size, _ in files) - most
    for _, size, path in files:
        if over <= 0:
            break
        path.unlink(missing_ok=True)
        over -= size


def _environment() -> None:
    """Sets the environment before jax is imported, so that processes started by tests inherit the same settings."""
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    # On arrays as small as these its threads wait for each other, busily.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    flags = os.environ.get("XLA_FLAGS", "")
    # Compilation is what new tests spend their time on. One small program after the other: cutting each into pieces for
    # 32 threads, and what LLVM's higher levels do, takes longer than it saves.
    wanted = [
        "force_host_platform_device_count=8",
        "backend_optimization_level=1",
        "cpu_parallel_codegen_split_count=1",
    ]
    # jaxlib 0.10 has two ways of writing loops, of which the old one compiles in half the time; later ones have one.
    if version("jaxlib").startswith("0.10."):
        wanted.append("cpu_use_fusion_emitters=false")
    for flag in wanted:
        if flag.split("=")[0] not in flags:
            flags = f"{flags} --xla_{flag}".strip()
    os.environ["XLA_FLAGS"] = flags
    # The cache only saves time. Some CPUs reject its entries: jax then warns (ignored in pyproject.toml) and compiles.
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", _cache_folder())
    # Bounded here and not by jax, which looks at every file of the cache whenever it writes one.
    if "PYTEST_XDIST_WORKER" not in os.environ:
        _prune(Path(os.environ["JAX_COMPILATION_CACHE_DIR"]))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    # No program says from which lines its operations come: a twentieth of what a test of many programs takes.
    os.environ.setdefault("JAX_TRACEBACK_IN_LOCATIONS_LIMIT", "0")


_environment()

import jax  # noqa: E402

from tests.contexts import share_contexts  # noqa: E402
from tests.typed import check_annotations  # noqa: E402

jax.config.update("jax_numpy_rank_promotion", "raise")
check_annotations("nasjax")
contexts = share_contexts()

from tests.budget import Budget  # noqa: E402

# JAX opens its cache of compiled programs with the first of them, once: before a test names another folder.
jax.jit(lambda x: x)(0)

# Tracing makes millions of small objects and next to no cycles: by Python's own thresholds a tenth of all time goes
# into looking for some, through all that is imported, again and again.
gc.freeze()
gc.set_threshold(50_000, 20, 100)


# Started first, for whoever comes last leaves the others waiting: they take a minute and more, each in one piece.
_DEAR = ("tests/chain/test_laws", "tests/chain/test_processes", "tests/contracts/test_modes", "tests/commands/")
_DIVIDED = ("tests/chain/test_laws.py",)  # its parameters have nothing in common


def pytest_collection_modifyitems(items):
    """The dear files come first."""
    items.sort(key=lambda item: not item.nodeid.startswith(_DEAR))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """One worker runs a whole file: what its tests share is made once."""
    from xdist.scheduler import LoadScopeScheduling

    class Files(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file, _, name = nodeid.partition("::")
            return file + name.partition("[")[2] if file in _DIVIDED else file

    return Files(config, log) if config.getvalue("dist") == "loadscope" else None


def pytest_configure(config):
    """Counts what the tests cost (see tests/budget.py)."""
    config.pluginmanager.register(Budget(config), "nasjax-budget")


def forget():
    """Compiled programs are given up, and the memory that they leave goes back to the system."""
    jax.clear_caches()
    contexts.clear()
    give_back()


def give_back():
    """What nobody holds any more goes back to the system; programs, and what made them, hold each other."""
    gc.collect()
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # a C library without it
            ctypes.CDLL("libc.so.6").malloc_trim(0)


@pytest.fixture(scope="module", autouse=True)
def cleared_caches():
    """Compiled programs live until their module ends: those of all modules together take gigabytes a worker."""
    yield
    forget()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of pictures that are not part of the repository; tests that need it are skipped where it is absent."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("NASJAX_SHARED_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no shared data at {folder} (set NASJAX_SHARED_DATA)")
    return folder
