"""What a test run costs, by file: CPU seconds and compiled programs, beside a budget that is committed.

A pytest plugin, loaded by tests/conftest.py. Seconds are those of this process and the processes that it waited for,
so they depend little on what else the machine does; how fast it is at all is looked at now and then (`_pace`). Under
xdist every worker counts its own, and the first process adds up. A whole run (no file, test or marker asked for) that
exceeds `tests/budget.json` fails. What is compiled is bounded by the number of programs and not by its seconds, which
depend on what the cache of compiled programs already holds.
"""

import json
import os
import resource
import statistics
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

_EVENT = "/jax/core/compile/backend_compile_duration"
_EVERY = 50  # tests, between two looks at the machine's pace
_LIMITS = Path(__file__).with_name("budget.json")
_SHOWN = 15
_KEY = "nasjax-costs"
_COUNTED = ("cpu", "compiling", "programs", "grown")


class Costs:
    """Seconds of CPU, programs compiled, seconds of compiling and MiB of growth by file; the largest process."""

    def __init__(self, *, with_children: bool = True):
        self.cpu, self.programs, self.compiling, self.grown = Counter(), Counter(), Counter(), Counter()
        self._times = 4 if with_children else 2
        self.peak = self._own = 0
        self._here = ""
        self._since = 0.0  # starting the process counts, too

    def listen(self) -> None:
        """Count every program that is compiled, or read from the cache of compiled ones, from now on."""
        import jax

        jax.monitoring.register_event_duration_secs_listener(self._on_event)

    def enter(self, place: str) -> None:
        """What is spent from here on is `place`'s; fixtures are those of the first test that asks for them."""
        now = sum(os.times()[: self._times])
        self.cpu[self._here] += now - self._since
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        self.grown[self._here] += own - self._own
        self._own, self.peak = own, max(self.peak, own)
        self._here, self._since = place, now

    def add(self, other: dict[str, Any]) -> None:
        """What a worker has counted."""
        for name in _COUNTED:
            getattr(self, name).update(other[name])
        self.peak = max(self.peak, other["peak"])

    def record(self) -> dict[str, Any]:
        """All of it, to be sent to the first process."""
        self.enter("")
        counted = {name: dict(getattr(self, name)) for name in _COUNTED}
        return {**counted, "peak": self.peak}

    def _on_event(self, event: str, seconds: float, **metadata: str | int) -> None:
        if event == _EVENT:
            self.programs[self._here] += 1
            self.compiling[self._here] += seconds


def _pace() -> float:
    """CPU seconds of a fixed piece of Python."""
    start = time.thread_time()
    sum(i * i for i in range(200_000))
    return time.thread_time() - start


class Budget:
    """The plugin. CPU time is counted at the pace of the machine that the budget is of, where this one is slower.

    Machines are shared: the same tests have taken 700 and 1,200 CPU seconds on the same one, hours apart.
    """

    def __init__(self, config: pytest.Config):
        self.config, self.worker = config, hasattr(config, "workerinput")
        # The children of the process that only hands out tests are the workers, which count for themselves.
        self._hands_out = not self.worker and bool(getattr(config.option, "numprocesses", None))
        self.costs = Costs(with_children=not self._hands_out)
        self.excess: list[str] = []
        self._paces: list[float] = []
        self._begun = 0

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        self.costs.listen()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        # The process that only hands out tests hears of those of its workers.
        if not self.worker and self._begun % _EVERY == 0:
            self._paces.append(_pace())
        self._begun += 1
        if not self._hands_out:
            self.costs.enter(nodeid.partition("::")[0])

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        if _KEY in getattr(node, "workeroutput", {}):
            self.costs.add(node.workeroutput[_KEY])

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        found = self.costs.record()
        if self.worker:
            self.config.workeroutput[_KEY] = found  # type: ignore[attr-defined]
            return
        self.excess = self._exceeded(found) if self._is_whole() else []
        if self.excess and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        found = self.costs.record()
        if not found["programs"] and found["peak"] == 0:
            return
        terminalreporter.section("cost of the tests")
        for line in _table(found):
            terminalreporter.line(line)
        if self._paces:
            terminalreporter.line(f"pace: a fixed piece of Python takes {1000 * statistics.median(self._paces):.1f} ms")
        for line in self.excess:
            terminalreporter.line(f"OVER BUDGET: {line}", red=True)

    def _is_whole(self) -> bool:
        """Whether all tests were asked for: a part says nothing of the whole."""
        option = self.config.option
        asked = option.keyword or option.file_or_dir or option.markexpr != "not slow" or option.deselect
        return not asked and not option.collectonly and not getattr(option, "lf", False)

    def _exceeded(self, found: dict[str, Any]) -> list[str]:
        limits = json.loads(_LIMITS.read_text())
        pace = limits.pop("pace_ms", 0.0) / 1000
        slower = max(1.0, statistics.median(self._paces) / pace) if self._paces and pace else 1.0
        cpu = (sum(found["cpu"].values()) - sum(found["compiling"].values())) / 60
        spent = {
            "cpu_minutes_beside_compiling": cpu / slower,
            "programs": sum(found["programs"].values()),
            "worker_peak_mib": found["peak"],
        }
        return [
            f"{name} {spent[name]:.0f} of {limit} (tests/budget.json): make tests cheaper, or say why they cost more"
            for name, limit in limits.items()
            if spent[name] > limit
        ]


def _table(found: dict[str, Any]) -> list[str]:
    """The dearest files, and the sum over all."""
    cpu, compiling, programs, grown = (found[name] for name in _COUNTED)
    files = sorted({*cpu, *programs}, key=lambda name: -cpu.get(name, 0))
    lines = [f"{'CPU s':>8} {'compiling':>10} {'programs':>9} {'grown MiB':>9}  file"]
    for name in files[:_SHOWN]:
        row = (
            f"{cpu.get(name, 0):8.1f} {compiling.get(name, 0):10.1f} {programs.get(name, 0):9d} {grown.get(name, 0):9d}"
        )
        lines.append(f"{row}  {name or '(start, collection)'}")
    total = [sum(counted.values()) for counted in (cpu, compiling, programs)]
    row = f"{total[0]:8.1f} {total[1]:10.1f} {total[2]:9d} {found['peak']:9d}"
    lines.append(f"{row}  {len(files)} files; memory: of the largest process")
    return lines
