"""Candidates are scored by what they make of a generator: a population of pairs, trained a little, the better ones on.

A trial is one generation of a search: its pairs begin with the shared weights, see the same pictures, each in its own
order, are compared at each rung, and leave behind the weights that they were last scored with. Everything is kept, so
that a killed search goes on to the same bits: of each pair its own network, of which a space has many times as much.
"""

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import jax
import numpy as np
from jaxtyping import UInt8

from nasjax.export.weights import read_weights, write_weights
from nasjax.files import read_json, write_json
from nasjax.metrics.rank import kendall_tau
from nasjax.say import Say
from nasjax.search.halving import Rung, survivors, told_scores
from nasjax.supernet.base import Supernet
from nasjax.system import Predict
from nasjax.systems.perceptual.settings import REWARD, Proxy
from nasjax.tasks.trial import Trial
from nasjax.train.parallel import data_mesh
from nasjax.train.population import Line, Member, MemberLoss, Population, Seats, seats_that_fit, train_members
from nasjax.train.processes import exchange, is_first, share
from nasjax.train.schedules import optimiser
from nasjax.typing import Params

TRIALS, _PROGRESS, _RUNGS = "trials.json", "progress.safetensors", "rungs.json"
_LEAST = 3  # pairs that a rank correlation needs
ScoreFn = Callable[[Predict, Any], Mapping[str, Any]]


class Trials(NamedTuple):
    """What every trial of a search has in common. `pair` has the params of both sides, `generator` runs one."""

    proxy: Proxy
    pair: Supernet
    generator: Supernet
    loss: MemberLoss
    score: ScoreFn
    judge: Callable[[Params], Any]
    pool: Callable[[], UInt8[np.ndarray, "n h w 3"]]


def make_trial(trials: Trials) -> Trial:
    """The chain's question, answered by `run_trial`; programs and pictures are made once."""
    kept: dict[str, Any] = {}

    def scored(
        params: Params, archs: np.ndarray, folder: Path, say: Say, spares: np.ndarray
    ) -> Mapping[str, np.ndarray]:
        if not kept:
            kept.update(pool=trials.pool(), judge=trials.judge(params))
            kept["score"] = _scorer(trials, kept["judge"])
        return run_trial(trials, params, (archs, spares), folder=folder, kept=kept, say=say)

    def params_of(arch: np.ndarray, folder: Path) -> Params | None:
        file = _weights(folder, trials.pair.space.text(arch))
        return read_weights(file) if file.is_file() else None

    return Trial(scored, params_of)


def run_trial(
    trials: Trials,
    params: Params,
    archs: tuple[np.ndarray, np.ndarray],
    *,
    folder: Path,
    kept: dict[str, Any],
    say: Say,
) -> Mapping[str, np.ndarray]:
    """Train pairs of these archs from the shared params, and return what each is told, by measure.

    `archs` are those asked for, and spares: one is trained for each pair that fails before the first rung.
    """
    asked, num = list(trials.pair.space.texts(np.concatenate(archs))), len(archs[0])
    wanted, texts = len(dict.fromkeys(asked[:num])), list(dict.fromkeys(asked))
    line = Line(np.stack([trials.pair.space.parse(t) for t in texts]), np.array([_order(t) for t in texts], np.int32))
    population = kept.setdefault("population", _population(trials, num))
    fresh = jax.tree.map(np.asarray, population.member(params))
    if "seats" not in kept:
        kept["seats"] = _seats(trials, population, fresh, wanted=num, pool=kept["pool"], say=say)
    own = [population.own(fresh, arch) for arch in line.archs]
    place = _Progress(folder, texts, own, trials.proxy.save_seconds)
    members, rungs = place.members(), place.rungs()

    def train(until: int, places: Sequence[int], spares: Sequence[int] = ()) -> list[int]:
        ready = line._replace(spares=spares)
        _train(population, members, places, until=until, line=ready, kept=kept, on_look=place.save_in_time)
        _exchange(population, members, places, line=line, fresh=fresh)
        return list(places)

    for number, until in enumerate(trials.proxy.lengths()):
        if number < len(rungs):
            continue
        places = survivors(rungs[-1].rung, trials.proxy.keep) if number else []
        places = _with_spares(functools.partial(train, until), members, wanted) if number == 0 else train(until, places)
        _say_lost(texts, members, places, say)
        # Whom a rung stops is not trained again: a rung that is noted without its members would leave older ones.
        place.save(members)
        rungs.append(_compared(places, [kept["score"](members[i], line.archs[i]) for i in places]))
        place.save_rungs(rungs)
    told = _told(rungs, len(texts))
    if is_first():
        _leave(trials, folder, members=members, texts=texts, rungs=rungs)
    row = {text: i for i, text in enumerate(texts)}
    index = [row[text] for text in asked]
    return {name: values[index] for name, values in told.items()}


class _Compared(NamedTuple):
    """A rung, with every measure of those that reached it."""

    rung: Rung
    measures: Mapping[str, Sequence[float]]


def _compared(places: Sequence[int], scores: Sequence[Mapping[str, float]]) -> _Compared:
    names = scores[0] if scores else {}
    measures = {name: [s[name] for s in scores] for name in names}
    return _Compared(Rung(list(places), np.array(measures.get(REWARD, []))), measures)


def _told(rungs: Sequence[_Compared], num: int) -> dict[str, np.ndarray]:
    """The last measures of each pair, with the reward made comparable (`told_scores`)."""
    told = {name: np.full(num, np.nan) for name in rungs[0].measures}
    for each in rungs:
        for name, values in each.measures.items():
            told[name][list(each.rung.places)] = values
    # A pair that diverged later on has scores of before: it is told as lost.
    reward = told_scores([each.rung for each in rungs], num)
    last = {place: score for each in rungs for place, score in zip(each.rung.places, each.rung.scores, strict=True)}
    lost = np.array([not np.isfinite(last.get(i, np.nan)) for i in range(num)])
    return {name: np.where(lost, np.nan, reward if name == REWARD else v) for name, v in told.items()}


def _with_spares(train: Callable[..., list[int]], members: list[Member], wanted: int) -> list[int]:
    """Train those who are asked for, which come first, and a spare for each that fails, spares too; returns all places.

    Who is trained depends on who fails alone, not on when: the same whenever it was stopped, by however many processes.
    """
    places = _in_line(members, wanted)
    while train(places, spares=range(len(places), len(members))) != (now := _in_line(members, wanted)):
        places = now
    return places


def _in_line(members: Sequence[Member], wanted: int) -> list[int]:
    num = wanted
    while (more := min(len(members), wanted + sum(bool(m.failed) for m in members[:num]))) > num:
        num = more
    return list(range(num))


def _train(
    population: Population,
    members: list[Member],
    places: Sequence[int],
    *,
    until: int,
    line: Line,
    kept: Mapping[str, Any],
    on_look: Callable[[Callable[[], list[Member]]], None],
) -> None:
    """Train the members of some places on, in place; `on_look` is as `train_members` has it, of all members.

    Each of several processes trains its share of them; one alone takes spares as soon as somebody fails.
    """
    spares = line.spares if jax.process_count() == 1 else ()  # which of them is next, several do not know of each other
    mine = [*share(places), *spares]

    def put(found: Sequence[Member]) -> list[Member]:
        for place, member in zip(mine, found, strict=True):
            members[place] = member
        return members

    own = Line(line.archs[mine], line.orders[mine], range(len(mine) - len(spares), len(mine)))
    put(
        train_members(
            population,
            [members[i] for i in mine],
            own,
            until=until,
            pool=kept["pool"],
            seats=kept["seats"],
            on_look=lambda members_fn: on_look(lambda: put(members_fn())),
        )
    )


def _exchange(
    population: Population, members: list[Member], places: Sequence[int], *, line: Line, fresh: Member
) -> None:
    """Every process hears of the others' share, a pair of each at a time: at full size, since all send equal shapes."""
    count = jax.process_count()
    for start in range(0, len(places) if count > 1 else 0, count):
        group = places[start : start + count]
        whole = [population.whole(members[i], fresh) for i in group]
        exchange(whole, range(len(group)))
        for i, member in zip(group, whole, strict=True):
            members[i] = population.own(member, line.archs[i])


def _population(trials: Trials, wanted: int) -> Population:
    proxy, train = trials.proxy, trials.proxy.train
    beside = proxy.beside or (1 if jax.default_backend() == "cpu" else wanted)
    return Population(
        trials.loss, optimiser(train), proxy.batch, train.ema, train.seed, beside, trials.pair.extract_params
    )


def _seats(trials: Trials, population: Population, fresh: Member, *, wanted: int, pool: np.ndarray, say: Say) -> Seats:
    """As many slots as are asked for, or as memory holds."""
    mesh, arch = data_mesh(jax.local_devices()), trials.pair.space.default_arch()
    num = trials.proxy.slots or seats_that_fit(population, fresh, arch, pool=pool, wanted=wanted)
    seats = Seats(population, fresh, trials.pair.space.num_choices, num=min(num, wanted), mesh=mesh)
    say(f"{seats.num} of {wanted} pairs are trained at once, on {mesh.size} device{'s' * (mesh.size > 1)}")
    return seats


def _scorer(trials: Trials, judge: Any) -> Callable[[Member, np.ndarray], dict[str, float]]:
    @jax.jit
    def scores(params: Params, arch: Any, judge: Any) -> Mapping[str, Any]:
        return trials.score(lambda x: trials.generator.switched(params, arch, x), judge)

    def score(member: Member, arch: np.ndarray) -> dict[str, float]:
        # All have the same generator, so one program scores pairs of all sizes.
        found = {n: float(v) for n, v in scores(trials.generator.select(member.ema), arch, judge).items()}
        return {n: float("nan") for n in found} if bool(member.failed) else found

    return score


class _Progress:
    """What a trial has come to, in its folder: members as they are, and the rungs that are over."""

    def __init__(self, folder: Path, texts: Sequence[str], fresh: Sequence[Member], seconds: float):
        self._folder, self._texts, self._fresh, self._seconds = folder, list(texts), fresh, seconds
        self._saved = time.monotonic()
        known = read_json(folder / _RUNGS) if (folder / _RUNGS).is_file() else {}
        self._known = known if known.get("archs") == self._texts else {}
        if is_first() and not self._known:
            folder.mkdir(parents=True, exist_ok=True)
            # First: members of another trial must not be taken for this one's.
            (folder / _PROGRESS).unlink(missing_ok=True)
            write_json(folder / _RUNGS, {"archs": self._texts, "rungs": []})

    def members(self) -> list[Member]:
        """The members as they were saved, or fresh ones."""
        if not (self._folder / _PROGRESS).is_file() or not self._known:
            return list(self._fresh)
        saved: Mapping[str, Any] = read_weights(self._folder / _PROGRESS)
        trees = [jax.tree.structure(member) for member in self._fresh]
        return [
            jax.tree.unflatten(tree, [np.asarray(saved[f"m{i}"][f"l{k}"]) for k in range(tree.num_leaves)])
            if f"m{i}" in saved
            else self._fresh[i]
            for i, tree in enumerate(trees)
        ]

    def save_in_time(self, members_fn: Callable[[], Sequence[Member]]) -> None:
        """Keep the members, if the last time is long enough ago: only then are they asked for."""
        if time.monotonic() - self._saved >= self._seconds:
            self.save(members_fn())

    def save(self, members: Sequence[Member]) -> None:
        """Keep the members."""
        if not is_first():
            return
        content = {
            f"m{i}": {f"l{k}": np.asarray(leaf) for k, leaf in enumerate(jax.tree.leaves(m))}
            for i, m in enumerate(members)
            if int(m.step) or bool(m.failed)  # most spares are never trained
        }
        write_weights(content, self._folder / _PROGRESS, {"what": "a trial under way"})
        self._saved = time.monotonic()

    def rungs(self) -> list[_Compared]:
        """The rungs that are over."""
        return [
            _Compared(
                Rung(row["places"], np.array(_floats(row["measures"].get(REWARD, [])))), _measures(row["measures"])
            )
            for row in self._known.get("rungs", [])
        ]

    def save_rungs(self, rungs: Sequence[_Compared]) -> None:
        """Keep them."""
        rows = [{"places": list(each.rung.places), "measures": each.measures} for each in rungs]
        if is_first():
            write_json(self._folder / _RUNGS, {"archs": self._texts, "rungs": rows})


def _measures(found: Mapping[str, Sequence[float | None]]) -> dict[str, list[float]]:
    return {name: _floats(values) for name, values in found.items()}


def _floats(values: Sequence[float | None]) -> list[float]:
    return [float("nan") if v is None else v for v in values]


def _leave(
    trials: Trials, folder: Path, *, members: Sequence[Member], texts: Sequence[str], rungs: Sequence[_Compared]
) -> None:
    """Keep the weights that were scored, and a row a pair in `trials.json`."""
    known = read_json(folder / TRIALS) if (folder / TRIALS).is_file() else {"rows": []}
    rows = {row["arch"]: row for row in known["rows"]}
    for i in rungs[0].rung.places:
        text, member = texts[i], members[i]
        write_weights(jax.tree.map(np.asarray, member.ema), _weights(folder, text), {"arch": text})
        scores = [dict(zip(*each.rung, strict=True)).get(i) for each in rungs]
        scores = [float(score) for score in scores if score is not None]
        rows[text] = {"arch": text, "steps": int(member.step), "diverged": bool(member.failed), "rewards": scores}
    lengths = trials.proxy.lengths()
    told = {"lengths": lengths, "rows": list(rows.values()), "ranks": ranks(rows.values(), lengths)}
    write_json(folder / TRIALS, told)


def ranks(rows: Any, lengths: Sequence[int]) -> list[dict[str, Any]]:
    """How each shorter training ranks the pairs that reached the longest one: Kendall's tau, with its interval.

    Pairs that a rung stopped are not among them, so it tells of the better ones only, where ranks are hardest.
    """
    whole = [r["rewards"] for r in rows if len(r["rewards"]) == len(lengths) and None not in r["rewards"]]
    whole = [r for r in whole if np.isfinite(r).all()]
    found = []
    for i, steps in enumerate(lengths[:-1]):
        if len(whole) >= _LEAST:
            tau = kendall_tau([r[i] for r in whole], [r[-1] for r in whole], seed=0)
            found.append({"steps": steps, "against": lengths[-1], "pairs": len(whole), **tau._asdict()})
    return found


def _say_lost(texts: Sequence[str], members: Sequence[Member], places: Sequence[int], say: Say) -> None:
    for i in places:
        if bool(members[i].failed):
            say(f"  dropped after {int(members[i].step)} steps, not finite: {texts[i]}")


def _weights(folder: Path, text: str) -> Path:
    return folder / f"{text.rpartition('@')[2]}.safetensors"


def _order(text: str) -> int:
    return crc32(text.encode()) & 0x7FFFFFFF
