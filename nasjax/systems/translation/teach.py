"""Teachers: what one makes of held-out pictures, of the crops that a student learns from, and in every step."""

import contextlib
import functools
import os
import shutil
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from nasjax.basis import fingerprint
from nasjax.compiled import cache_folder
from nasjax.data.source import Source, at_least
from nasjax.data.taught import TaughtCrops, crops_done, pictures_mark, taught_crops
from nasjax.say import to_stderr
from nasjax.spaces.features import feature_channels
from nasjax.spaces.teacher import Teacher
from nasjax.tasks.base import Model, to_float
from nasjax.tasks.networks import fixed_teacher

_TELL_S = 10.0  # seconds between lines that say how far a teacher is


def outputs_of(teacher: Teacher) -> Callable[[np.ndarray], np.ndarray]:
    """`uint8 [n, h, w, 3]` -> what the teacher makes of each, as it would be saved; one after the other."""
    program = _program(teacher)

    def outputs(pictures: np.ndarray) -> np.ndarray:
        made = [np.asarray(program(teacher.params, jnp.asarray(p[None])))[0] for p in pictures]
        return np.stack(made)

    return outputs


def crops_of(teacher: Teacher, source: Source, *, patch: int, number: int) -> TaughtCrops:
    """So many crops with the teacher's outputs, kept in the user's cache: other runs of the same teacher share them.

    While they are made, which may take minutes, it says on the standard error how far that is.
    ValueError naming the first picture where none holds a crop.
    """
    source, mark = at_least(source, patch, "skip"), fingerprint(teacher.params)
    folder = crops_folder() / f"{zlib.crc32(f'{mark} {patch} {number} {pictures_mark(source)}'.encode()):08x}"
    forget_unused(folder)
    return taught_crops(
        folder,
        source,
        patch=patch,
        number=number,
        seed=0,
        teach_fn=_telling(outputs_of(teacher), crops_done(folder), number),
        protocol=f"teacher {mark}",
    )


def _telling(outputs: Callable[[np.ndarray], np.ndarray], done: int, number: int) -> Callable[[np.ndarray], np.ndarray]:
    """The same, which says now and then how many windows of so many are done."""
    said = time.monotonic()

    def telling(pictures: np.ndarray) -> np.ndarray:
        nonlocal done, said
        made, done = outputs(pictures), min(done + len(pictures), number)
        if time.monotonic() - said >= _TELL_S:
            said = time.monotonic()
            to_stderr(f"teacher: {done} of {number} windows")
        return made

    return telling


def window_of(source: Source, *, patch: int, most: int) -> int:
    """The side of the windows that a teacher sees: `most`, or what half of the pictures hold, but a patch at least."""
    sides = sorted(min(source.size(i)) for i in range(len(source))) if most > patch else [patch]
    return max(patch, min(most, sides[len(sides) // 2]))


def crops_folder() -> Path:
    """Where crops are kept: beside compiled programs, or, where these are not kept, in the current folder."""
    folder = cache_folder()
    return Path("teacher_crops") if folder is None else folder.parent / "teacher_crops"


def forget_unused(used: Path, *, most: int = 2**31, rest_s: float = 86400.0) -> None:
    """Mark a folder of crops as used, and remove those beside it that were used longest ago, down to `most` bytes.

    What was used within `rest_s` seconds stays: a run that goes on may need it.
    """
    used.mkdir(parents=True, exist_ok=True)
    os.utime(used)
    total = 0
    with contextlib.suppress(OSError):  # another process removes them, too
        found = [path for path in used.parent.iterdir() if path.is_dir()]
        for path in sorted(found, key=lambda path: -path.stat().st_mtime):
            total += sum(file.stat().st_size for file in path.iterdir())
            if total > most and path != used and path.stat().st_mtime < time.time() - rest_s:
                shutil.rmtree(path, ignore_errors=True)


def teaching(teacher: Teacher) -> dict[str, Any]:
    """The teacher in every step: "teacher", a `TeachFn`, and "taught", the channels of its features."""
    model = Model(lambda key: teacher.params, _features(teacher))
    return {"teacher": fixed_teacher(model, teacher.params), "taught": feature_channels(teacher.net)}


def _features(teacher: Teacher) -> Any:
    def forward(params: Any, plan: Any, x: Array) -> Any:
        return jax.tree.map(lambda y: y[None], teacher._replace(params=params).features(x[0]))

    return forward


@functools.lru_cache(maxsize=4)
def _jitted(module: Any) -> Callable[[Any, Array], Array]:
    def apply(params: Any, pixels: Array) -> Array:
        y = module.apply({"params": params}, to_float(pixels))
        return jnp.round((y.clip(-1, 1) + 1) * 127.5).astype(jnp.uint8)

    return jax.jit(apply)


def _program(teacher: Teacher) -> Callable[[Any, Array], Array]:
    return _jitted(teacher.net.extract(teacher.arch))
