"""Found corrections beside those made by hand: the pairs they are compared on, and the table."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from nasjax.data import open_source

_FOLDER = Path(__file__).parents[2] / "scripts"


@pytest.fixture(scope="module")
def compare():
    """The script, beside those that it imports."""
    pytest.importorskip("skimage")
    spec = importlib.util.spec_from_file_location("compare_filters", _FOLDER / "compare_filters.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(_FOLDER))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(_FOLDER))
    return module


def test_each_photograph_is_degraded_in_several_ways(compare):
    """The first round is that of the tables elsewhere; the others differ from it, their truth does not."""
    pairs, once = compare.degraded("whitebalance", 3), open_source("degraded:whitebalance:embedded", "test")
    assert len(pairs) == 3 * len(once)
    np.testing.assert_array_equal(pairs[0]["input"], once[0]["input"])
    again = pairs[len(once)]
    np.testing.assert_array_equal(again["target"], pairs[0]["target"])
    assert (again["input"] != pairs[0]["input"]).mean() > 0.5


def test_the_table_says_how_far_apart_they_are_in_each_run(compare):
    """Both vary by 2 dB between runs, and are 1 dB apart in both."""
    row = {"psnr": 20.0, "ssim": 0.9, "ciede2000": 5.0, "lpips": 0.1}
    rows = [{"found": row | {"psnr": level + 1}, "by hand": row | {"psnr": level}} for level in (20.0, 22.0)]
    found, by_hand, apart = compare.table("exposure", rows)
    assert "| found | 22.00 ± 1.41 | 0.9000 ± 0.0000" in found
    assert "| by hand | 21.00 ± 1.41" in by_hand
    assert "| found - by hand | +1.00 ± 0.00 | +0.0000 ± 0.0000" in apart


def test_random_search_stands_beside_them(compare):
    """Each network has its row, and each other one how far the found one is ahead of it."""
    row = {"psnr": 20.0, "ssim": 0.9, "ciede2000": 5.0, "lpips": 0.1}
    rows = [{"found": row, "by hand": row, compare.ALONE: row | {"psnr": 23.0}}]
    lines = compare.table("exposure", rows)
    assert [line.split("|")[2].strip() for line in lines] == [*rows[0], "found - by hand", f"found - {compare.ALONE}"]
    assert "-3.00" in lines[-1]


def test_what_was_trained_alone_has_a_row_alone(compare):
    """Without a found network nothing is said of differences."""
    row = {"psnr": 20.0, "ssim": 0.9, "ciede2000": 5.0, "lpips": 0.1}
    (line,) = compare.table("exposure", [{compare.RESNET: row}])
    assert line.startswith("| exposure | ResNet | 20.00 |")
