"""Top of the page: what was found, in one sentence and a few figures, and how the run stands."""

from collections.abc import Sequence
from typing import NamedTuple

from nasjax.report.chance import compared, difference
from nasjax.report.measures import inline, write
from nasjax.report.phases import phase_label
from nasjax.report.run import Row, Run
from nasjax.report.system import measure, stated_at
from nasjax.report.units import NBSP, count, exact, seconds, signed
from nasjax.report.values import mapping, number, text

# A live run writes its status every few seconds; after this long without news it has probably ended.
SILENCE_S = 600
_MOST_RIVALS = 3
_NEWSLESS = ": the run may have been killed. The same command goes on from where it was."


class Progress(NamedTuple):
    """How far something is, 0 to 1, in words and as a bar; without a share there are only words."""

    label: str
    words: str
    share: float | None


class Standing(NamedTuple):
    """How a run that is not done stands; `age_s` is the age of its last news."""

    state: str
    head: str
    bars: Sequence[Progress]
    message: str
    age_s: float | None
    updated: float | None

    @property
    def news(self) -> str:
        """The age of the last news in words."""
        if self.age_s is None:
            return ""
        silent = self.state == "running" and self.age_s > SILENCE_S
        return f"Last news {seconds(self.age_s)} ago{_NEWSLESS if silent else '.'}"


class Headline(NamedTuple):
    """The head of the page: a line above the title, a sentence, figures with their names, and the run's standing."""

    over: str
    title: str
    sentence: str
    tiles: Sequence[tuple[str, str]]
    standing: Standing | None


def headline(run: Run) -> Headline:
    """Return the head of the page of a run."""
    system = run.system.name if run.system.name != run.title else ""
    name = run.name if run.name != run.title else ""
    over = " · ".join(filter(None, ["nasjax report", system, name, text(run.results.get("space"))]))
    found = run.found
    sentence = "" if found is None else _sentence(run, found)
    standing = None if run.state == "done" else _standing(run)
    return Headline(over, run.title, sentence, [] if found is None else _tiles(run, found), standing)


def rivals(run: Run) -> list[Row]:
    """Return the networks that the found one is compared with in the head, those that were trained first."""
    others = [row for role in ("rival", "reference") for row in run.rows if row.role == role]
    return others[:_MOST_RIVALS]


def _sentence(run: Run, found: Row) -> str:
    sizes = [
        f"{_written(run, found, name)} {_name(run, name)}" for name in ("params", "macs") if found.values.get(name)
    ]
    words = "The search found a network" + (f" of {' and '.join(sizes)}" if sizes else "")
    decides = run.decides
    if decides is None or decides.name not in found.values:
        return f"{words}."
    words += f", whose {_name(run, decides.name)} is {_written(run, found, decides.name)}"
    against = [_against(run, found, other) for other in rivals(run)]
    return words + (f": {'; '.join(each for each in against if each)}." if any(against) else ".")


def _name(run: Run, measured: str) -> str:
    return inline(measure(run.system, measured)) + stated_at(run.system, measured)


def _written(run: Run, row: Row, name: str) -> str:
    return write(measure(run.system, name), row.values.get(name))


def _against(run: Run, found: Row, other: Row) -> str:
    """Return "0.21 dB better than NAME, with 12 % fewer MACs", whichever way it went."""
    decides = run.decides
    differs = difference(found, other, decides) if decides is not None else None
    if differs is None:
        return ""
    return compared(differs, other.name) + _saved(run, found, other)


def _saved(run: Run, found: Row, other: Row) -> str:
    """Return by how much the found network is smaller, in the dearest of the costs that both have."""
    both = [name for name in ("macs", "params") if found.values.get(name) and other.values.get(name)]
    if not both:
        return ""
    less = 100 * (1 - found.values[both[0]] / other.values[both[0]])
    if abs(less) < 5:
        return ""
    return f", with {abs(less):.0f}{NBSP}% {'fewer' if less > 0 else 'more'} {inline(measure(run.system, both[0]))}"


def _tiles(run: Run, found: Row) -> list[tuple[str, str]]:
    decides, tiles = run.decides, []
    if decides is not None and decides.name in found.values:
        tiles.append((_written(run, found, decides.name), decides.label))
        changes = [(other.values[decides.name], other.name) for other in rivals(run) if decides.name in other.values]
        ours, digits = found.values[decides.name], decides.digits or 0
        tiles += [(signed(ours - theirs, digits, decides.unit), f"against {name}") for theirs, name in changes]
    costs = [name for name in ("params", "macs") if found.values.get(name)]
    tiles += [(_written(run, found, name), _name(run, name)) for name in costs]
    whole = number(run.results.get("seconds"))
    return [*tiles, *([(seconds(whole), "for the whole run")] if whole else [])]


def _standing(run: Run) -> Standing:
    status, phase = run.status, text(run.status.get("phase"))
    heads = {"failed": "This run failed", "stopped": "This run was stopped"}
    at = f" in: {phase_label(phase)}" if phase else ""
    running = f"Running: {phase_label(phase)}" if phase else "Not finished"
    head = heads[run.state] + at if run.state in heads else running
    updated = number(status.get("updated"))
    bars = [each for each in (_whole(run), _phase(run)) if each is not None] if run.state == "running" else []
    message = text(status.get("message"))
    if run.state in heads:
        said = [message.rstrip(".") + "." if message else "", "The same command goes on from where it was."]
        message = " ".join(filter(None, said))
    age = None if updated is None else max(0.0, run.now - updated)
    return Standing(run.state, head, bars, message, age, updated)


def _whole(run: Run) -> Progress | None:
    whole = mapping(run.status.get("run"))
    done, eta = number(whole.get("done")), number(whole.get("eta_s"))
    if done is None and eta is None:
        return None
    words = [f"{100 * done:.0f}{NBSP}%" if done is not None else "", f"{seconds(eta)} left" if eta is not None else ""]
    return Progress("whole run", " · ".join(filter(None, words)), _share(done, 1.0))


def _phase(run: Run) -> Progress | None:
    step, steps, rate, eta = (number(run.status.get(key)) for key in ("step", "steps", "steps_per_s", "eta_s"))
    words = [
        f"step {exact(step)} of {exact(steps)}" if step is not None and steps else "",
        f"{count(rate)} steps/s" if rate else "",
        f"{seconds(eta)} left" if eta is not None else "",
    ]
    said = " · ".join(filter(None, words))
    return Progress("this phase", said, _share(step, steps)) if said else None


def _share(part: float | None, whole: float | None) -> float | None:
    return min(1.0, max(0.0, part / whole)) if part is not None and whole else None
