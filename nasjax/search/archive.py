"""Every evaluation of a search, kept: looked up so that nothing is evaluated twice, saved as `archive.csv`.

The archive is also the checkpoint of a search: `run_search` replays from it (see there).
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nasjax.basis import differences, in_words
from nasjax.files import read_json, to_json, whole_file, write_json
from nasjax.say import Say, sizes, to_stderr, told
from nasjax.search.base import Objectives, Violation
from nasjax.search.pareto import best, non_dominated
from nasjax.space import SearchSpace
from nasjax.typing import Archs

_HEAD = ("id", "stage", "generation", "arch", "hash")
_TAIL = ("feasible", "front", "violation")


class Evaluation(NamedTuple):
    """What is known of n archs: `objectives[n, m]`, all minimised, `violation[n]` (0 = feasible), and named columns.

    `columns` are further numbers for the record, `{name: [n]}`: costs first, then scores. `more` are archs that were
    evaluated beside those that were asked for, such as one instead of one that failed: for the record, too.
    """

    objectives: Objectives
    violation: Violation
    columns: Mapping[str, Any] = {}
    more: "tuple[Archs, Evaluation] | None" = None


class Row(NamedTuple):
    """One evaluated arch; `text` is its pasteable form."""

    stage: str
    generation: int
    arch: tuple[int, ...]
    text: str
    objectives: tuple[float, ...]
    violation: float
    columns: Mapping[str, int | float]


@dataclass(frozen=True, repr=False)
class Archive:
    """The evaluations so far, immutable: `add` returns the next one. An arch occurs once a stage.

    `space` is the whole space (stages search parts of it). `stage` labels what is added and what is looked up: scores
    of different stages stem from differently trained weights and are never mixed. `save` writes to `path`, if any.
    `bases` say what the scores of each stage rest on beside the arch (see `at`).
    """

    space: SearchSpace
    path: Path | None = None
    stage: str = ""
    rows: tuple[Row, ...] = ()
    bases: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __repr__(self) -> str:
        stages = ", ".join(f"{s} {sum(r.stage == s for r in self.rows)}" for s in sorted(self._stages) if s)
        where = "" if self.path is None else f", {self.path}"
        return f"Archive({self.space.name}: {len(self.rows)} archs" + f" ({stages})" * bool(stages) + f"{where})"

    @staticmethod
    def open(path: str | Path, space: SearchSpace, *, say: Say | None = to_stderr) -> "Archive":
        """The archive saved at `path`, or an empty one to be saved there; what is found is told to `say`.

        Raises ValueError naming the file and line that is malformed, or what differs if it is of another space: its
        scores are of networks that this one may not have, and lacks some that it has.
        """
        path = Path(path)
        if not path.exists():
            return Archive(space, path)
        beside = _beside(path)
        kept = read_json(beside) if beside.is_file() else {}
        if differ := differences(kept.get("space", {}), space.fingerprint()):
            raise ValueError(f"{path} is an archive of another space: {in_words(differ)}; give this one another file")
        lines = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))
        if not lines or tuple(lines[0][: len(_HEAD)]) != _HEAD or not set(_TAIL) <= set(lines[0]):
            raise ValueError(f"{path}: not an archive; its first line must start with {','.join(_HEAD)}")
        rows = tuple(_read(f"{path}, line {i}", lines[0], line, space) for i, line in enumerate(lines[1:], start=2))
        found = Archive(space, path, "", rows, kept.get("stages", {}))
        unknown = "" if kept else "; on what its scores rest, its version did not keep"
        told(say)(f"{found!r}: what it holds is not evaluated again{unknown}")
        return found

    def at(self, stage: str, basis: Mapping[str, Any] | None = None) -> "Archive":
        """The same archive, which adds to and looks up in `stage` from here on.

        `basis` says what the scores rest on, as JSON values by name, such as
        `{"weights": fingerprint(params), "objectives": ["psnr_y", "macs"], "pictures": "embedded, val"}`. It is kept
        beside the archive; raises ValueError naming what differs from the basis of scores that the stage has already
        (of what both name).
        """
        if basis is None:
            return replace(self, stage=stage)
        scored = any(r.stage == stage for r in self.rows)
        kept = self.bases.get(stage, {}) if scored else {}
        if differ := differences(kept, basis):
            raise ValueError(
                f"{self.path or 'archive'}: the scores of stage {stage!r} rest on something else: {in_words(differ)}. "
                f"They must not compete: give another file, or score the stage anew with archive.without({stage!r})"
            )
        return replace(self, stage=stage, bases={**self.bases, stage: {**kept, **basis}})

    def without(self, stage: str) -> "Archive":
        """The archive without the evaluations of a stage."""
        kept = {name: basis for name, basis in self.bases.items() if name != stage}
        return replace(self, rows=tuple(r for r in self.rows if r.stage != stage), bases=kept)

    def add(self, archs: Archs, evaluation: Evaluation, generation: int) -> "Archive":
        """The archive with these archs, `[n, k]`, which are not in its stage yet.

        Raises ValueError for arrays of the wrong shape, archs outside the space, or other columns or another number of
        objectives than the stage has: such scores do not compare.
        """
        columns = _check(archs, evaluation)
        self._check_alike([name for name, _ in columns], np.shape(evaluation.objectives)[1])
        archs = np.asarray(archs)
        if not (inside := self.space.contains(archs)).all():
            raise ValueError(f"archive of {self.space.name}: {archs[~inside][0].tolist()} is no canonical arch of it")
        objectives = np.asarray(evaluation.objectives, np.float32).tolist()
        violation = np.asarray(evaluation.violation, np.float32).tolist()
        new = tuple(
            Row(
                self.stage,
                generation,
                _key(arch),
                text,
                tuple(objectives[i]),
                violation[i],
                {n: v[i] for n, v in columns},
            )
            for i, (arch, text) in enumerate(zip(archs, self.space.texts(archs), strict=True))
        )
        return replace(self, rows=self.rows + new)

    def unseen(self, archs: Archs) -> np.ndarray:
        """The distinct archs that this stage has not evaluated, in order; `[n, k]` -> `[u, k]`."""
        archs = np.asarray(archs)
        keys = list(map(_key, archs))
        first = [i for i, key in enumerate(keys) if key not in self._places and key not in keys[:i]]
        return archs[first]

    def lookup(self, archs: Archs) -> tuple[np.ndarray, np.ndarray]:
        """Objectives `float32[n, m]` and violation `float32[n]` of archs that this stage has evaluated.

        Raises ValueError naming the first that it has not.
        """
        places = []
        for arch in np.asarray(archs):
            if _key(arch) not in self._places:
                raise ValueError(f"{self.space.text(arch)} was not evaluated in stage {self.stage!r}")
            places.append(self._places[_key(arch)])
        rows = [self.rows[i] for i in places]
        return np.array([r.objectives for r in rows], np.float32), np.array([r.violation for r in rows], np.float32)

    @property
    def stage_rows(self) -> tuple[Row, ...]:
        """The rows of the present stage."""
        return tuple(r for r in self.rows if r.stage == self.stage)

    def front(self) -> tuple[Row, ...]:
        """The feasible non-dominated rows of the present stage, in the order of their evaluation."""
        rows = self.stage_rows
        return tuple(r for r, on in zip(rows, _front(rows), strict=True) if on)

    def best(self) -> Row:
        """The present stage's feasible row with the smallest first objective; see `pareto.best`."""
        rows = self.stage_rows
        if not rows:
            raise ValueError(f"nothing was evaluated in stage {self.stage!r}; stages: {sorted(self._stages)}")
        return rows[best(np.array([r.objectives for r in rows]), np.array([r.violation for r in rows]))]

    def save(self) -> None:
        """Writes `path`, if there is one, as a whole: a killed process leaves the old or the new.

        Columns: id, stage, generation, arch, hash, the evaluator's, feasible and front (0/1; the front of the row's own
        stage), violation, and the objectives. The space and the bases are beside it, in NAME.basis.json.
        """
        if self.path is None:
            return
        basis = {"space": self.space.fingerprint(), "stages": self.bases}
        beside = _beside(self.path)
        if not beside.is_file() or to_json(read_json(beside)) != to_json(basis):
            write_json(beside, basis)  # first: scores without a basis could not be told from an earlier version's
        with whole_file(self.path) as part, part.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(self._table())

    def _check_alike(self, columns: Sequence[str], objectives: int) -> None:
        row = next((r for r in self.rows if r.stage == self.stage), None)
        if row is None:
            return
        had, have = (
            [", ".join(sorted(names)), n] for names, n in ((row.columns, len(row.objectives)), (columns, objectives))
        )
        if had != have:
            raise ValueError(
                f"{self.path or 'archive'}: stage {self.stage!r} holds {had[1]} objectives with columns "
                f"{had[0] or 'none'}; now they are {have[1]} with {have[0] or 'none'}. Such scores must not compete: "
                "give another file"
            )

    @property
    def _stages(self) -> set[str]:
        return {r.stage for r in self.rows}

    @cached_property
    def _places(self) -> dict[tuple[int, ...], int]:
        return {r.arch: i for i, r in enumerate(self.rows) if r.stage == self.stage}

    def _table(self) -> Iterable[list]:
        names = list(dict.fromkeys(name for r in self.rows for name in r.columns))
        width = max((len(r.objectives) for r in self.rows), default=0)
        yield [*_HEAD, *names, *_TAIL, *(f"objective_{i}" for i in range(width))]
        on_front = {}
        for stage in self._stages:
            places = [i for i, r in enumerate(self.rows) if r.stage == stage]
            on_front |= dict(zip(places, _front([self.rows[i] for i in places]), strict=True))
        for i, r in enumerate(self.rows):
            found = [r.columns.get(name, "") for name in names]
            head = [i, r.stage, r.generation, r.text, r.text.rpartition("@")[2]]
            yield [*head, *found, int(r.violation <= 0), int(on_front[i]), r.violation, *r.objectives]


def _beside(path: Path) -> Path:
    return path.with_suffix(".basis.json")


def _key(arch: np.ndarray) -> tuple[int, ...]:
    return tuple(arch.tolist())


def _front(rows: Sequence[Row]) -> np.ndarray:
    if not rows:
        return np.zeros(0, bool)
    return non_dominated(np.array([r.objectives for r in rows]), np.array([r.violation for r in rows]))


def _check(archs: Archs, evaluation: Evaluation) -> list[tuple[str, list[int | float]]]:
    """The evaluator's columns as Python numbers; raises ValueError where an array does not fit the archs."""
    n = len(archs)
    objectives, violation = np.shape(evaluation.objectives), np.shape(evaluation.violation)
    if len(objectives) != 2 or objectives[0] != n or violation != (n,):
        raise ValueError(
            f"evaluating {n} archs: objectives must be [{n}, m] and violation [{n}], got arrays of {sizes(objectives)} "
            f"and {sizes(violation)}"
        )
    columns = []
    for name, values in evaluation.columns.items():
        if name.startswith("objective_") or name in (*_HEAD, *_TAIL):
            raise ValueError(f"evaluating archs: column {name!r} is the archive's own; choose another name")
        if np.shape(values) != (n,) or np.asarray(values).dtype.kind not in "biuf":
            raise ValueError(f"evaluating {n} archs: column {name!r} must hold {n} numbers, got {values!r}")
        values = np.asarray(values)
        columns.append((name, (values.astype(int) if values.dtype.kind == "b" else values).tolist()))
    return columns


def _read(place: str, head: list[str], line: list[str], space: SearchSpace) -> Row:
    try:
        if len(line) != len(head):
            raise ValueError(f"{len(line)} cells for {len(head)} columns")
        cells = dict(zip(head, line, strict=True))
        columns = {n: _number(v) for n, v in cells.items() if n not in (*_HEAD, *_TAIL) and v}
        objectives = tuple(float(columns.pop(n)) for n in list(columns) if n.startswith("objective_"))
        arch = _key(space.parse(cells["arch"]))
        generation, violation = int(cells["generation"]), float(cells["violation"])
        return Row(cells["stage"], generation, arch, space.text(np.array(arch)), objectives, violation, columns)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error


def _number(cell: str) -> int | float:
    """An int where the text is one, so that a reloaded archive equals the saved one."""
    return int(cell) if cell.lstrip("-").isdigit() else float(cell)
