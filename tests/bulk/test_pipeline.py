"""Pictures in bulk on a cluster of two machines, one of which is lost in the middle."""

import os

import jax
import numpy as np
import pytest
from PIL import Image

from nasjax.apply.filter_files import filter_change, filter_image
from nasjax.apply.journal import MANIFEST
from nasjax.apply.plan import FileOptions
from nasjax.bulk.carried import carried
from nasjax.bulk.editing import Edited
from nasjax.bulk.pipeline import Watch, _rounds, run_bulk
from nasjax.bulk.todo import look, named
from nasjax.cli import main
from nasjax.export.bundle import write_bundle
from nasjax.export.card import Card
from tests.commands.cases import SCENE
from tests.commands.members import COMMANDS
from tests.export.networks import photo_filter

pytest.importorskip("fsspec")
COUNT = 16


def test_what_a_round_loses_is_the_next_ones(tmp_path):
    """Each round loses its last picture and tells of its first twice: all are told of once, and one is given up."""
    for i in range(5):
        (tmp_path / f"{i}.png").write_bytes(b"a picture by its name")
    (tmp_path / "out").mkdir()
    options, rounds = FileOptions(), []
    todo = look(named(tmp_path, tmp_path / "out", options), settings={}, options=options)

    def rows(left):
        rounds.append(sorted(left))
        told = sorted(left)[:-1]
        for number in (*told, *told[:1]):
            yield number, Edited(left[number].source.path, left[number].target)

    found = list(_rounds(todo, rows))
    assert rounds == [[0, 1, 2, 3, 4], [4], [4], [4]]
    assert [each.source for each in found] == [str(tmp_path / f"{i}.png") for i in range(5)]
    assert [each.error for each in found] == [*4 * [""], "every process that worked on it was lost"]


@pytest.fixture
def cluster(monkeypatch):
    """A head without CPUs, and two machines of one CPU each, as processes of this one."""
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": 80 << 20})
    made.machines = [made.add_node(num_cpus=1, object_store_memory=80 << 20) for _ in range(2)]
    made.connect()
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray has its own
def test_a_machine_that_is_lost_costs_nothing(cluster, tmp_path, capsys):
    """Every picture is there and right, none was written twice, each is told of once; what fails is named once.

    The command for the same has nothing left but what failed.
    """
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    pictures = np.random.default_rng(0).integers(0, 256, (COUNT, 24, 24, 3)).astype(np.uint8)
    for i, pixels in enumerate(pictures):
        Image.fromarray(pixels).save(tmp_path / "in" / f"{i:02d}.png")
    (tmp_path / "in" / "broken.png").write_bytes(b"not a picture")
    network = photo_filter({"colour": "curves"})
    network = network._replace(params=jax.tree.map(lambda p: 0.3 * p, network.params))
    write_bundle(tmp_path / "bundle", network, card=Card("curves"), formats=())
    bundle, log = carried(tmp_path / "bundle"), tmp_path / "log"

    def load():
        change = filter_change(bundle(), strength=1.0, wrap=False)

        def slowly(picture):
            with open(log, "a") as file:
                file.write(f"{os.getpid()}\n")
            import time

            time.sleep(0.2)
            return change.picture_fn(picture)

        return change._replace(picture_fn=slowly)

    told, there = [], {}

    def edited(found):
        told.append(found.source)
        if len(told) == COUNT // 3:
            there.update({path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.png")})
            cluster.remove_node(cluster.machines.pop(), allow_graceful=False)

    bulk = run_bulk(tmp_path / "in", f"file://{tmp_path}/out", load, watch=Watch(on_edited=edited))
    names = [f"{i:02d}.png" for i in range(COUNT)]
    assert sorted(bulk.written) == [str(tmp_path / "out" / name) for name in names]
    assert [failure.name for failure in bulk.failed] == [str(tmp_path / "in" / "broken.png")]
    assert len(told) == len(set(told)) == COUNT + 1
    assert len(set(log.read_text().split())) >= 2  # both machines had work
    assert len(there) >= COUNT // 3 and all(path.stat().st_mtime_ns == time for path, time in there.items())
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted([*names, MANIFEST])
    for name, pixels in zip(names, pictures, strict=True):
        with Image.open(tmp_path / "out" / name) as image:
            np.testing.assert_array_equal(np.asarray(image), filter_image(pixels, tmp_path / "bundle"))
    words = ["filter", "--engine", "ray", "--model", tmp_path / "bundle", tmp_path / "in", tmp_path / "out"]
    assert main(list(map(str, words))) == 1
    out, err = capsys.readouterr()
    assert str(tmp_path / "out") not in out  # where Ray says what it has lost, too
    assert f"nasjax filter: {COUNT} done before, 1 failed: {tmp_path / 'in' / 'broken.png'}" in err
    assert f"failed: cannot read image {tmp_path / 'in' / 'broken.png'}: not a picture" in err


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_every_content_takes_every_style(cluster, tmp_path, capsys):
    """As without a cluster: names, and pixels; the same command without one finds all of it done."""
    command = COMMANDS["stylize"](tmp_path / "network")
    for folder in ("in", "styles", "out", "alone"):
        (tmp_path / folder).mkdir()
    for i in range(3):
        Image.fromarray(np.roll(SCENE, 5 * i, 0)).save(tmp_path / "in" / f"{i}.png")
    for name in ("dusk", "dawn"):
        Image.fromarray(SCENE[:: 1 if name == "dusk" else -1, ::-1]).save(tmp_path / "styles" / f"{name}.png")
    words = ["stylize", *command.options, str(tmp_path / "in"), str(tmp_path / "styles")]
    assert main([*words, str(tmp_path / "out"), "--engine", "ray"]) == 0
    assert "6 written" in capsys.readouterr().err
    assert main([*words, str(tmp_path / "alone")]) == main([*words, str(tmp_path / "out")]) == 0
    assert "6 done before" in capsys.readouterr().err
    names = sorted(f"{i}_{style}.png" for i in range(3) for style in ("dusk", "dawn"))
    assert sorted(path.name for path in (tmp_path / "out").glob("*.png")) == names
    for name in names:
        with Image.open(tmp_path / "out" / name) as made, Image.open(tmp_path / "alone" / name) as wanted:
            np.testing.assert_array_equal(np.asarray(made), np.asarray(wanted))
