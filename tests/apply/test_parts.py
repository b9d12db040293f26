"""Parts of a picture that are worked on at once: in their order, told of, and the same to the bit."""

import threading

import numpy as np
import pytest

from nasjax.apply import engine, filtering
from nasjax.apply.parts import in_turn, lanes, listening_to_parts
from nasjax.export.bundle import load_bundle, write_bundle
from nasjax.export.card import Card
from tests.export.networks import photo_filter, sr_cell


def test_parts_come_in_order_and_overlap():
    """Two are under way while the caller has one; who listens is told when the next is asked for."""
    met, told, seen = threading.Barrier(2, timeout=20), list[tuple[int, int]](), list[int]()

    def made(part: int) -> int:
        if part < 2:
            met.wait()  # neither ends before the other has begun
        return part * part

    with listening_to_parts(lambda done, of: told.append((done, of))):
        for part, square in in_turn(made, range(5), at_once=2):
            assert square == part * part and len(told) == part
            seen.append(part)
    assert seen == list(range(5)) and told == [(i, 5) for i in range(1, 6)]


def test_no_more_are_begun_than_allowed():
    """While the caller has a part, `at_once` later ones have been begun at most."""
    begun = []
    for part, _ in in_turn(begun.append, range(8), at_once=3):
        assert len(begun) <= part + 4
    assert sorted(begun) == list(range(8))


def test_what_a_part_raises_is_raised_and_ends_the_work():
    """Parts that were not begun are not."""
    begun = []

    def made(part: int) -> None:
        begun.append(part)
        if part == 1:
            raise ValueError("part 1")

    with pytest.raises(ValueError, match="part 1"):
        for _ in in_turn(made, range(100), at_once=2):
            pass
    assert len(begun) < 10


def test_nothing_is_left_of_a_picture_that_is_given_up():
    """Whoever stops asking has no thread running behind him."""
    before, parts = threading.active_count(), in_turn(lambda part: part, range(100), at_once=2)
    next(parts)
    parts.close()
    assert threading.active_count() == before


def test_outputs_do_not_depend_on_how_many_are_computed_at_once(tmp_path, monkeypatch):
    """An enlarged and a filtered picture, to the bit."""
    assert lanes() >= 1
    x = np.random.default_rng(0).integers(0, 256, (150, 170, 3)).astype(np.uint8)
    monkeypatch.setattr(engine, "SIDES", (32, 64))
    monkeypatch.setattr(filtering, "_WINDOW", 1 << 12)
    write_bundle(tmp_path / "sr", sr_cell(2, {}), card=Card("sr"), formats=())
    options = {"colour": "curves", "bands": "2", "restore": "half1conv"}
    write_bundle(tmp_path / "filter", photo_filter(options), card=Card("filter"), formats=())

    def made(at_once: int) -> list[np.ndarray]:
        for module in (engine, filtering):
            monkeypatch.setattr(module, "lanes", lambda: at_once)
        engine._studies.clear()
        enlarged = [y for _, y in engine.outputs(load_bundle(tmp_path / "sr"), x)]
        return [*enlarged, filtering.load_filter(tmp_path / "filter").change(x, 1.0)]

    for one, several in zip(made(1), made(3), strict=True):
        np.testing.assert_array_equal(one, several)
