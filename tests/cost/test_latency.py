"""Measured latency: the clock, the additive predictor, its error and its file."""

import functools
import json
from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.cost.latency import load_latency, measure_units
from nasjax.cost.measure import Latency, device_key, filled, measure, runner
from nasjax.cost.table import tabulate
from nasjax.space import Choice, SearchSpace
from nasjax.typing import Unit
from tests.cost.examples import block_params, block_space, block_units, conv3, networks, spec

DISPATCH_MS = 0.5


class _Clock:
    """Time that passes only when a function of `lasting` is called."""

    def __init__(self):
        self.now, self.log = 0.0, []

    def __call__(self):
        return self.now

    def lasting(self, name, milliseconds):
        times = iter(milliseconds)

        def fn():
            self.log.append(name)
            self.now += next(times) / 1000

        return fn


def test_median_and_spread():
    """The first call (a compilation, say) does not count; the spread is the distance of the quartiles."""
    clock = _Clock()
    measured = measure({"f": clock.lasting("f", [500, 4, 1, 2, 9, 4, 5])}, repeats=5, sample_ms=2.0, clock=clock)
    assert measured["f"] == pytest.approx(Latency(4, 3, 5))


def test_samples_are_interleaved():
    """After warm-up, every function runs once before any runs again; short ones run several times in a sample."""
    clock = _Clock()
    fns = {"a": clock.lasting("a", [1.0] * 99), "b": clock.lasting("b", [5.0] * 99)}
    measured = measure(fns, repeats=3, sample_ms=2.0, clock=clock)
    assert "".join(clock.log[4:]) == "aab" * 3
    assert measured["a"].median_ms == pytest.approx(1)
    with pytest.raises(ValueError, match="got 0"):
        measure(fns, repeats=0)


def test_a_real_function():
    """Ten times the layers take longer than one, by this machine's clock."""

    def repeated(params, x, *, num):
        for _ in range(num):
            x = jnp.tanh(conv3(params, x))
        return x

    specs = {"w": spec(3, 3, 8, 8)}, spec(1, 32, 32, 8)
    fns = {num: runner(functools.partial(repeated, num=num), *specs) for num in (1, 10)}
    measured = measure(fns, repeats=5)
    assert 0 < measured[1].median_ms < measured[10].median_ms


def test_filled():
    """Shapes become finite arrays, one for all of a shape; arrays that are given are kept."""
    given = jnp.arange(3.0)
    first, second, other, kept = filled([spec(2, 3), spec(2, 3), spec(3), given])
    assert first is second and first.shape == (2, 3) and other.shape == (3,)
    assert jnp.isfinite(first).all() and (kept == given).all()


def _by_work(builds):
    """A machine that needs 0.5 ms for any program, and 1 ms for each 100 parameters."""
    return [Latency(DISPATCH_MS + _num_params(build.params) / 100, 0.0, 1) for build in builds]


def _num_params(params):
    weights = [params, *params.values()] if isinstance(params, dict) else []
    return sum(np.prod(w["w"].shape) for w in weights if isinstance(w, dict) and "w" in w)


@functools.cache
def _latency():
    return measure_units(block_space(), block_units(6, 5), at=(6, 5), timer=_by_work)


def test_additive_prediction():
    """Dispatch counts once a network, not once a unit; an absent block takes no time."""
    archs = networks(block_space())
    expected = [DISPATCH_MS + block_params(block_space(), arch) / 100 for arch in archs]
    np.testing.assert_allclose(_latency()(archs), expected)


def test_measured_units_on_this_machine():
    """With the real clock every time is finite and not negative, and the whole takes at least the dispatch."""
    space = SearchSpace("one", (Choice("c", ("a", "b"), "only"),), ("only",))
    unit = Unit("u", ("c",), lambda o: (conv3, {"w": spec(3, 3, 4, 4)}, spec(1, 8, 8, 4)) if o["c"] else None)
    times = measure_units(space, [unit])(np.array([[0], [1]], np.int32))
    assert np.isfinite(times).all() and 0 < times[0] <= times[1]


def test_error_and_calibration():
    """Networks that take twice the sum of their units plus 3 ms: badly predicted before, exactly after calibration."""
    archs = networks(block_space())
    true = 3 + 2 * np.array([block_params(block_space(), arch) / 100 for arch in archs])
    before = _latency().checked(archs, true).error
    after = _latency().calibrated(archs[::2], true[::2]).checked(archs[1::2], true[1::2]).error
    assert before is not None and before.mape > 0.4 and before.kendall_tau > 0.99
    assert after is not None and after.mape < 1e-9 and after.kendall_tau > 0.99 and after.num == 16
    reverse = _latency().checked(archs, 100 - true).error
    assert reverse is not None and reverse.kendall_tau < -0.99


def test_calibration_on_too_little():
    """One network, or measurements in reverse order, move the constant only."""
    archs = networks(block_space())[:8]
    one = _latency().calibrated(archs[:1], _latency()(archs[:1]) + 4)
    np.testing.assert_allclose(one(archs), _latency()(archs) + 4)
    assert _latency().calibrated(archs, 100 - _latency()(archs)).scale == 1
    with pytest.raises(ValueError, match="above 0 ms"):
        _latency().calibrated(archs, np.zeros(8))
    with pytest.raises(ValueError, match="expected 8"):
        _latency().checked(archs, np.ones(7))


def test_joined_to_counted_costs():
    """Latency is one more cost: exact extremes and populations as for the others."""
    table = tabulate(block_space(), block_units(6, 5), at=(6, 5)).join(_latency().table())
    assert table.names[-1] == "latency"
    assert table.maximum("latency").value == pytest.approx(DISPATCH_MS + 16.56)
    assert table(networks(block_space()))["latency"].dtype == np.float64


def test_file(tmp_path):
    """What is saved is loaded for the same device; tables of other devices and sizes stay; nothing else is left."""
    archs, path = networks(block_space()), tmp_path / "latency.json"
    assert load_latency(path, block_space(), at=(6, 5)) is None
    table = _latency().calibrated(archs, 2 * _latency()(archs)).checked(archs, 3 * _latency()(archs))
    others = [replace(_latency(), device="gpu | somewhere else"), replace(_latency(), at=(12, 10))]
    for each in (*others, _latency(), table):
        each.save(path)
    loaded = load_latency(path, block_space(), at=(6, 5))
    assert loaded is not None
    np.testing.assert_array_equal(loaded(archs), table(archs))
    assert (loaded.error, loaded.at, loaded.device) == (table.error, (6, 5), device_key())
    assert (loaded.units, loaded.spread) == (8, 0.0)
    assert len(json.loads(path.read_text())) == 3
    assert [p.name for p in tmp_path.iterdir()] == ["latency.json"]


def test_file_of_another_device_or_space(tmp_path):
    """Times of another device or jax version are refused, those of another space or size are none of ours."""
    path = tmp_path / "latency.json"
    replace(_latency(), device="gpu | somewhere else").save(path)
    with pytest.raises(ValueError, match=r"are of 'gpu \| somewhere else', this is 'cpu"):
        load_latency(path, block_space(), at=(6, 5))
    assert load_latency(path, block_space(), at=(12, 10)) is None
    other = SearchSpace("other", (Choice("x", ("a",), "s"),), ("s",))
    assert load_latency(path, other, at=(6, 5)) is None


def test_file_of_other_operations_of_the_same_names(tmp_path):
    """A block of the same name and shapes that computes something else is measured anew; an older file is taken."""
    path, same = tmp_path / "latency.json", block_units(6, 5)
    _latency().save(path)

    def build(options, was=same[1].build):
        fn, *shapes = was(options) or (None,)
        return None if fn is None else (lambda params, x: jnp.tanh(fn(params, x)), *shapes)

    other = [same[0], same[1]._replace(build=build), *same[2:]]
    assert load_latency(path, block_space(), at=(6, 5), units=same) is not None
    assert load_latency(path, block_space(), at=(6, 5), units=other) is None
    rows = json.loads(path.read_text())
    path.write_text(json.dumps([{k: v for k, v in row.items() if k != "pieces"} for row in rows]))
    assert load_latency(path, block_space(), at=(6, 5), units=other) is not None


def test_description():
    """Size, device, how many units and how steady they were; the error once it is known."""
    archs = networks(block_space())
    table = replace(_latency(), spread=0.031)
    assert table.describe().startswith(f"latency in ms at an output of 5x6 on {device_key()}: 8 units timed")
    assert "spread 3.1%" in table.describe() and "off by" not in table.describe()
    said = table.checked(archs, 1.25 * table(archs)).describe()
    assert "predictions for 32 whole networks are off by 20.0% on average, rank correlation 1.00" in said


def test_spread_of_the_units():
    """The typical spread is the median over the units of quartile distance by time; the empty program has no part."""

    def timer(builds):
        return [Latency(1.0, 9.0, 3), *(Latency(2.0, 0.1 * i, 3) for i, _ in enumerate(builds[1:]))]

    assert measure_units(block_space(), block_units(6, 5), timer=timer).spread == pytest.approx(0.175)
