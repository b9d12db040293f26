"""A run folder as data: every file may be missing or half written, and then reads as empty."""

import csv
import io
import json
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, final

from nasjax.report.values import mapping, number, records, text

FILES = (
    "config.json",
    "environment.json",
    "status.json",
    "metrics.jsonl",
    "archive.csv",
    "stages.json",
    "confirmed.json",
    "fairness.json",
    "ledger.json",
    "results.json",
    "diagram.json",
    "images.json",
)
STYLE_SUM = "edge+style"
SINGLE = ("finalist", "confirm")  # phases HEAD/NAME that train one network, not a stage


@final
@dataclass(frozen=True)
class Run:
    """What one run folder holds; `manifest` is None until something is exported; times are seconds since 1970."""

    folder: Path
    now: float
    config: dict[str, Any]
    environment: dict[str, Any]
    status: dict[str, Any]
    metrics: list[dict[str, Any]]
    archive: list[dict[str, str]]
    stages: list[dict[str, Any]]
    confirmed: list[dict[str, Any]]
    fairness: list[dict[str, Any]]
    ledger: list[dict[str, Any]]
    results: dict[str, Any]
    diagram: dict[str, Any]
    images: list[dict[str, Any]]
    manifest: dict[str, Any] | None

    @property
    def bundle(self) -> Path:
        """The folder of what is shipped."""
        return _bundle(self.folder)

    @cached_property
    def finalists(self) -> tuple[str, ...]:
        """The trainings of finalists ("finalist/0-1": the first one's second), in order."""
        return self._phases_of("finalist/")

    @cached_property
    def confirmations(self) -> tuple[str, ...]:
        """The trainings that a decision waited for ("confirm/path-0": the first of the path stage), in order."""
        return self._phases_of("confirm/")

    @property
    def done(self) -> bool:
        """Whether the run says it has ended; a run without a status file but with results has."""
        return self.status.get("done") is True or (not self.status and bool(self.results))

    @cached_property
    def stage_names(self) -> tuple[str, ...]:
        """The stages in order of first mention: in stages.json, then in the metrics, then in the archive."""
        decided = (text(row.get("stage")) for row in self.stages)
        phases = (text(row.get("phase")).partition("/") for row in self.metrics)
        logged = (stage for head, _, stage in phases if head not in SINGLE)
        tried = (row.get("stage", "") for row in self.archive)
        return tuple(name for name in dict.fromkeys([*decided, *logged, *tried]) if name)

    def _phases_of(self, head: str) -> tuple[str, ...]:
        phases = {text(row.get("phase")) for row in [*self.metrics, *self.ledger]}
        return tuple(sorted((p for p in phases if p.startswith(head)), key=lambda p: (len(p), p)))


def load_run(folder: Path, now: float | None = None) -> Run:
    """Read a run folder; raises ValueError when `folder` holds none of the files of a run."""
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder; a run folder holds {', '.join(FILES)}")
    if not any((folder / name).is_file() for name in FILES):
        raise ValueError(f"{folder} is not a run folder: it holds none of {', '.join(FILES)}")
    return Run(
        folder=folder,
        now=time.time() if now is None else now,
        config=mapping(_json(folder / "config.json")),
        environment=mapping(_json(folder / "environment.json")),
        status=mapping(_json(folder / "status.json")),
        metrics=_json_lines(folder / "metrics.jsonl"),
        archive=[_with_sum(row) for row in _csv_rows(folder / "archive.csv")],
        stages=records(_json(folder / "stages.json")),
        confirmed=records(_json(folder / "confirmed.json")),
        fairness=records(mapping(_json(folder / "fairness.json")).get("stages")),
        ledger=records(_json(folder / "ledger.json")),
        results=mapping(_json(folder / "results.json")),
        diagram=mapping(_json(folder / "diagram.json")),
        images=records(_json(folder / "images.json")),
        manifest=mapping(_json(bundle / "manifest.json")) if (bundle := _bundle(folder)).is_dir() else None,
    )


def _bundle(folder: Path) -> Path:
    """`network` for a style run, `export` for others, which may not be there yet."""
    return folder / "network" if (folder / "network").is_dir() else folder / "export"


def _with_sum(row: dict[str, str]) -> dict[str, str]:
    """Add the sum of both errors to a candidate of a style run: against cost, one number shows both."""
    if not {"edge", "style"} <= row.keys():
        return row
    edge, style = number(row["edge"]), number(row["style"])
    return row | {STYLE_SUM: "" if edge is None or style is None else f"{edge + style:.6f}"}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _parse(source: str) -> object:
    try:
        return json.loads(source)
    except (ValueError, RecursionError):
        return None


def _json(path: Path) -> object:
    return _parse(_read(path))


def _json_lines(path: Path) -> list[dict[str, Any]]:
    # The last line may be half written; a line that does not parse is left out wherever it stands.
    return records([_parse(line) for line in _read(path).split("\n") if line.strip()])


def _csv_rows(path: Path) -> list[dict[str, str]]:
    source = _read(path)
    # Without its newline the last row may end in the middle of a number and still parse.
    complete = source[: source.rfind("\n") + 1].replace("\0", "")
    try:
        rows = list(csv.DictReader(io.StringIO(complete)))
    except csv.Error:
        return []
    return [row for row in rows if None not in row and None not in row.values()]
