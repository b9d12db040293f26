"""What will be written: names that are kept apart, and everything refused that would go wrong later."""

from pathlib import Path

import pytest

from nasjax.apply.plan import FileOptions, Wanted, plan
from nasjax.apply.reading import Header
from nasjax.apply.select import Failure, Source


def _wanted(*names, frames=1, kind="PNG"):
    return [
        Wanted((Source(Path("in") / name, Path(name), Header(kind, (8, 9), frames, 0)),), Path(name).stem, (16, 18))
        for name in names
    ]


def _targets(tmp_path, wanted, **options):
    found = plan(wanted, tmp_path, FileOptions(**options), single=False, settings={})
    return [item.target.relative_to(tmp_path).as_posix() for item in found.items]


def test_names_that_differ_in_their_suffix_alone_are_kept_apart(tmp_path):
    """The one whose output is called like itself is; the others keep their suffix in the name."""
    assert _targets(tmp_path, _wanted("a.bmp", "a.png", "a.tif", "b.tif")) == [
        "a_bmp.png",
        "a.png",
        "a_tif.png",
        "b.png",
    ]
    assert _targets(tmp_path, _wanted("a.png", "a.jpg"), format="webp") == ["a_png.webp", "a_jpg.webp"]


def test_folders_and_frames(tmp_path):
    """Outputs stand in the folders of their inputs; frames are counted from 1, in as many digits as it takes."""
    assert _targets(tmp_path, _wanted("x/a.png", "a.png")) == ["x/a.png", "a.png"]
    frames = _targets(tmp_path, _wanted("m.gif", frames=11, kind="GIF"), frames="all")
    assert frames[0] == "m_01.png" and frames[-1] == "m_11.png" and len(frames) == 11


def test_what_is_refused_is_named_and_costs_nobody_a_name(tmp_path):
    """It is among the failures, and takes part in nothing else."""
    wanted = _wanted("a.png", "a.bmp", "b.png")
    wanted[0] = wanted[0]._replace(refusal="too large for this machine")
    found = plan(wanted, tmp_path, FileOptions(), single=False, settings={})
    assert [failure.text for failure in found.failed] == ["in/a.png: too large for this machine"]
    assert [item.target.name for item in found.items] == ["a.png", "b.png"]


def test_long_names_are_cut_and_stay_apart(tmp_path):
    """255 bytes are what file systems take, and a letter may be several of them."""
    names = [f"{'ü' * 124}{end}.png" for end in ("ab", "cd")]
    wanted = [each._replace(stem=each.stem + "_style") for each in _wanted(*names)]
    found = _targets(tmp_path, wanted)
    assert all(len(name.encode()) <= 255 and name.endswith(".png") for name in found) and len({*found}) == 2


def test_two_outputs_of_one_name_are_refused(tmp_path):
    """Pictures of two folders that are called the same: both are named."""
    first, second = _wanted("a.png", "a.png")
    second = second._replace(sources=(second.sources[0]._replace(path=Path("other/a.png")),))
    with pytest.raises(ValueError, match=r"other/a.png and in/a.png would both become .*a.png"):
        plan([first, second], tmp_path, FileOptions(), single=False, settings={})


def test_shards_are_a_partition(tmp_path):
    """Of three, each output and each failure belongs to exactly one."""
    wanted, failed = _wanted(*(f"{i}.png" for i in range(8))), [Failure(str(i), "broken") for i in range(4)]
    plans = [
        plan(wanted, tmp_path, FileOptions(shard=(k, 3)), failed=failed, single=False, settings={}) for k in (1, 2, 3)
    ]
    assert sorted(item.target for each in plans for item in each.items) == sorted(
        tmp_path / f"{i}.png" for i in range(8)
    )
    assert sorted(f.name for each in plans for f in each.failed) == ["0", "1", "2", "3"]
    assert {len(each.items) for each in plans} == {2, 3}


@pytest.mark.parametrize(
    "given, words",
    [
        ({"frames": "last"}, "frames must be 'first' or 'all', got 'last'"),
        ({"format": "gif"}, "unknown format 'gif'; allowed: png, jpg, jpeg, webp"),
        ({"max_pixels": 0}, "max_pixels must be positive, got 0"),
        ({"shard": (0, 3)}, "K from 1 to N, got 0/3"),
        ({"jobs": 0}, "jobs must be 1 or more, got 0"),
    ],
)
def test_options_out_of_range_are_named(given, words):
    """Each with what is allowed."""
    with pytest.raises(ValueError, match=words):
        FileOptions(**given)
