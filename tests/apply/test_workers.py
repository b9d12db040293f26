"""Many items: what fails alone fails alone, order is kept, and no more is read ahead than there is room for."""

import threading
from pathlib import Path

import pytest

from nasjax.apply.plan import Item
from nasjax.apply.workers import Events, Work, run_items


def _items(count, side=10):
    return [Item((Path(f"{i}"),), None, (side, side)) for i in range(count)]


def _number(item):
    return int(item.name)


def test_each_stage_of_each_item_is_its_own():
    """Errors of reading, computing and writing end their item; the others come out, in order."""
    done, failed = [], []

    def read(item):
        return 1 / (_number(item) - 2)

    def compute(item, x):
        if _number(item) == 4:
            raise ValueError("four")
        return _number(item)

    def write(item, y):
        if y == 5:
            raise OSError("five")
        return y * 10

    events = Events(
        lambda item, result: done.append(result), lambda item, error: failed.append((item.name, type(error)))
    )
    run_items(_items(8), Work(read, compute, write), events, jobs=3)
    assert done == [0, 10, 30, 60, 70]
    assert sorted(failed) == [("2", ZeroDivisionError), ("4", ValueError), ("5", OSError)]


@pytest.mark.parametrize("side, most", [(10, 3), (6000, 1)])
def test_reading_ahead_is_bounded(side, most):
    """By the number of jobs, and by the pixels of large pictures."""
    lock, state = threading.Lock(), {"read": 0, "computed": 0, "ahead": 0}

    def read(item):
        with lock:
            state["read"] += 1
            state["ahead"] = max(state["ahead"], state["read"] - state["computed"])

    def compute(item, x):
        with lock:
            state["computed"] += 1

    run_items(_items(30, side), Work(read, compute), jobs=2)
    assert state["read"] == state["computed"] == 30 and state["ahead"] <= most


def test_reading_and_writing_are_beside_the_computing():
    """A picture is read while another is computed, and written while the next is: each waits for the other's start."""
    reading, computing, writing = (threading.Event() for _ in range(3))

    def read(item):
        if _number(item) == 1:
            reading.set()

    def compute(item, x):
        if _number(item) == 0:
            assert reading.wait(10)
        if _number(item) == 2:
            computing.set()
            assert writing.wait(10)

    def write(item, y):
        if _number(item) == 1:
            assert computing.wait(10)
            writing.set()

    failed = []
    run_items(_items(3), Work(read, compute, write), Events(on_failed=lambda *pair: failed.append(pair)), jobs=1)
    assert not failed


def test_what_is_being_written_is_written_before_an_interrupt_goes_on():
    """And told of; nothing further is begun."""
    done, read = [], []

    class Stop(BaseException):
        pass

    def compute(item, x):
        if _number(item) == 2:
            raise Stop
        return _number(item)

    with pytest.raises(Stop):
        run_items(_items(9), Work(read.append, compute), Events(lambda item, result: done.append(result)), jobs=1)
    assert done == [0, 1] and len(read) <= 5
