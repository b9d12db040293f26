"""One step: fair, compiled once, the mean over devices and over sub-networks, guarded against what is not finite."""

import contextlib
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from nasjax.losses import mse
from nasjax.sampling import pairwise_fair, sandwich, strict_fair, uniform
from nasjax.spaces.toy import toy
from nasjax.tasks.base import in_streams, supernet_model, to_float
from nasjax.tasks.toy import Textures, toy_filter, true_filter
from nasjax.train.parallel import check_batch, data_mesh, host_spec, put_batch
from nasjax.train.schedules import optimiser
from nasjax.train.state import TrainState, init_state, named
from nasjax.train.step import device_plan, ema_decay, make_step
from tests.train import parts

NET = toy().at(parts.SPACE)
SAMPLER = strict_fair(parts.SPACE)
WHOLE = toy().space


def mesh_of(devices: int):
    """A mesh over the first fake devices."""
    return data_mesh(jax.devices()[:devices])


@functools.cache
def made_step(space, sampler, *, devices=1, players=("table",), ema=0.999, new=0, **changes):
    """The table task, its optimisers, step and mesh; who asks for the same shares the trace, unless `new` differs."""
    mesh = mesh_of(devices)
    task = parts.table_task(space, sampler, players)
    optimisers = {p: optimiser(parts.config(**changes)) for p in players}
    return task, optimisers, make_step(task, space, sampler, optimisers=optimisers, mesh=mesh, ema=ema), mesh


def prepare(space, sampler, **kind):
    """The table task's step (see `made_step`), its first state and its data."""
    task, optimisers, step, mesh = made_step(space, sampler, **kind)
    state = init_state(task, space, optimisers, mesh=mesh, seed=0)
    data = parts.Numbers(task, devices=mesh.size)
    return step, state, (put_batch(batch, mesh) for batch in data)


@pytest.fixture(scope="module")
def filter_task():
    """The toy filter on the routed supernet, at the path stage."""
    return toy_filter(supernet_model(NET, SAMPLER), SAMPLER, batch=2)


@pytest.fixture(scope="module")
def stepped(filter_task):
    """One step of plain gradient descent at rate 1 on eight devices: (before, after, logs, batch), on the host."""
    mesh, optimisers = mesh_of(8), {"generator": optax.sgd(1.0)}
    state = init_state(filter_task, parts.SPACE, optimisers, mesh=mesh, seed=3)
    step = make_step(filter_task, parts.SPACE, SAMPLER, optimisers=optimisers, mesh=mesh)
    batch = next(Textures(host_spec(filter_task.batch_spec, mesh), 5))
    before = parts.host(state)
    after, logs = step(state, put_batch(batch, mesh))
    return before, parts.host(after), parts.host(logs), batch


@pytest.fixture(scope="module")
def one_by_one(filter_task, stepped):
    """For each device its plan, its images, and the (loss, gradient) of its share of the step."""
    before, _, _, batch = stepped
    key = jax.random.wrap_key_data(jnp.asarray(before.key))
    loss_key = named(jax.random.fold_in(key, 0), "generator")

    @jax.jit
    def share(params, plan, images, device):
        noise = jax.random.fold_in(loss_key, device)
        loss = filter_task.losses["generator"]
        return jax.value_and_grad(lambda p: loss({"generator": p}, plan, {"image": images}, noise)[0])(params)

    found = []
    for device, images in enumerate(np.split(batch["image"], 8)):
        plan = device_plan(SAMPLER, key, step=0, device=device)
        found.append((plan, images, share(before.params["generator"], plan, images, device)))
    return found


@contextlib.contextmanager
def counted_compiles():
    """A list that grows by one with each program compiled (or taken from the cache of compiled programs)."""
    programs = []

    def on_event(name, seconds, **_):
        if name == "/jax/core/compile/backend_compile_duration":
            programs.append(seconds)

    jax.monitoring.register_event_duration_secs_listener(on_event)
    try:
        yield programs
    finally:
        jax.monitoring.unregister_event_duration_listener(on_event)


def assert_close(a, b, rtol=1e-4):
    """Close relative to the largest entry of each leaf."""
    for (path, x), y in zip(jax.tree.leaves_with_path(a), jax.tree.leaves(b), strict=True):
        x, y = np.asarray(x), np.asarray(y)
        scale = max(float(np.abs(y).max()), 1e-3)
        np.testing.assert_allclose(x, y, atol=rtol * scale, rtol=0, err_msg=jax.tree_util.keystr(path))


def moved(stepped):
    """The gradient that one step at rate 1 followed."""
    before, after, _, _ = stepped
    return jax.tree.map(np.subtract, before.params["generator"], after.params["generator"])


@pytest.mark.parametrize(
    ("space", "sampler", "devices"),
    [
        (parts.SPACE, SAMPLER, 1),
        (parts.SPACE, SAMPLER, 8),
        (parts.SPACE, pairwise_fair(parts.SPACE), 8),
        (WHOLE, strict_fair(WHOLE), 8),
    ],
    ids=["path-strict_fair-1", "path-strict_fair-8", "path-pairwise_fair-8", "whole-strict_fair-8"],
)
def test_every_step_is_strictly_fair(space, sampler, devices):
    """After every step each allowed option of each free choice has been trained equally often, over all devices."""
    step, state, batches = prepare(space, sampler, devices=devices)
    for number in range(1, 5):
        state, _ = step(state, next(batches))
        assert parts.gap(space, state.counts) == 0
        assert int(state.counts[space.index("skip")].sum()) == number * devices * sampler.slots


def test_uniform_sampling_is_what_fairness_is_measured_against():
    """The measure itself sees unfairness: independent archs do not meet the law."""
    step, state, batches = prepare(parts.SPACE, uniform(parts.SPACE, 3), devices=8)
    gaps = []
    for _ in range(4):
        state, _ = step(state, next(batches))
        gaps.append(parts.gap(parts.SPACE, state.counts))
    assert max(gaps) > 0


@pytest.mark.parametrize("sampler", [SAMPLER, uniform(parts.SPACE, 2)], ids=lambda s: s.name)
def test_plans_and_batches_never_recompile(sampler):
    """Twelve steps see different plans and batches, and compile once."""
    step, state, batches = prepare(parts.SPACE, sampler, devices=8, new=1)
    counts = []
    with counted_compiles() as programs:
        for _ in range(12):
            state, _ = step(state, next(batches))
            counts.append(len(programs))
    assert counts[0] > 0 and counts[-1] == counts[0]
    plans = {np.asarray(device_plan(sampler, state.key, step=s, device=0)).tobytes() for s in range(12)}
    assert len(plans) > 3


def test_devices_draw_their_own_plans(one_by_one):
    """Eight devices do not all train the same sub-networks."""
    assert len({np.asarray(plan).tobytes() for plan, _, _ in one_by_one}) > 1


def test_eight_devices_take_the_mean_of_their_shares(stepped, one_by_one):
    """Loss and update on eight devices are the mean over the same plans and batches, computed one by one."""
    losses, grads = zip(*(share for _, _, share in one_by_one), strict=True)
    assert_close(moved(stepped), jax.tree.map(lambda *g: np.mean(np.stack(g), 0), *grads))
    np.testing.assert_allclose(stepped[2]["loss"], np.mean(losses), rtol=1e-5)
    np.testing.assert_allclose(stepped[2]["grad_norm"], optax.tree.norm(moved(stepped)), rtol=1e-4)


def test_a_routed_step_is_the_mean_over_extracted_networks(stepped, one_by_one):
    """A device's gradient is the mean of the gradients of its plan's plain networks, each on its stream's images."""
    plan, images, (_, grads) = one_by_one[0]
    x = in_streams(to_float(jnp.asarray(images)), SAMPLER.slots)

    def stream_loss(params, arch, x):
        y = NET.extract(arch).apply({"params": NET.extract_params(params, arch)}, x)
        return mse(y, true_filter(x))

    params, archs = stepped[0].params["generator"], np.asarray(plan)
    each = [jax.jit(jax.grad(lambda p, s=s: stream_loss(p, archs[s], x[s])))(params) for s in range(2)]
    assert_close(grads, jax.tree.map(lambda *g: np.mean(np.stack(g), 0), *each))


def test_a_step_takes_the_memory_of_the_state():
    """Params, optimiser state and average are donated, and the caller's own params are not."""
    task, optimisers, step, mesh = made_step(parts.SPACE, SAMPLER, devices=8)
    mine = {"table": task.init(jax.random.key(9))["table"]}
    state = init_state(task, parts.SPACE, optimisers, mesh=mesh, seed=0, params=mine)
    new, _ = step(state, put_batch(next(parts.Numbers(task)), mesh))
    old = jax.tree.leaves((state.params, state.opt_state, state.ema, state.counts))
    assert all(leaf.is_deleted() for leaf in old)
    assert not any(leaf.is_deleted() for leaf in jax.tree.leaves((new, mine)))


def test_the_average_follows_its_formula():
    """ema <- d ema + (1 - d) params with d = min(decay, (1 + step) / (10 + step))."""
    step, state, batches = prepare(parts.SPACE, SAMPLER, ema=0.15)
    average = parts.host(state.params["table"]["numbers"])
    for decay in (0.1, 0.15, 0.15):  # 1/10, then 2/11 and 3/12 are above 0.15
        state, _ = step(state, next(batches))
        average = decay * average + (1 - decay) * parts.host(state.params["table"]["numbers"])
        np.testing.assert_allclose(state.ema["table"]["numbers"], average, rtol=1e-5)
    assert float(ema_decay(0, 0.999)) == pytest.approx(0.1) and float(ema_decay(10**6, 0.999)) == pytest.approx(0.999)


@pytest.mark.parametrize("clip", [0.0, 0.01, 1e6])
def test_gradients_are_clipped_before_adam(clip):
    """Adam's first mean is (1 - b1) times the clipped gradient; the logged norm is the one before."""
    step, state, batches = prepare(parts.SPACE, SAMPLER, clip=clip, betas=(0.9, 0.99))
    state, logs = step(state, next(batches))
    norm = float(logs["grad_norm"])
    assert norm > 0.1
    mean = optax.tree.get(state.opt_state["table"], "mu")
    assert float(optax.tree.norm(mean)) == pytest.approx(0.1 * (min(norm, clip) if clip else norm), rel=1e-4)


@pytest.mark.parametrize("bad", ["first", "second"])
def test_a_step_that_is_not_finite_changes_nothing(bad):
    """The state notes the first bad player, keeps the params of all from before it, and stays so."""
    step, state, batches = prepare(parts.SPACE, SAMPLER, devices=8, players=("first", "second"))
    state, _ = step(state, next(batches))
    before = parts.host(state)
    spoilt = dict(next(batches))
    spoilt[bad] = spoilt[bad].at[0].set(jnp.nan)
    state, _ = step(state, spoilt)
    assert int(state.failed) == 1 + ("first", "second").index(bad)
    parts.assert_same(before._replace(failed=0 * before.failed), state._replace(failed=0 * state.failed))
    failed = parts.host(state)
    state, _ = step(state, next(batches))
    parts.assert_same(failed, state)


def test_players_are_logged_by_name():
    """Several players: their logs are under their names, "loss" is the sum."""
    step, state, batches = prepare(parts.SPACE, SAMPLER, devices=8, players=("first", "second"))
    _, logs = step(state, next(batches))
    assert float(logs["loss"]) == pytest.approx(float(logs["first/loss"]) + float(logs["second/loss"]), rel=1e-5)
    assert {"first/error", "second/grad_norm"} <= set(logs)


def test_bfloat16_is_for_activations_only(stepped, one_by_one):
    """With bfloat16 activations the loss is near that of float32, and it and the gradients are float32."""
    task = toy_filter(supernet_model(NET, SAMPLER, dtype=jnp.bfloat16), SAMPLER, batch=2)
    plan, images, (exact, _) = one_by_one[0]

    def loss(p):
        return task.losses["generator"]({"generator": p}, plan, {"image": jnp.asarray(images)}, jax.random.key(0))[0]

    value, grads = jax.jit(jax.value_and_grad(loss))(stepped[0].params["generator"])
    assert {str(x.dtype) for x in jax.tree.leaves((value, grads))} == {"float32"}
    assert all(np.isfinite(x).all() for x in jax.tree.leaves((value, grads)))
    assert float(value) == pytest.approx(float(exact), rel=0.05)
    assert float(value) != float(exact)  # or nothing was computed in bfloat16


def test_recomputing_activations_gives_the_same_gradients(stepped, one_by_one):
    """`remat` recomputes (it is in the program), and the gradient stays what it was."""
    task = toy_filter(supernet_model(NET, SAMPLER, remat=True), SAMPLER, batch=2)
    plan, images, (_, grads) = one_by_one[0]

    def loss(p):
        return task.losses["generator"]({"generator": p}, plan, {"image": jnp.asarray(images)}, jax.random.key(0))[0]

    params = stepped[0].params["generator"]
    assert "remat" in str(jax.make_jaxpr(loss)(params)) or "checkpoint" in str(jax.make_jaxpr(loss)(params))
    assert_close(jax.jit(jax.grad(loss))(params), grads, rtol=1e-5)


def test_batches_of_another_shape_are_refused_by_name():
    """The error names the entry, what it has and what is asked for, also when it is missing or of another dtype."""
    spec = {"image": jax.ShapeDtypeStruct((4, 12, 12, 3), np.uint8)}
    check_batch({"image": np.zeros((4, 12, 12, 3), np.uint8)}, spec)
    with pytest.raises(ValueError, match="'image' must be 4x12x12x3 uint8 .*got 4x12x13x3 uint8"):
        check_batch({"image": np.zeros((4, 12, 13, 3), np.uint8)}, spec)
    with pytest.raises(ValueError, match="'image'.*float32"):
        check_batch({"image": np.zeros((4, 12, 12, 3), np.float32)}, spec)
    with pytest.raises(ValueError, match="'image'.*nothing"):
        check_batch({}, spec)


def test_params_that_do_not_fit_are_refused_by_name():
    """Unknown players, other shapes and other precisions are named before anything runs."""
    task, optimisers = parts.table_task(parts.SPACE, SAMPLER), {"table": optax.sgd(1.0)}

    def start(params) -> TrainState:
        return init_state(task, parts.SPACE, optimisers, mesh=mesh_of(1), seed=0, params=params)

    good = task.init(jax.random.key(1))["table"]["numbers"]
    parts.assert_same(start({"table": {"numbers": good}}).params["table"]["numbers"], good)
    with pytest.raises(ValueError, match="no player 'judge'; players: table"):
        start({"judge": {}})
    with pytest.raises(ValueError, match="params of 'table': numbers is 2, table needs 6x4"):
        start({"table": {"numbers": jnp.zeros(2)}})
    with pytest.raises(ValueError, match=r"numbers.*float32, got bfloat16"):
        start({"table": {"numbers": good.astype(jnp.bfloat16)}})


def test_a_sandwich_trains_the_extremes_each_step():
    """Each step of the sandwich sampler trains its largest and its smallest arch, whatever else it draws."""
    high = parts.SPACE.default_arch()
    low = parts.SPACE.encode({"b1": "off", "b2": "off"})
    sampler = sandwich(parts.SPACE, high, low, num_random=1)
    plan = np.asarray(device_plan(sampler, jax.random.key(0), step=4, device=2))
    np.testing.assert_array_equal(plan[:2], [high, low])
    assert sampler.teacher == 0
    assert plan.shape == (3, parts.SPACE.num_choices)


def test_an_own_loop_trains():
    """Twenty lines of a user's own: mesh, sampler, optimiser, state, step, and a loop."""
    mesh, sampler = data_mesh(), strict_fair(parts.SPACE)
    task = parts.table_task(parts.SPACE, sampler)
    optimisers = {player: optax.adam(0.1) for player in task.losses}
    state = init_state(task, parts.SPACE, optimisers, mesh=mesh, seed=0)
    step = make_step(task, parts.SPACE, sampler, optimisers=optimisers, mesh=mesh)
    losses = []
    for _, batch in zip(range(60), parts.Numbers(task), strict=False):
        state, logs = step(state, put_batch(batch, mesh))
        losses.append(float(logs["loss"]))
    assert np.mean(losses[-5:]) < 0.5 * losses[0]
    assert int(state.step) == 60
