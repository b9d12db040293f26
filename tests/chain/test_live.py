"""The report of a running experiment: often enough, never dear, never fatal."""

import pytest

from nasjax.chain import live
from nasjax.chain.live import LiveReport
from nasjax.report import write_report


class Clock:
    """A clock that moves when it is told to, and by `cost` for every page that is written."""

    def __init__(self, cost=0.0):
        self.now, self.cost, self.pages = 0.0, cost, []

    def write(self, folder):
        self.pages.append(self.now)
        self.now += self.cost


@pytest.fixture
def watched(tmp_path, monkeypatch):
    """`watched(cost)`: a live report whose pages cost `cost` seconds each, and its clock."""

    def make(cost):
        clock = Clock(cost)
        monkeypatch.setattr(live, "write_report", clock.write)
        return LiveReport(tmp_path, print, now_fn=lambda: clock.now), clock

    return make


def test_a_phase_is_shown_every_ten_seconds(watched):
    """Looking every second for a minute at pages of 50 ms writes the first and then one every ten seconds."""
    report, clock = watched(0.05)
    for second in range(60):
        clock.now = float(second)
        report.look()
    assert clock.pages == [0, 11, 22, 33, 44, 55]


def test_dear_pages_are_rarer(watched):
    """Pages of 1.5 s take at most 2 % of the time of a phase, of a search with news at most 10 %."""
    report, clock = watched(1.5)
    for second in range(200):
        clock.now = max(clock.now, float(second))
        report.look()
    assert clock.pages == [0, 77, 154]
    clock.now, clock.pages[:] = 300.0, []
    for _ in range(30):
        report.look(news=True)
        clock.now += 1
    assert clock.pages == [300, 316.5]


def test_news_are_shown_at_once(watched):
    """Every generation of a search is shown when pages are cheap, however soon it comes."""
    report, clock = watched(0.01)
    for second in range(5):
        clock.now = float(second)
        report.look(news=True)
    assert clock.pages == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RecursionError(), KeyError("psnr_y")])
def test_a_failing_report_is_said_once_and_harms_nothing(tmp_path, monkeypatch, error):
    """Whatever goes wrong in the page is one line a kind, not a line a page; a page that works is written again."""
    said = []
    (tmp_path / "config.json").write_text("{}")
    report = LiveReport(tmp_path, said.append)
    with monkeypatch.context() as patch:
        patch.setattr(live, "write_report", lambda folder: (_ for _ in ()).throw(error))
        report.write()
        report.write()
    assert len(said) == 1 and type(error).__name__ in said[0] and "goes on" in said[0]
    assert live.write_report is write_report
    report.write()
    assert (tmp_path / "report.html").is_file() and len(said) == 1


def test_an_interruption_is_not_swallowed(tmp_path, monkeypatch):
    """Ctrl-C while a page is written still stops the program."""
    monkeypatch.setattr(live, "write_report", lambda folder: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        LiveReport(tmp_path, print).write()
