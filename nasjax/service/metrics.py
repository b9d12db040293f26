"""Counts and times of a service, in the text format of Prometheus (version 0.0.4)."""

import bisect
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import final

_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
_HELP = {
    "nasjax_pictures_total": "Pictures that were worked on.",
    "nasjax_requests_total": "Requests that were answered.",
    "nasjax_edit_seconds": "Seconds to edit a picture, from file to file.",
    "nasjax_request_seconds": "Seconds from a request's first byte to the start of its answer.",
    "nasjax_waiting": "Pictures that wait.",
    "nasjax_stored_bytes": "Bytes of the jobs there are, uploads and results.",
    "nasjax_resident_bytes": "Memory of the process.",
}
_Labels = tuple[tuple[str, str], ...]


@final
class Metrics:
    """Counters and histograms, from any thread; gauges are asked for when they are shown."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: defaultdict[str, defaultdict[_Labels, int]] = defaultdict(lambda: defaultdict(int))
        self._times: dict[str, tuple[list[int], list[float]]] = {}

    def add(self, name: str, *, outcome: str, model: str = "", route: str = "") -> None:
        """Count one."""
        labels = {"outcome": outcome, "model": model, "route": route}
        with self._lock:
            self._counts[name][tuple((key, value) for key, value in labels.items() if value)] += 1

    def observe(self, name: str, seconds: float) -> None:
        """Count a time."""
        with self._lock:
            counts, total = self._times.setdefault(name, ([0] * (len(_BUCKETS) + 1), [0.0]))
            counts[bisect.bisect_left(_BUCKETS, seconds)] += 1
            total[0] += seconds

    def text(self, gauges: Mapping[str, Callable[[], float]]) -> str:
        """All of them, as Prometheus reads them."""
        with self._lock:
            lines = [*self._counters(), *self._histograms()]
        for name, value in gauges.items():
            lines += [*_head(name, "gauge"), f"{name} {value()}"]
        return "\n".join(lines) + "\n"

    def _counters(self) -> Iterator[str]:
        for name, counts in self._counts.items():
            yield from _head(name, "counter")
            for labels, count in counts.items():
                shown = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels)
                yield f"{name}{{{shown}}} {count}"

    def _histograms(self) -> Iterator[str]:
        for name, (counts, total) in self._times.items():
            yield from _head(name, "histogram")
            for i, limit in enumerate((*_BUCKETS, "+Inf")):
                yield f'{name}_bucket{{le="{limit}"}} {sum(counts[: i + 1])}'
            yield from (f"{name}_sum {total[0]}", f"{name}_count {sum(counts)}")


def _head(name: str, kind: str) -> tuple[str, str]:
    return f"# HELP {name} {_HELP[name]}", f"# TYPE {name} {kind}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
