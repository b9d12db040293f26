"""Populations: members are alone with their numbers, see the same pictures, make room, and go on to the bit."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from nasjax.train import population as module
from nasjax.train.memory import num_bytes
from nasjax.train.parallel import data_mesh
from nasjax.train.population import Line, Population, Seats, pictures_of, seats_that_fit, train_members

PICTURES, BATCH, NAN = 6, 2, 9
POOL = np.random.default_rng(0).integers(0, 255, (PICTURES, 4, 4, 3), np.uint8)


def _loss(params, arch, images, key):
    """A branch of its own for each arch, noise from the key; the arch that is `NAN` fails at its fourth step."""
    mean = images.astype(jnp.float32).mean() / 255 + 0.1 * jax.random.normal(key, ())
    branches = [lambda w: jnp.square(w - mean).sum(), lambda w: jnp.abs(w + mean).sum()]
    value = jax.lax.switch(arch[0] % 2, branches, params["w"])
    return jnp.where((arch[0] == NAN) & (params["count"] < -0.29), jnp.nan, value) + params["count"]


def _population(beside=1):
    return Population(_loss, optax.sgd(0.1), BATCH, 0.9, seed=3, beside=beside)


def _members(num):
    population = _population()
    start = {"w": np.ones(3, np.float32), "count": np.zeros((), np.float32)}
    return [jax.tree.map(np.asarray, population.member(start))] * num


def _line(archs):
    return Line(np.array(archs, np.int32)[:, None], np.arange(10, 10 + len(archs), dtype=np.int32))


def _seats(num, *, beside=1, devices=1):
    return Seats(_population(beside), _members(1)[0], 1, num=num, mesh=data_mesh(jax.devices()[:devices]))


def _train(archs, seats, *, until=5, members=None, on_look=lambda members_fn: None):
    return train_members(
        _population(),
        _members(len(archs)) if members is None else members,
        _line(archs),
        until=until,
        pool=POOL,
        seats=seats,
        on_look=on_look,
    )


def _same(some, others):
    leaves, theirs = jax.tree.leaves(some), jax.tree.leaves(others)
    return len(leaves) == len(theirs) and all(np.array_equal(a, b) for a, b in zip(leaves, theirs, strict=True))


@pytest.fixture(scope="module")
def trained():
    """Five members, two of whom sit at a time, one after the other."""
    return _train([0, 1, NAN, 1, 0], _seats(2))


@pytest.mark.parametrize("num, beside, devices", [(1, 1, 1), (5, 1, 1), (3, 8, 1), (8, 1, 4)])
def test_numbers_do_not_depend_on_seats(trained, num, beside, devices):
    """However many sit at a time, in turn or side by side, on whichever devices: the same params, averages, steps."""
    seats = _seats(num, beside=beside, devices=devices)
    found = _train([0, 1, NAN, 1, 0], seats)
    if beside == 1:
        assert _same(found, trained)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(trained), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    assert seats._run._cache_size() == 1


def test_a_member_that_fails_is_kept_as_it_was_and_makes_room(trained):
    """Its failing step is not applied; those behind it in line are trained to the end."""
    assert [bool(m.failed) for m in trained] == [False, False, True, False, False]
    assert [int(m.step) for m in trained] == [5, 5, 3, 5, 5]
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(trained))


def test_who_has_failed_is_not_waited_for(monkeypatch):
    """The one seat goes to the next in line at the first look, long before the failed one would be done."""
    monkeypatch.setattr(module, "_LOOK", 1)
    seats, steps = _seats(1), []
    step = seats.step
    monkeypatch.setattr(seats, "step", lambda pool: (steps.append(dict(seats.taken)), step(pool)))
    _train([NAN, 0], seats, until=50)
    assert [s[0] for s in steps].count(0) == 4 and [s[0] for s in steps].count(1) == 50


def test_a_spare_takes_the_seat_of_who_fails(trained):
    """The first of two, once: the other one is as it was."""
    line = _line([NAN, 0, 1, 1])._replace(spares=[2, 3])
    found = train_members(_population(), _members(4), line, until=5, pool=POOL, seats=_seats(2))
    assert [int(m.step) for m in found] == [3, 5, 5, 0] and bool(found[0].failed)


def test_members_go_on_to_the_bit(trained, monkeypatch):
    """Stopped at every look and gone on with from what was kept then, they end with the same numbers."""
    monkeypatch.setattr(module, "_LOOK", 2)
    kept, ends = _members(5), 0

    class Stop(Exception):
        pass

    def look(members_fn):
        nonlocal kept
        kept = [jax.tree.map(np.copy, m) for m in members_fn()]
        raise Stop

    while True:
        try:
            found = _train([0, 1, NAN, 1, 0], _seats(2), members=kept, on_look=look)
            break
        except Stop:
            ends += 1
    assert ends > 5 and _same(found, trained)


def test_members_leave_the_device_when_they_are_asked_for_or_make_room(trained, monkeypatch):
    """Beside that, a truth value a seat tells who has failed; members that are asked for at each look are the same."""
    monkeypatch.setattr(module, "_LOOK", 1)
    seats, fetched, looks = _seats(2), [], []
    fetch = seats._fetch
    monkeypatch.setattr(seats, "_fetch", lambda: (fetched.append(None), fetch()))
    found = _train([0, 1], seats, on_look=looks.append)
    assert len(looks) == 5 and len(fetched) == 2 + 1  # whoever sits down, and both when they leave
    assert _same(found, _train([0, 1], _seats(2), on_look=lambda members_fn: members_fn()))
    assert _same(found, trained[:2])


def test_a_member_has_no_more_than_its_arch(trained):
    """Two of three numbers, without those of another branch: in params, moments and average, with the same values."""

    def loss(params, arch, images, key):
        odd = arch[0] % 2
        own = params["w"] * (jnp.arange(3) < 2 + odd)
        return _loss({**params, "w": own}, arch, images, key) + odd * params["odd"].sum()

    def own_params(params, arch):
        return params if arch[0] % 2 else {"w": params["w"][:2], "count": params["count"]}

    def train(population):
        line, fresh = _line([0, 1, 2]), jax.tree.map(np.asarray, population.member(start))
        seats = Seats(population, fresh, 1, num=2, mesh=data_mesh(jax.devices()[:1]))
        members = [population.own(fresh, arch) for arch in line.archs]
        return train_members(population, members, line, until=5, pool=POOL, seats=seats)

    start = {"w": np.ones(3, np.float32), "count": np.zeros((), np.float32), "odd": np.ones(4, np.float32)}
    whole = Population(loss, optax.sgd(0.1, 0.9), BATCH, 0.9, seed=3)
    small = replace(whole, own_params=own_params)
    for wide, own, sizes in zip(train(whole), train(small), ([1, 2], [1, 4, 3], [1, 2]), strict=True):
        assert [leaf.size for leaf in jax.tree.leaves(own)] == [*sizes * 3, 1, 1]
        assert _same(small.own(wide, np.array([len(sizes) - 2])), own)
        assert not np.array_equal(own.params["w"], start["w"][: sizes[-1]])


def test_every_member_sees_every_picture_once_an_epoch_in_its_own_order():
    """Three batches of two are the six pictures, for each member, in an order that is another one in each epoch."""

    def seen(order, first):
        key = jax.random.fold_in(jax.random.key(3), order)
        return [int(i) for step in range(first, first + 3) for i in pictures_of(key, step, PICTURES, batch=BATCH)]

    orders = [seen(order, first) for order in (10, 11, 12) for first in (0, 3)]
    assert all(sorted(order) == list(range(PICTURES)) for order in orders)
    assert len({tuple(order) for order in orders}) > 4


def test_a_batch_that_leaves_pictures_over_is_refused():
    """Some pictures would be seen less often than others."""
    with pytest.raises(ValueError, match="a batch of 4 does not divide the 6 pictures"):
        pictures_of(jax.random.key(0), 0, PICTURES, batch=4)


def test_as_many_seats_as_memory_holds(monkeypatch):
    """Two states a seat in turn; with what a gradient keeps beside them side by side; all where nobody tells."""
    member, arch, population = _members(1)[0], np.zeros(1, np.int32), _population()
    monkeypatch.setattr(jax, "local_devices", lambda: ["one", "two"])
    monkeypatch.setattr(jax, "devices", lambda: pytest.fail("those of other processes have no seats here"))
    work = module._kept(population, member, arch, POOL)
    room = 3 * 2 * num_bytes(member)
    monkeypatch.setattr(module, "free_bytes", lambda device: (room + POOL.nbytes + work + 8) / 0.8)
    assert seats_that_fit(population, member, arch, pool=POOL, wanted=100) == 2 * 3
    assert seats_that_fit(population, member, arch, pool=POOL, wanted=5) == 5
    beside = seats_that_fit(_population(2), member, arch, pool=POOL, wanted=100)
    assert beside == 2 * max(1, (room + work + 8) // (2 * num_bytes(member) + work))
    monkeypatch.setattr(module, "free_bytes", lambda device: 10)
    assert seats_that_fit(population, member, arch, pool=POOL, wanted=100) == 2
    monkeypatch.setattr(module, "free_bytes", lambda device: None)
    assert seats_that_fit(population, member, arch, pool=POOL, wanted=100) == 100


def test_free_memory_is_told_on_this_machine():
    """More than a mebibyte, less than a pebibyte."""
    free = module.free_bytes(jax.devices()[0])
    assert free is None or 2**20 < free < 2**50
