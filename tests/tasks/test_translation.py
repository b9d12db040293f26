"""Translations: every kind takes a step, terms are what they say, and gradients go where they should."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.losses import l1
from nasjax.sampling import single
from nasjax.tasks.adversarial import Adversarial
from nasjax.tasks.base import Model, in_streams, to_float
from nasjax.tasks.compression import beside
from nasjax.tasks.networks import live_teacher
from nasjax.tasks.translation import Keeping, Teaching, Translation, translation
from nasjax.train.config import TrainConfig
from nasjax.train.parallel import data_mesh, put_batch
from nasjax.train.schedules import optimiser
from nasjax.train.state import init_state
from nasjax.train.step import make_step
from tests.tasks import translators as small

KEY, SIZES = jax.random.key(0), {"patch": small.PATCH, "batch": 2}
PLAN = np.asarray(small.SAMPLER.sample(jax.random.key(4), 0))
GAN = Adversarial("hinge", r1=0.1, every=2, augment=("colour", "translation", "cutout"))
KINDS = {
    "paired": Translation(**SIZES, pairs=True, adversarial=GAN, l1=100.0, perceptual=1.0, lpips=1.0),
    "cycle": Translation(**SIZES, adversarial=Adversarial("lsgan", pool=3), cycle=10.0, identity=0.5),
    "colours": Translation(
        **SIZES, adversarial=Adversarial("lsgan"), cycle=10.0, moved=5.0, initial=1,
        keeping=Keeping(features=1.0, edges=1.0, directions=1.0),
    ),
    "contrast": Translation(
        **SIZES, adversarial=Adversarial("relativistic"), contrast=1.0, identity=1.0, patches=8, reproduce=1,
    ),
    "distilled": Translation(
        **SIZES, teaching=Teaching(output=1.0, features=2.0, alignment=1.0, ssim=1.0, likeness=1.0, style=1.0,
                                   variation=0.1),
    ),
}  # fmt: skip
TERMS = {
    "paired": {"l1", "perceptual", "lpips", "gan"},
    "cycle": {"cycle", "identity", "gan"},
    "colours": {"cycle", "moved", "kept_features", "kept_edges", "kept_directions", "gan"},
    "contrast": {"contrast", "contrast_identity", "gan", "reproduced"},
    "distilled": {"output", "features", "alignment", "ssim", "likeness", "style", "variation"},
}
PLAYERS = {
    "paired": ("discriminator", "generator"),
    "cycle": ("discriminator", "generator", "back"),
    "colours": ("discriminator", "generator", "back"),
    "contrast": ("discriminator", "generator", "heads"),
    "distilled": ("generator", "adapters"),
}


def make(kind: str):
    return translation(KINDS[kind], small.networks(), small.SAMPLER)


def given(task, seed: int = 0):
    """A batch of one device with the memory before the first step."""
    return {name: jnp.asarray(x) for name, x in {**small.batch(task, seed), **small.remembered(task)}.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_takes_steps(kind):
    """Two steps on two devices: finite, every player moves, all terms and the judge's scores are logged."""
    task, mesh = make(kind), data_mesh(jax.devices()[:2])
    assert task.players == PLAYERS[kind]
    config = TrainConfig(lr=1e-2, warmup=0)
    optimisers = {player: optimiser(config) for player in task.players}
    state = init_state(task, small.SPACE, optimisers, mesh=mesh, seed=0)
    before = jax.tree.map(np.array, state.params)
    step = make_step(task, small.SPACE, small.SAMPLER, optimisers=optimisers, mesh=mesh)
    for seed in (0, 1):
        halves = [small.batch(task, 2 * seed + device) for device in range(2)]
        joined = {name: np.concatenate([h[name] for h in halves]) for name in halves[0]}
        state, logs = step(state, put_batch(joined, mesh))
    assert int(state.failed) == 0 and all(np.isfinite(v) for v in jax.device_get(logs).values())
    for player in task.players:
        moved = jax.tree.map(lambda a, b: bool((np.array(a) != b).any()), state.params[player], before[player])
        assert any(jax.tree.leaves(moved)), player
    prefix = "generator/" if len(task.players) > 1 else ""
    assert {prefix + name for name in TERMS[kind]} <= set(logs)
    judged = {"real", "fake"} if "discriminator" in task.losses else set()
    assert {f"discriminator/{name}" for name in judged | ({"grad_norm"} if judged else set())} <= set(logs)
    assert ("discriminator/fake_input" in logs) == (kind in ("cycle", "colours"))
    if kind == "paired":
        assert state.memory is not None and state.memory["step"].tolist() == [2, 2]
        assert float(logs["discriminator/penalty"]) == 0  # of every second step, and this is the second
    if kind == "cycle":
        assert state.memory is not None and state.memory["pooled_input"].tolist() == [3, 3]
        assert np.asarray(state.memory["pool_target"]).any((1, 2, 3)).all()


def test_paired_terms_by_hand():
    """The total is the weighted sum of what is logged, L1 that of outputs and targets of all streams."""
    task = translation(Translation(**SIZES, pairs=True, l1=100.0, adversarial=GAN), small.networks(), small.SAMPLER)
    params, batch = task.init(KEY), given(task)
    total, logs = jax.jit(task.losses["generator"])(params, PLAN, batch, KEY)
    target = in_streams(to_float(batch["target"]), small.SAMPLER.slots)
    y = jax.jit(task.predict)(params, PLAN, batch)
    assert y.shape == target.shape == (small.SAMPLER.slots, 2, 16, 16, 3)
    assert float(logs["l1"]) == pytest.approx(float(l1(y, target)), rel=1e-4)
    assert float(total) == pytest.approx(100 * float(logs["l1"]) + float(logs["gan"]), rel=1e-5)
    assert set(logs) == {"l1", "gan"} and list(task.metrics) == ["image"]


def test_the_discriminator_sees_every_stream():
    """All streams' images and inputs are one batch of its; a stream's pictures change its loss through that stream."""
    seen = []
    judge = small.judge()
    spy = judge._replace(apply=lambda params, x: seen.append(x.shape) or judge.apply(params, x))
    config = Translation(**SIZES, pairs=True, adversarial=Adversarial())
    task = translation(config, small.networks(discriminator=spy), small.SAMPLER)
    params, slots = task.init(KEY), small.SAMPLER.slots
    loss = jax.jit(lambda batch: task.losses["discriminator"](params, PLAN, batch, KEY)[0])
    first = given(task)
    values = [float(loss(first))]
    assert seen == [(2 * slots, 16, 16, 6)] * 2
    for stream in range(slots):
        changed = first["input"].at[2 * stream].set(0)
        values.append(float(loss({**first, "input": changed})))
    assert len(set(values)) == slots + 1


def test_a_cycle_by_hand():
    """There and back from both ends, and what should stay; the way back is trained by the same loss."""
    task = make("cycle")
    params, batch = task.init(KEY), given(task)
    x, t = (in_streams(to_float(batch[side]), small.SAMPLER.slots) for side in ("input", "target"))
    run = jax.jit(lambda p, image: small.GENERATOR.forward(p, PLAN, image))
    forth, back = (lambda image, p=params[player]: run(p, image) for player in ("generator", "back"))
    _, logs = jax.jit(task.losses["generator"])(params, PLAN, batch, KEY)
    wanted = l1(back(forth(x)), x) + l1(forth(back(t)), t)
    assert float(logs["cycle"]) == pytest.approx(float(wanted), rel=1e-4)
    assert float(logs["identity"]) == pytest.approx(float(l1(forth(t), t) + l1(back(x), x)), rel=1e-4)
    assert task.metrics == {}


def test_initial_training_is_without_the_game():
    """In the first step the total is that of the other terms, from the second on the game's is part of it.

    The count that decides is what the discriminator's loss has left, which is walked before.
    """
    task = make("colours")
    params, batch = task.init(KEY), given(task)
    loss = jax.jit(task.losses["generator"])
    _, kept = jax.jit(task.losses["discriminator"])(params, PLAN, batch, KEY)
    weights = {"cycle": 10.0, "moved": 5.0, "kept_features": 1.0, "kept_edges": 1.0, "kept_directions": 1.0}
    for step, game in ((kept["step"], 0.0), (kept["step"] + 1, 1.0)):
        total, logs = loss(params, PLAN, {**batch, "step": step}, KEY)
        wanted = sum(weight * float(logs[name]) for name, weight in weights.items()) + game * float(logs["gan"])
        assert float(total) == pytest.approx(wanted, rel=1e-5) and float(logs["gan"]) > 0.1


def test_what_is_in_the_target_domain_is_reproduced_first():
    """In the first step the total is the distance of targets and what is made of them, and then that of the terms."""
    task = make("contrast")
    params, batch = task.init(KEY), given(task)
    loss = jax.jit(task.losses["generator"])
    target = in_streams(to_float(batch["target"]), small.SAMPLER.slots)
    wanted = l1(jax.jit(small.GENERATOR.forward)(params["generator"], PLAN, target), target)
    total, logs = loss(params, PLAN, {**batch, "step": batch["step"] + 1}, KEY)
    assert float(total) == pytest.approx(float(wanted), rel=1e-5) == float(logs["reproduced"]) > 0
    total, logs = loss(params, PLAN, {**batch, "step": batch["step"] + 2}, KEY)
    assert float(logs["reproduced"]) == 0
    terms = sum(float(logs[name]) for name in ("contrast", "contrast_identity", "gan"))
    assert float(total) == pytest.approx(terms, rel=1e-5)


def gradients(task, owner, params):
    """Norms of the gradient of a loss by every player's params."""
    loss = lambda p: task.losses[owner](p, PLAN, given(task), KEY)[0]  # noqa: E731
    grads = jax.jit(jax.grad(loss))(params)
    return {player: float(sum(jnp.abs(g).sum() for g in jax.tree.leaves(own))) for player, own in grads.items()}


def test_the_discriminators_loss_does_not_move_the_generator():
    """Its images are fixed."""
    task = make("cycle")
    found = gradients(task, "discriminator", task.init(KEY))
    assert found["discriminator"] > 0 and found["generator"] == found["back"] == 0


def test_a_fixed_teacher_stays():
    """A student that has learned its teacher by heart loses nothing by the outputs."""
    config = Translation(**SIZES, teaching=Teaching(output=1.0))
    task = translation(config, small.networks(teacher=lambda p, b, x: (jnp.zeros_like(x), {})), small.SAMPLER)
    _, logs = jax.jit(task.losses["generator"])(params := task.init(KEY), PLAN, batch := given(task), KEY)
    y = jax.jit(task.predict)(params, PLAN, batch)
    assert float(logs["output"]) == pytest.approx(float(jnp.abs(y).mean()), rel=1e-4)
    assert list(task.batch_spec) == ["image"] and task.memory == {}


def test_a_teacher_is_trained_beside_its_student():
    """The teacher moves first and by its own losses alone; the student follows it as it is."""
    one = Model(small.GENERATOR.init, lambda params, plan, x: jnp.tanh(x * jax.tree.leaves(params)[0].mean()))
    slots = small.SAMPLER.slots
    teacher = translation(
        Translation(patch=16, batch=2 * slots, pairs=True, l1=1.0, adversarial=Adversarial()),
        small.networks(generator=one, tapped=None), single(PLAN[0]),
    )  # fmt: skip
    student = translation(
        Translation(**SIZES, pairs=True, teaching=Teaching(output=1.0)),
        small.networks(teacher=live_teacher(one)), small.SAMPLER,
    )  # fmt: skip
    task = beside(teacher, student)
    assert task.players == ("discriminator", "teacher", "generator")
    params = task.init(KEY)
    assert set(params) == set(task.players)
    found = {owner: gradients(task, owner, params) for owner in task.losses}
    assert found["generator"]["teacher"] == found["generator"]["discriminator"] == found["teacher"]["generator"] == 0
    assert found["generator"]["generator"] > 0 and found["teacher"]["teacher"] > 0
    other = translation(Translation(patch=16, batch=1, pairs=True, l1=1.0), small.networks(), small.SAMPLER)
    with pytest.raises(ValueError, match="the teacher's batch .* must be the student's"):
        beside(other, student)


def test_a_discriminator_may_advance():
    """What a discriminator does behind its updates is done for each domain."""
    judge = small.judge(advance=lambda params: jax.tree.map(lambda x: 2 * x, params))
    task = translation(KINDS["cycle"], small.networks(discriminator=judge), small.SAMPLER)
    own = task.init(KEY)["discriminator"]
    assert set(own) == {"target", "input"}
    after = task.after["discriminator"](own)
    assert all(jax.tree.leaves(jax.tree.map(lambda a, b: bool((a == 2 * b).all()), after, own)))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({}, "every term is switched off"),
        ({"l1": 1.0}, "need pairs=True"),
        ({"cycle": 1.0, "contrast": 1.0}, "choose one of them"),
        ({"identity": 1.0, "adversarial": GAN}, "a share of cycle or contrast"),
        ({"patch": 0, "cycle": 1.0}, "sizes must be positive"),
        ({"keeping": Keeping(edges=1.0)}, "every term is switched off"),
        ({"initial": 5, "moved": 1.0}, "a game that comes later"),
        ({"initial": 5, "adversarial": GAN}, "needs a term beside the game"),
        ({"reproduce": 5, "cycle": 1.0}, "steps before a game"),
        ({"pairs": True, "adversarial": Adversarial(pool=5)}, "pool needs conditional=False"),
    ],
)
def test_wrong_settings_are_refused(wrong, message):
    """Each says what contradicts what."""
    with pytest.raises(ValueError, match=message):
        Translation(**wrong)


def test_teaching_needs_something_to_teach():
    """Total variation alone is no lesson."""
    with pytest.raises(ValueError, match="one beside variation positive"):
        Teaching(variation=1.0)


@pytest.mark.parametrize(
    ("kind", "lacking", "term"),
    [
        ("paired", "encoder", "'perceptual'"),
        ("paired", "discriminator", "adversarial"),
        ("cycle", "back", "'cycle'"),
        ("contrast", "tapped", "'contrast'"),
        ("distilled", "teacher", "'output'"),
    ],
)
def test_terms_name_the_network_they_lack(kind, lacking, term):
    """Before anything is traced."""
    with pytest.raises(ValueError, match=f"{term}.* needs networks.{lacking}"):
        translation(KINDS[kind], small.networks(**{lacking: None}), small.SAMPLER).init(KEY)
