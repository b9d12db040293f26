"""Checkpoints: exact, refused when foreign, skipped when damaged, and safe from a full disk."""

import resource
import shutil
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from nasjax.train.basis import Basis
from nasjax.train.checkpoint import Checkpoints
from nasjax.train.parallel import data_mesh
from nasjax.train.state import TrainState, init_state
from tests.train import parts
from tests.train.runner import TASK


@pytest.fixture(scope="module")
def state() -> TrainState:
    """A state on eight devices, large enough (100 kB of noise) that its files can be cut within."""
    noise = {"table": {"numbers": jax.random.normal(jax.random.key(7), (6, 4000))}}
    task = TASK._replace(init=lambda key: noise)
    optimisers = {"table": optax.adam(0.1)}
    return init_state(task, parts.SPACE, optimisers, mesh=data_mesh(), seed=1)


@pytest.fixture(params=["together", "alone"], autouse=True)
def alone(request, monkeypatch) -> bool:
    """Whether other processes take part in what is saved, or would if there were any."""
    monkeypatch.setattr(sys.modules[__name__], "ALONE", request.param == "alone")
    return request.param == "alone"


ALONE = False


def at(state: TrainState, step: int) -> TrainState:
    """The state at another step, with params that tell."""
    params = jax.tree.map(lambda x: x + step, state.params)
    return state._replace(step=state.step + step, params=params)


def basis(**changes) -> Basis:
    """What the checkpoints rest on."""
    return Basis({"task": "table"}, {"lr": 0.1} | changes, {"devices": 8})


def opened(folder) -> Checkpoints:
    """The checkpoints of a folder."""
    return Checkpoints(folder, basis(), keep=3, alone=ALONE)


def place(folder, step: int):
    """Where a checkpoint lies."""
    return folder / (f"{step}.safetensors" if ALONE else str(step))


def save(folder, states, **changes) -> None:
    """Save states one after the other into a folder."""
    checkpoints = Checkpoints(folder, basis(**changes), keep=3, alone=ALONE)
    for each in states:
        checkpoints.save(each, {"position": 10 * int(each.step)})
    checkpoints.close()


def restore(folder, like, **changes):
    """Restore as another process would."""
    checkpoints = Checkpoints(folder, basis(**changes), keep=3, alone=ALONE)
    try:
        return checkpoints.restore(like)
    finally:
        checkpoints.close()


def files(folder):
    """The files of a checkpoint, largest first."""
    found = [folder] if folder.is_file() else [p for p in folder.rglob("*") if p.is_file()]
    return sorted(found, key=lambda p: -p.stat().st_size)


def cut(folder):
    """Every file loses its second half."""
    for path in files(folder):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(folder):
    """One byte in the middle of the largest file is another."""
    path = files(folder)[0]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def remove_data(folder):
    """The largest file is gone; or, of one file, nearly all."""
    path = files(folder)[0]
    path.write_bytes(path.read_bytes()[:100]) if path == folder else path.unlink()


def empty(folder):
    """The folder is there, its files are not; or the file is, and has nothing in it."""
    for path in files(folder):
        path.write_bytes(b"") if path == folder else path.unlink()


def test_what_is_restored_is_what_was_saved(tmp_path, state):
    """State and data position come back to the bit, the key and its dtype included, from the newest step."""
    assert restore(tmp_path, state) is None
    save(tmp_path, [at(state, 1), at(state, 2)])
    found, position, changes = restore(tmp_path, state)
    parts.assert_same(found, at(state, 2))
    assert position == {"position": 20} and changes == {}
    assert found.key.dtype == state.key.dtype
    assert all(
        x.sharding == y.sharding
        for x, y in zip(found.params["table"].values(), state.params["table"].values(), strict=True)
    )


def test_only_the_newest_are_kept(tmp_path, state):
    """`keep` checkpoints stay."""
    save(tmp_path, [at(state, s) for s in (1, 2, 3, 4, 5)])
    assert sorted(int(p.stem) for p in tmp_path.iterdir() if p.stem.isdigit()) == [3, 4, 5]


def test_saving_does_not_read_memory_that_the_next_step_takes(tmp_path, state):
    """The state is overwritten while it is being saved; the checkpoint holds what it was."""
    checkpoints = opened(tmp_path)
    old = at(state, 1)
    expected = parts.host(old)
    checkpoints.save(old, {})
    numbers = old.params["table"]["numbers"]
    jax.jit(lambda x: jnp.zeros_like(x) * x, donate_argnums=0)(numbers).block_until_ready()
    assert numbers.is_deleted()
    checkpoints.close()
    parts.assert_same(restore(tmp_path, state)[0], expected)


def test_another_config_is_refused_by_name(tmp_path, state):
    """The differing keys are named with both values; what the record lacks was not kept by its version."""
    save(tmp_path, [at(state, 1)])
    with pytest.raises(ValueError, match=r"another config: lr was 0\.1, now 0\.2"):
        restore(tmp_path, state, lr=0.2)
    assert restore(tmp_path, state, clip=1.0).changes == {}


# Reads beside the one that fails may end when their event loop is closed, and have no name any more.
@pytest.mark.filterwarnings("ignore:Exception ignored in. None:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("damage", [cut, flip, remove_data, empty])
def test_a_damaged_checkpoint_is_skipped(tmp_path, state, damage):
    """The one before it is taken, with a warning; saved again, the damaged step is whole."""
    save(tmp_path, [at(state, 1), at(state, 2)])
    damage(place(tmp_path, 2))
    with pytest.warns(UserWarning, match="checkpoint 2 in .* is damaged and skipped"):
        found, position, _ = restore(tmp_path, state)
    parts.assert_same(found, at(state, 1))
    assert position == {"position": 10}


def test_a_damaged_checkpoint_is_written_anew(tmp_path, state):
    """Training that went back to the step before reaches the damaged one again and saves it."""
    save(tmp_path, [at(state, 1), at(state, 2)])
    remove_data(place(tmp_path, 2))
    checkpoints = opened(tmp_path)
    with pytest.warns(UserWarning, match="damaged"):
        checkpoints.restore(state)
    checkpoints.save(at(state, 2), {"position": 20})
    checkpoints.close()
    parts.assert_same(restore(tmp_path, state)[0], at(state, 2))


def other_shape(state):
    """Params of another width, whatever else follows them."""
    return state._replace(params={"table": {"numbers": jnp.zeros((6, 4001))}})


def other_dtype(state):
    """Averages kept in half precision."""
    return state._replace(ema=jax.tree.map(lambda x: x.astype(jnp.bfloat16), state.ema))


def more_leaves(state):
    """One param more."""
    return state._replace(params={"table": {**state.params["table"], "offset": jnp.zeros(3)}})


def fewer_leaves(state):
    """One param less."""
    return state._replace(params={"table": {}})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (other_shape, r"\.params\['table'\]\['numbers'\] was float32\[6, 4000\], now float32\[6, 4001\]"),
        (other_dtype, r"\.ema\['table'\]\['numbers'\] was float32\[6, 4000\], now bfloat16\[6, 4000\]"),
        (more_leaves, r"\.params\['table'\]\['offset'\] was absent, now float32\[3\]"),
        (fewer_leaves, r"\.params\['table'\]\['numbers'\] was float32\[6, 4000\], now absent"),
    ],
)
def test_another_network_is_refused_by_leaf(tmp_path, state, change, said):
    """Arrays of another form are another network's, not damaged: the first is named with both; no file is given up."""
    save(tmp_path, [at(state, 1), at(state, 2)])
    with pytest.raises(ValueError, match=rf"of another network: {said}$"):
        restore(tmp_path, change(state))
    parts.assert_same(restore(tmp_path, state)[0], at(state, 2))


def test_another_network_is_seen_behind_a_damaged_checkpoint(tmp_path, state):
    """The newest cannot be read, the one before it is another network's: that is what is said."""
    save(tmp_path, [at(state, 1), at(state, 2)])
    cut(place(tmp_path, 2))
    with pytest.warns(UserWarning, match="checkpoint 2 .*damaged"), pytest.raises(ValueError, match="another network"):
        restore(tmp_path, other_shape(state))


@pytest.mark.parametrize("alone", ["together"], indirect=True)  # alone, nobody else reads
def test_what_one_process_cannot_read_all_skip(tmp_path, state, monkeypatch):
    """Another process finds the newest damaged: this one goes back to the one before, too."""
    save(tmp_path, [at(state, 1), at(state, 2)])
    answers = iter([["", "torn there"], ["", ""]])
    monkeypatch.setattr(Checkpoints, "_gathered", lambda self, mine: next(answers))
    with pytest.warns(UserWarning, match="checkpoint 2 in .* is damaged and skipped: torn there"):
        found, position, _ = restore(tmp_path, state)
    parts.assert_same(found, at(state, 1))
    assert position == {"position": 10}


def test_all_damaged_is_an_error(tmp_path, state):
    """Nothing readable: the error lists the steps and says what to do, rather than starting anew."""
    save(tmp_path, [at(state, 1), at(state, 2)])
    cut(place(tmp_path, 1)), cut(place(tmp_path, 2))
    with (
        pytest.warns(UserWarning, match="damaged"),
        pytest.raises(ValueError, match=r"all checkpoints in .* are damaged \(\[2, 1\]\); remove the folder"),
    ):
        restore(tmp_path, state)


def test_an_interrupted_save_is_not_seen(tmp_path, state):
    """What a killed save leaves behind is not taken for a checkpoint, and goes with the next saves."""
    save(tmp_path, [at(state, 1), at(state, 2)])
    torn = tmp_path / (".3.safetensors.part" if ALONE else "3.orbax-checkpoint-tmp")
    (shutil.copyfile if ALONE else shutil.copytree)(place(tmp_path, 2), torn)
    cut(torn)
    parts.assert_same(restore(tmp_path, state)[0], at(state, 2))
    save(tmp_path, [at(state, 3)])
    parts.assert_same(restore(tmp_path, state)[0], at(state, 3))
    assert not torn.exists()


def test_a_full_disk_leaves_the_earlier_checkpoints(tmp_path, state):
    """Files can no longer grow beyond 20 kB: OSError says which checkpoints are kept, and they are resumable."""
    save(tmp_path, [at(state, 1)])
    checkpoints = opened(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(OSError, match=r"saving a checkpoint into .* failed .* checkpoints of steps \[1\] are kept"):
            checkpoints.save(at(state, 2), {"position": 20})
            checkpoints.wait()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    checkpoints.close()
    parts.assert_same(restore(tmp_path, state)[0], at(state, 1))


@pytest.mark.parametrize("alone", ["together"], indirect=True)  # alone, nothing is saved beside
def test_the_failure_of_a_save_beside_training_is_reported(tmp_path, state, monkeypatch):
    """A save that fails after `save` returned is reported by the next `wait`, once."""

    class Failing:
        def result(self):
            raise RuntimeError("disk gone")

    checkpoints = opened(tmp_path)
    checkpoints.save(at(state, 1), {})
    checkpoints.wait()
    monkeypatch.setattr(checkpoints._store._orbax, "save_async", lambda *args, **kwargs: Failing())
    checkpoints.save(at(state, 2), {})
    with pytest.raises(OSError, match=r"disk gone.*steps \[1\] are kept"):
        checkpoints.wait()
    checkpoints.close()
    np.testing.assert_array_equal(restore(tmp_path, state)[0].step, 1)
