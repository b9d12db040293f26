"""A run folder as one frozen object: what was searched for, what was tried, what came out, and what is broken in it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, final

from nasjax.report.files import FILES, read_folder, read_object
from nasjax.report.frames import frame
from nasjax.report.measures import Measure, write
from nasjax.report.old import OLD_BUNDLE, as_today
from nasjax.report.system import System, latency_at, measure, read_system
from nasjax.report.units import NBSP, count_of
from nasjax.report.values import mapping, number, records, text

if TYPE_CHECKING:
    import pandas

_STAGED = ("supernet", "search")  # phases HEAD/STAGE; HEAD/NAME of other heads are single networks
_SEARCHED = "search_score"  # what decides, as candidates were scored while they were searched
_STATES = ("running", "stopped", "failed", "done")


class Row(NamedTuple):
    """A network of the result table; `spread` is half the range over its trainings, by measure.

    `role` is found, inherited, scratch, finalist, rival or reference. `search` are its scores under the protocol of the
    search, empty where it was not scored so.
    """

    name: str
    role: str
    arch: str
    note: str
    trainings: int | None
    values: Mapping[str, float]
    spread: Mapping[str, float]
    search: Mapping[str, float]


@final
@dataclass(frozen=True, repr=False)
class Run:
    """What a run folder held when it was read: JSON files as they are, `now` in seconds since 1970.

    `problems` maps a broken file to what is wrong with it; what it held is missing here.
    """

    folder: Path
    now: float
    system: System
    config: dict[str, Any]
    environment: dict[str, Any]
    status: dict[str, Any]
    results: dict[str, Any]
    stages: list[dict[str, Any]]
    confirmed: list[dict[str, Any]]
    fairness: list[dict[str, Any]]
    ledger: list[dict[str, Any]]
    images: list[dict[str, Any]]
    diagram: dict[str, Any]
    manifest: dict[str, Any] | None
    candidates: list[dict[str, Any]]
    readings: list[dict[str, Any]]
    problems: Mapping[str, str]

    @property
    def archive(self) -> "pandas.DataFrame":
        """The evaluated candidates as a data frame, one a row; needs the extra `frames`."""
        return frame(self.candidates)

    @property
    def metrics(self) -> "pandas.DataFrame":
        """What was logged, one reading of a phase a row; needs the extra `frames`."""
        return frame(self.readings)

    @property
    def measures(self) -> Mapping[str, Measure]:
        """The scores and costs that the run describes, by name."""
        return self.system.measures

    @property
    def decides(self) -> Measure | None:
        """The measure by which networks were chosen; None where the run does not say."""
        return measure(self.system, self.system.decides) if self.system.decides else None

    @property
    def title(self) -> str:
        """What the run is called."""
        said = (self.results.get("title"), self.config.get("title"), self.system.name, self.name)
        return next((text(each) for each in said if text(each)), self.folder.name)

    @property
    def name(self) -> str:
        """The name of its config."""
        return text(self.results.get("name")) or text(self.config.get("name"))

    @property
    def state(self) -> str:
        """Running, stopped, failed or done."""
        said = "done" if self.status.get("done") is True else text(self.status.get("state"))
        return said if said in _STATES else "running"

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """The result table; the first row is the found network."""
        named = [row for row in records(self.results.get("rows")) if text(row.get("name"))]
        return tuple(_row(row, self.system.decides, same=self._same_protocol) for row in named)

    @property
    def found(self) -> Row | None:
        """The network that the search came to."""
        return next((row for row in self.rows if row.role == "found"), None)

    @cached_property
    def stage_names(self) -> tuple[str, ...]:
        """The stages in order of first mention: in stages.json, then in the metrics, then in the archive."""
        decided = (text(row.get("stage")) for row in self.stages)
        phases = (text(row.get("phase")).partition("/") for row in self.readings)
        logged = (stage for head, _, stage in phases if head in _STAGED)
        tried = (text(row.get("stage")) for row in self.candidates)
        return tuple(name for name in dict.fromkeys([*decided, *logged, *tried]) if name)

    @property
    def bundle(self) -> Path:
        """The folder of what is shipped, which may not be there yet."""
        return _bundle(self.folder)

    def __repr__(self) -> str:
        broken = [f"{count_of(len(self.problems), 'broken file')}"] if self.problems else []
        facts = [self.title, self.state, count_of(len(self.candidates), "candidate"), *_best(self), *broken]
        return f"Run({str(self.folder)!r}: {', '.join(facts)})".replace(NBSP, " ")

    @property
    def _same_protocol(self) -> bool:
        """Whether finished networks are scored as candidates are; the table's protocol may say more, of its costs."""
        searched = text(self.results.get("search_protocol"))
        return text(self.results.get("protocol")).startswith(searched) if searched else False


def load_run(folder: str | Path, *, partial: bool = False, now: float | None = None) -> Run:
    """Read a run folder, finished or not; files that are not there yet are empty.

    Raises ValueError when `folder` holds none of the files of a run, and naming each file that is broken; with
    `partial`, those are read as empty instead, and named in `problems`. `now` is the time of reading.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder; a run folder holds {', '.join(FILES)}")
    if not any((folder / name).is_file() for name in FILES):
        raise ValueError(f"{folder} is not a run folder: it holds none of {', '.join(FILES)}")
    run = _read(folder, time.time() if now is None else now)
    if run.problems and not partial:
        broken = "; ".join(f"{name} {wrong}" for name, wrong in run.problems.items())
        raise ValueError(f"{folder}: {broken}. load_run(..., partial=True) reads the rest")
    return run


def labels(runs: Sequence[Run]) -> list[str]:
    """Return what runs beside each other are called: their folders, by name where that tells them apart."""
    names = [run.folder.name for run in runs]
    return names if len(set(names)) == len(names) else [str(run.folder) for run in runs]


def _read(folder: Path, now: float) -> Run:
    contents = as_today(read_folder(folder))
    objects, lists, bundle = contents.objects, contents.lists, _bundle(folder)
    manifest, wrong = read_object(bundle / "manifest.json")
    known = {"decides": objects["results.json"].get("decides"), "latency_at": latency_at(objects["config.json"])}
    return Run(
        folder=folder,
        now=now,
        system=read_system(known | objects["system.json"]),
        config=objects["config.json"],
        environment=objects["environment.json"],
        status=objects["status.json"],
        results=objects["results.json"],
        stages=lists["stages.json"],
        confirmed=lists["confirmed.json"],
        fairness=lists["fairness.json"],
        ledger=lists["ledger.json"],
        images=lists["images.json"],
        diagram=objects["diagram.json"],
        manifest=manifest if bundle.is_dir() else None,
        candidates=contents.candidates,
        readings=contents.readings,
        problems=dict(contents.problems) | ({f"{bundle.name}/manifest.json": wrong} if wrong else {}),
    )


def _bundle(folder: Path) -> Path:
    return folder / OLD_BUNDLE if (folder / OLD_BUNDLE).is_dir() else folder / "export"


def _row(raw: dict[str, Any], decides: str, *, same: bool) -> Row:
    values, trainings = _figures(raw.get("values")), number(raw.get("trainings"))
    searched = values.pop(_SEARCHED, None)
    search = {decides: searched} if searched is not None else values if same else {}
    return Row(
        text(raw.get("name")),
        text(raw.get("role")) or "reference",
        text(raw.get("arch")),
        text(raw.get("note")),
        None if trainings is None else int(trainings),
        values,
        _figures(raw.get("spread")),
        search,
    )


def _figures(raw: object) -> dict[str, float]:
    return {name: value for name, entry in mapping(raw).items() if (value := number(entry)) is not None}


def _best(run: Run) -> list[str]:
    found, decides = run.found, run.decides
    value = found.values.get(decides.name) if found is not None and decides is not None else None
    return [] if decides is None or value is None else [f"found {write(decides, value)} {decides.label}"]
