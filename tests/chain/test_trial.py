"""Trials of pairs: stopped at any moment they go on to the bit; pairs that fail are told as lost."""

import functools
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.export.weights import read_weights
from nasjax.files import read_json
from nasjax.spaces.paired import paired
from nasjax.spaces.sr_cell import sr_cell
from nasjax.spaces.sr_discriminator import sr_discriminator
from nasjax.systems.perceptual import trial as module
from nasjax.systems.perceptual.settings import REWARD, Proxy
from nasjax.systems.perceptual.trial import Trials, make_trial, ranks, run_trial
from nasjax.train.config import TrainConfig
from nasjax.train.population import Line, _program

GENERATOR = sr_cell(2, blocks=1, trunk=(4,), inner=(8,), ops=("res",))
JUDGES = sr_discriminator(((4, 6), (4, 6)), heads=("patch1", "dense1"), keep=("k3",), halve=("s3",))
PAIR, ONE = (paired(GENERATOR, GENERATOR.space.default_arch(), JUDGES, part=part) for part in ("picture", "generator"))
TRAIN = TrainConfig(steps=4, lr=0.01, warmup=0, schedule="constant", clip=0.0)
PROXY = Proxy(train=TRAIN, batch=1, pictures=2, rungs=(0.5, 1.0), slots=2, save_seconds=0.0)
ARCHS = np.stack([PAIR.space.encode({"head": "patch1", "w1": w, "c1": c}) for w in "46" for c in ("off", "k3")])
FAILS = PAIR.space.index("att")  # the arch whose attention is not the first fails at its second step


def _loss(params, arch, images, key):
    """Biases of the generator's stem follow the pictures and the arch; no convolution, so that it compiles at once."""
    bias = params["g.stem"]["b"]
    wanted = images.astype(jnp.float32).mean() / 255 + arch.sum()
    return jnp.square(bias - wanted).sum() + jnp.where((arch[FAILS] > 0) & (bias[0] > 0.005), jnp.nan, 0.0)


def _score(predict, judge):
    return {"lpips": jnp.zeros(()), REWARD: jnp.abs(predict(judge)).mean()}


POOL = np.random.default_rng(0).integers(0, 255, (2, 8, 8, 3), np.uint8)
JUDGE = np.ones((1, 4, 4, 3), np.float32)
PARAMS = PAIR.init(jax.random.key(0))


def _trials(seconds=0.0):
    return Trials(replace(PROXY, save_seconds=seconds), PAIR, ONE, _loss, _score, lambda _: JUDGE, lambda: POOL)


@pytest.fixture(scope="module", autouse=True)
def kept():
    """The programs that trials of this file share; seats are each trial's own, as after a kill."""
    trials = _trials()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nasjax.train.population._program", functools.cache(_program))
        members = module._population(trials, len(ARCHS))
        yield {"pool": POOL, "judge": JUDGE, "score": module._scorer(trials, JUDGE), "population": members}


@pytest.fixture(scope="module")
def run(kept):
    """A trial, and what it tells."""

    def one(folder: Path, archs=ARCHS, said=None, *, seconds=0.0, spares=ARCHS[:0]):
        said = [] if said is None else said
        given = (archs, spares)
        return run_trial(_trials(seconds), PARAMS, given, folder=folder, kept=dict(kept), say=said.append)

    return one


def _content(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.name != "progress.safetensors"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A trial that went through, made as a system does, and what it told."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, make_trial(_trials()).score(PARAMS, ARCHS, folder, print, ARCHS[:0])


def test_the_better_half_goes_on_and_everybody_is_told(whole):
    """Four pairs, two rungs: two have trained 4 steps, two were stopped after 2 and are told no better than those."""
    folder, told = whole
    rows = read_json(folder / "trials.json")["rows"]
    steps = {row["arch"]: row["steps"] for row in rows}
    assert sorted(steps.values()) == [2, 2, 4, 4]
    on = np.array([steps[PAIR.space.text(arch)] == 4 for arch in ARCHS])
    assert told[REWARD][on].max() < told[REWARD][~on].min()
    assert [len(row["rewards"]) for row in rows] == [row["steps"] // 2 for row in rows]


def test_the_weights_that_were_scored_are_kept(whole):
    """Of each pair, those of its own network, which give the reward that was told."""
    folder, told = whole
    best = int(np.argmin(told[REWARD]))
    trial = make_trial(_trials())
    params = trial.params(ARCHS[best], folder)
    assert params is not None and trial.params(PAIR.space.encode({"head": "dense1"}), folder) is None
    y = ONE.extract(ARCHS[best]).apply({"params": params}, jnp.ones((1, 4, 4, 3)))
    np.testing.assert_allclose(jnp.abs(y).mean(), told[REWARD][best], rtol=1e-5)


def test_a_pair_is_kept_as_its_own_network(whole):
    """What is saved of each is four times its own params (with two moments and the average), not the whole space's."""
    folder, _ = whole
    saved = read_weights(folder / "progress.safetensors")
    total = sum(leaf.size for leaf in jax.tree.leaves(PARAMS))
    own = [sum(leaf.size for leaf in jax.tree.leaves(PAIR.extract_params(PARAMS, arch))) for arch in ARCHS]
    counters = 4  # two of the optimiser, steps, and whether it failed
    kept = [sum(leaf.size for leaf in saved[f"m{i}"].values()) for i in range(len(ARCHS))]
    assert kept == [4 * n + counters for n in own] and max(own) < 0.8 * total
    assert (folder / "progress.safetensors").stat().st_size < 1.5 * 4 * sum(kept) + 20_000


def test_processes_tell_each_other_of_pairs_of_all_sizes(kept, monkeypatch):
    """What is sent has one shape, whatever the pair; what comes back is each pair's own again."""
    population = kept["population"]
    fresh = jax.tree.map(np.asarray, population.member(PARAMS))
    line = Line(ARCHS, np.arange(len(ARCHS), dtype=np.int32))
    mine = [population.own(fresh, arch) for arch in ARCHS]
    theirs = [m._replace(params=jax.tree.map(lambda p: p + 1, m.params)) for m in mine]
    members, sent = list(mine), []

    def exchanged(values, places):
        sent.extend(jax.tree.map(np.shape, value) for value in values)
        assert list(places) == list(range(len(values)))
        values[1:] = [population.whole(theirs[2 * (len(sent) // 2) - 1], fresh)]

    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(module, "exchange", exchanged)
    module._exchange(population, members, range(4), line=line, fresh=fresh)
    assert all(shapes == sent[0] for shapes in sent) and len(sent) == 4
    for i in range(4):
        jax.tree.map(np.testing.assert_array_equal, members[i], (mine, theirs)[i % 2][i])


class Stop(Exception):
    """What a kill looks like from inside."""


@pytest.mark.parametrize("seconds", [0.0, 1e6])
@pytest.mark.parametrize("place", ["members", "rungs"])
def test_a_killed_trial_goes_on_to_the_bit(whole, run, tmp_path, monkeypatch, place, seconds):
    """Stopped after each time that members, or rungs, were kept: the same rewards, weights and rows, to the byte.

    However seldom members are kept while they train: whom a rung stops is as it was scored.
    """
    folder, told = whole
    stops, name = [0], {"members": "write_weights", "rungs": "write_json"}[place]
    write = getattr(module, name)

    def stopping(*args, **kwargs):
        write(*args, **kwargs)
        stops[0] += 1
        if stops[0] < 7:
            raise Stop

    monkeypatch.setattr(module, name, stopping)
    for _ in range(10):
        try:
            found = run(tmp_path, seconds=seconds)
            break
        except Stop:
            continue
    assert stops[0] >= 7
    assert all(np.array_equal(found[name], told[name]) for name in told)
    assert _content(tmp_path) == _content(folder)


def test_a_pair_that_fails_is_dropped_and_told(run, tmp_path):
    """NaN for it in every measure, a line that names it, and the others as if it had not been there."""
    archs = ARCHS.copy()
    archs[1, FAILS] = 1
    said: list[str] = []
    told = run(tmp_path, archs, said)
    lost = [bool(np.isnan(v)) for v in told[REWARD]]
    assert lost == [False, True, False, False] and np.isnan(told["lpips"][1])
    assert any("not finite" in line and PAIR.space.text(archs[1]) in line for line in said)


@pytest.mark.parametrize("stop", [None, 1, 2])
def test_a_spare_is_trained_for_each_pair_that_fails(run, tmp_path, monkeypatch, stop):
    """Of three one, since one failed, as if it had been asked for; and the same one where the trial was stopped."""
    archs, spares = ARCHS[:2].copy(), ARCHS[2:].copy()
    archs[0, FAILS] = 1
    write, saved = module.write_weights, []

    def stopping(*args, **kwargs):
        write(*args, **kwargs)
        saved.append(None)
        if len(saved) == stop:
            raise Stop

    monkeypatch.setattr(module, "write_weights", stopping)
    if stop:
        with pytest.raises(Stop):
            run(tmp_path, archs, spares=spares)
    told = run(tmp_path, archs, spares=spares)[REWARD]
    assert np.isfinite(told).tolist() == [False, True, True, False]
    assert [row["arch"] for row in read_json(tmp_path / "trials.json")["rows"]] == [
        PAIR.space.text(arch) for arch in (*archs, spares[0])
    ]
    alone = run(tmp_path / "alone", np.stack([archs[1], spares[0]]))[REWARD]
    np.testing.assert_array_equal(told[1:3], alone)


def test_who_is_asked_for_twice_is_trained_once(run, tmp_path, whole):
    """A generation that is filled up with its last arch costs nothing more."""
    told = run(tmp_path, np.concatenate([ARCHS, ARCHS[-1:]]))
    assert len(read_json(tmp_path / "trials.json")["rows"]) == 4
    assert told[REWARD][-1] == told[REWARD][-2]


def test_ranks_are_of_those_who_reached_the_end():
    """Three of four pairs did; their first rung ranks two of three couples as their last."""
    rows = [{"rewards": r} for r in ([0.1, 0.1], [0.2, 0.3], [0.3, 0.2], [0.9])]
    (found,) = ranks(rows, (2, 4))
    assert found["pairs"] == 3 and found["tau"] == pytest.approx(1 / 3) and (found["steps"], found["against"]) == (2, 4)
    assert ranks(rows[:2], (2, 4)) == []


@pytest.mark.parametrize(
    "wrong, message",
    [
        (dict(rungs=(0.5,)), "rungs must rise to 1"),
        (dict(train=TrainConfig(schedule="cosine")), "schedule must be 'constant': pairs stop at rungs, got 'cosine'"),
        (dict(batch=3, pictures=4), "multiple of proxy.batch, got 4 and 3"),
        (dict(keep=0.0), "keep must be in"),
    ],
)
def test_unsuitable_proxies_are_refused(wrong, message):
    """The value and what is allowed."""
    with pytest.raises(ValueError, match=message):
        Proxy(**wrong)
