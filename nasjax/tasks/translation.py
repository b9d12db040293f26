"""Image translation, paired or not, from scratch or from a teacher: one loss a player, each a sum of switched terms.

paired      Translation(pairs=True, l1=100, adversarial=Adversarial("hinge"))                  pix2pix
unpaired    Translation(cycle=10, identity=0.5, adversarial=Adversarial("lsgan", pool=50))     CycleGAN
one way     Translation(contrast=1, adversarial=Adversarial("lsgan"))                          CUT
colours     Translation(moved=5, keeping=Keeping(edges=1), adversarial=Adversarial("lsgan"))   photo filters
distilled   Translation(teaching=Teaching(output=10, features=1), adversarial=...)             GAN Compression
            Translation(teaching=Teaching(ssim=1, perceptual=1, style=1, variation=1e-4))      OMGD

The discriminator sees the images of every stream of a fair round, so that no sub-network has a judge of its own.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import jax
import jax.numpy as jnp
from jaxtyping import Array

from nasjax.losses import MOVES, adapters, l1, nce_heads
from nasjax.metrics import Protocol, image_metric
from nasjax.ops.params import draw
from nasjax.sampling import Sampler
from nasjax.task import Batch, Logs, Players, Task
from nasjax.tasks.adversarial import Adversarial, Judge, Shown, discriminator_loss, from_pool, generator_loss, pool_spec
from nasjax.tasks.base import image_spec, in_streams, to_float
from nasjax.tasks.networks import Networks
from nasjax.tasks.terms import ADAPTERS, BACK, GENERATOR, HEADS, Scene, Settings, merged, terms
from nasjax.typing import Archs, Params, PRNGKey, Scalar, Spec

DISCRIMINATOR = "discriminator"
_FORTH, _BACK = "target", "input"  # the domains, and the names of their discriminators and pools


@dataclass(frozen=True)
class Teaching:
    """What a student learns from a teacher's outputs and features; each weight of 0 switches its term off."""

    output: float = 0.0  # mean absolute difference of outputs
    features: float = 0.0  # squared error of features behind learned 1x1 adapters
    alignment: float = 0.0  # 1 - similarity of Gram matrices over the batch, without adapters
    ssim: float = 0.0  # 1 - structural similarity of outputs
    likeness: float = 0.0  # features of a fixed encoder
    style: float = 0.0  # Gram matrices of those
    variation: float = 0.0  # total variation of the student's outputs alone

    def __post_init__(self) -> None:
        weights = dataclasses.asdict(self)
        if min(weights.values()) < 0 or not any(w for name, w in weights.items() if name != "variation"):
            raise ValueError(f"teaching: weights must not be negative, and one beside variation positive, got {self}")


@dataclass(frozen=True)
class Keeping:
    """What outputs keep of their inputs, whatever their light and colours; each weight of 0 switches its term off."""

    features: float = 0.0  # of a fixed encoder, normalised over each picture
    edges: float = 0.0  # 1 - structural similarity of edges
    directions: float = 0.0  # 1 - cosine of gradients

    def __post_init__(self) -> None:
        if min(dataclasses.astuple(self)) < 0:
            raise ValueError(f"keeping: weights must not be negative, got {self}")


@dataclass(frozen=True)
class Translation:
    """What a translation trains on and by; sizes are pixels, each weight of 0 switches its term off."""

    patch: int = 64
    batch: int = 1  # images a stream and step
    pairs: bool = False  # whether input and target belong together
    conditional: bool = True  # of pairs, whether the discriminator sees the input, too
    adversarial: Adversarial | None = None
    l1: float = 0.0  # to the target, as are the next two (pix2pix: 100)
    perceptual: float = 0.0  # features of a fixed encoder
    lpips: float = 0.0
    cycle: float = 0.0  # there and back again, by a second generator (CycleGAN: 10)
    identity: float = 0.0  # what is in the target domain should stay, as a share of `cycle` or `contrast`
    contrast: float = 0.0  # CUT's patch-wise contrastive loss (CUT: 1)
    patches: int = 256  # places of each feature that it looks at
    tau: float = 0.07  # its temperature
    teaching: Teaching | None = None
    moved: float = 0.0  # what was in a domain, in another light, becomes what it was (`losses.moved_colours`)
    moves: tuple[float, ...] = ()  # how far, as `losses.MOVES`, which is what none are
    keeping: Keeping | None = None
    initial: int = 0  # first steps, in which the generator does not play: initial training by the other terms
    reproduce: int = 0  # first steps, in which it alone learns, to keep what is in the target domain, and by no term

    def __post_init__(self) -> None:
        weights = (self.l1, self.perceptual, self.lpips, self.cycle, self.identity, self.contrast, self.moved)
        if min(self.patch, self.batch, self.patches) < 1 or min(weights) < 0 or not self.tau > 0:
            raise ValueError(f"translation: sizes must be positive and weights not negative, got {self}")
        if self.moves and (len(self.moves) != len(MOVES) or min(self.moves) < 0):
            raise ValueError(f"translation: moves are {len(MOVES)} numbers, none negative, got {self.moves}")
        if not self.pairs and max(self.l1, self.perceptual, self.lpips) > 0:
            raise ValueError("translation: l1, perceptual and lpips compare with the target: they need pairs=True")
        if self.cycle and self.contrast:
            raise ValueError("translation: cycle goes both ways and contrast one way: choose one of them")
        if self.identity and not (self.cycle or self.contrast):
            raise ValueError("translation: identity is a share of cycle or contrast, both of which are 0")
        if self.initial < 0 or (self.initial and not (self.adversarial and any(weights))):
            raise ValueError("translation: initial training needs a term beside the game, and a game that comes later")
        if self.reproduce < 0 or (self.reproduce and not self.adversarial):
            raise ValueError(
                f"translation: reproduce counts steps before a game, got {self.reproduce} and {self.adversarial}"
            )
        if not any((*weights, self.adversarial, self.teaching)):
            raise ValueError("translation: every term is switched off")
        if self.pairs and self.conditional and self.adversarial and self.adversarial.pool:
            raise ValueError("translation: a pooled image has lost its input: pool needs conditional=False")

    def first(self) -> dict[str, int]:
        """How many steps come before the game, by the field that says so."""
        return {"initial": self.initial, "reproduce": self.reproduce}

    def weights(self) -> dict[str, float]:
        """The weight of each term of the generator's loss, beside the game's."""
        identity = {"identity": self.identity * self.cycle, "contrast_identity": self.identity * self.contrast}
        own = {n: getattr(self, n) for n in ("l1", "perceptual", "lpips", "cycle", "contrast", "moved")}
        kept = dataclasses.asdict(self.keeping) if self.keeping else {}
        taught = dataclasses.asdict(self.teaching) if self.teaching else {}
        return {**own, **identity, **{f"kept_{name}": weight for name, weight in kept.items()}, **taught}


def translation(config: Translation, networks: Networks, sampler: Sampler) -> Task:
    """Players "discriminator" (if there is one) and "generator", and together with that "back", "heads", "adapters".

    The batch is {"input", "target"}, uint8 [n, patch, patch, 3] each, n = slots * batch; where nothing asks for
    targets, {"image"}. The generator's params are those of the searched network alone. ValueError where a term lacks
    the network that it is made with.
    """
    settings = Settings(config.patches, config.tau, config.moves or MOVES)
    needed = terms(config.weights(), networks, settings)
    targets = _needs_targets(config)

    def images(batch: Batch, name: str) -> Array:
        own = batch[name] if targets else batch["image"]
        return in_streams(to_float(own), sampler.slots)

    def scene(params: Players, plan: Archs, batch: Batch, key: PRNGKey) -> Scene:
        x, target = images(batch, "input"), images(batch, "target")
        taught = None if networks.teacher is None else jax.lax.stop_gradient(networks.teacher(params, batch, x))
        y, learned = _translated(networks, params[GENERATOR], plan, x)
        z = None if networks.back is None or not config.cycle else networks.back.forward(params[BACK], plan, target)
        return Scene(params, plan, key, x, target, y, z, learned, taught)

    def reproduced(params: Players, plan: Archs, target: Array) -> Scalar:
        return l1(networks.generator.forward(params[GENERATOR], plan, target), target)

    def generator(params: Players, plan: Archs, batch: Batch, key: PRNGKey) -> tuple[Scalar, Logs]:
        now = scene(params, plan, batch, key)
        values = {name: term(now) for name, (_, term) in needed.items()}
        total = sum((weight * values[name] for name, (weight, _) in needed.items()), jnp.zeros(()))
        if config.adversarial is None:
            return total, values
        game = _gan(config, networks, now)
        weight = config.adversarial.weight
        if config.initial:
            weight = jnp.where(batch["step"][0] > config.initial, weight, 0.0)
        total, values = total + weight * game, {**values, "gan": game}
        if not config.reproduce:
            return total, values
        early = batch["step"][0] <= config.reproduce
        kept = jax.lax.cond(early, lambda: reproduced(params, plan, now.target), lambda: jnp.zeros(()))
        return jnp.where(early, kept, total), {**values, "reproduced": kept}

    def predict(params: Players, plan: Archs, batch: Batch) -> Array:
        return networks.generator.forward(params[GENERATOR], plan, images(batch, "input"))

    num = config.batch * sampler.slots
    spec = image_spec(num, config.patch)
    losses: dict[str, Any] = {GENERATOR: generator}
    if config.adversarial is not None:
        losses = {DISCRIMINATOR: _judging(config, networks, predict, images), GENERATOR: generator}
    judge = networks.discriminator
    return Task(
        "translation",
        init=lambda key: _initial(config, networks, sampler, key),
        losses=losses,
        predict=predict,
        target=lambda batch: images(batch, "target"),
        metrics={"image": image_metric(Protocol(channel="rgb", crop=0, round_to_uint8=True))} if config.pairs else {},
        batch_spec={"input": spec, "target": spec} if targets else {"image": spec},
        together={GENERATOR: _companions(config)},
        memory=_memory(config),
        after={DISCRIMINATOR: _all_advance(judge)} if judge and judge.advance and config.adversarial else {},
    )


def _needs_targets(config: Translation) -> bool:
    return config.pairs or config.adversarial is not None or bool(config.cycle or config.moved)


def _companions(config: Translation) -> tuple[str, ...]:
    wanted = {BACK: config.cycle, HEADS: config.contrast, ADAPTERS: config.teaching and config.teaching.features}
    return tuple(name for name, weight in wanted.items() if weight)


def _domains(config: Translation) -> tuple[str, ...]:
    """The domains that have a discriminator."""
    return (_FORTH, _BACK) if config.cycle else (_FORTH,)


def _translated(networks: Networks, params: Params, plan: Archs, x: Array) -> tuple[Array, Mapping[str, Array]]:
    """Outputs, and the generator's own features where it can give them."""
    if networks.tapped is None:
        return networks.generator.forward(params, plan, x), {}
    return networks.tapped.forward(params, plan, x)


def _shown(config: Translation, domain: str, real: Array, fake: Array, *, condition: Array) -> Shown:
    """All streams' images as one batch; of pairs with what they are made from."""
    seen = merged(condition) if config.pairs and config.conditional and domain == _FORTH else None
    return Shown(merged(real), merged(fake), seen)


def _score_fn(networks: Networks, params: Params, domain: str) -> Callable[[Array], Any]:
    judge = _judge(networks)
    return lambda x: judge.apply(params[domain], x)


def _judge(networks: Networks) -> Judge:
    if networks.discriminator is None:
        raise ValueError("translation: adversarial needs networks.discriminator")
    return networks.discriminator


def _gan(config: Translation, networks: Networks, now: Scene) -> Scalar:
    """The generator's side of the game, of both directions where there are two."""
    assert config.adversarial is not None
    sides = {_FORTH: (now.target, now.y), _BACK: (now.x, now.z)}
    values = []
    for domain in _domains(config):
        real, fake = sides[domain]
        shown = _shown(config, domain, real, fake, condition=now.x)
        score_fn = _score_fn(networks, now.params[DISCRIMINATOR], domain)
        key = _named(now.key, f"gan {domain}")
        values.append(generator_loss(config.adversarial, score_fn, shown, key=key))
    return sum(values, jnp.zeros(()))


def _judging(config: Translation, networks: Networks, predict: Callable, images: Callable) -> Callable:
    """The discriminator's loss: it sees every stream's images, and earlier ones from its pool."""
    play = config.adversarial
    assert play is not None

    def loss(params: Players, plan: Archs, batch: Batch, key: PRNGKey) -> tuple[Scalar, Logs]:
        x, target = images(batch, "input"), images(batch, "target")
        fakes = {_FORTH: (target, predict(params, plan, batch))}
        if config.cycle and networks.back is not None:
            fakes[_BACK] = (x, networks.back.forward(params[BACK], plan, target))
        total, logs, step = jnp.zeros(()), {}, batch["step"][0] if "step" in batch else jnp.int32(0)
        for domain, (real, fake) in jax.lax.stop_gradient(fakes).items():
            own = _named(key, domain)
            shown, kept = _shown(config, domain, real, fake, condition=x), {}
            if play.pool:
                shown, kept = _pooled(domain, shown, batch, key=_named(own, "pool"))
            score_fn = _score_fn(networks, params[DISCRIMINATOR], domain)
            value, said = discriminator_loss(play, score_fn, shown, key=own, step=step)
            total += value
            own_names = {name if domain == _FORTH else f"{name}_{domain}": value for name, value in said.items()}
            logs = {**logs, **kept, **own_names}
        return total, {**logs, "step": batch["step"] + 1} if "step" in batch else logs

    return loss


def _pooled(domain: str, shown: Shown, batch: Batch, *, key: PRNGKey) -> tuple[Shown, Logs]:
    """What is shown after the pool has had its turn, and the pool afterwards."""
    pool, count = f"pool_{domain}", f"pooled_{domain}"
    fake, kept, number = from_pool(batch[pool], batch[count], shown.fake, key=key)
    return shown._replace(fake=fake), {pool: kept, count: number}


def _memory(config: Translation) -> dict[str, Spec]:
    play, shape = config.adversarial, (config.patch, config.patch, 3)
    if play is None:
        return {}
    pools: dict[str, Spec] = {}
    for domain in _domains(config):
        pools |= pool_spec(play, domain, shape)
    counted = config.initial or config.reproduce or (play.every > 1 and (play.r1 or play.r2 or play.slope))
    return pools | ({"step": jax.ShapeDtypeStruct((1,), jnp.int32)} if counted else {})


def _all_advance(judge: Judge) -> Callable[[Params], Params]:
    def advance(params: Params) -> Params:
        assert judge.advance is not None
        return {domain: judge.advance(own) for domain, own in params.items()}

    return advance


def _initial(config: Translation, networks: Networks, sampler: Sampler, key: PRNGKey) -> dict[str, Params]:
    """Initial params of every player; each draws by its own name."""
    players: dict[str, Params] = {GENERATOR: networks.generator.init(key)}
    if config.adversarial is not None:
        judge, own = _judge(networks), _named(key, DISCRIMINATOR)
        players[DISCRIMINATOR] = {domain: judge.init(_named(own, domain)) for domain in _domains(config)}
    if config.cycle and networks.back is not None:
        players[BACK] = networks.back.init(_named(key, BACK))
    if config.contrast or ADAPTERS in _companions(config):
        channels = _channels(config, networks, sampler)
        if config.contrast:
            players[HEADS] = draw(_named(key, HEADS), nce_heads([*channels.values()]))
        if ADAPTERS in _companions(config):
            players[ADAPTERS] = draw(_named(key, ADAPTERS), adapters(channels, networks.taught))
    return players


def _channels(config: Translation, networks: Networks, sampler: Sampler) -> dict[str, int]:
    """How many channels the generator's features have; nothing is computed."""
    model = networks.tapped
    assert model is not None
    x = jax.ShapeDtypeStruct((sampler.slots, 1, config.patch, config.patch, 3), jnp.float32)
    params = jax.eval_shape(model.init, jax.random.key(0))
    plan = jax.eval_shape(sampler.sample, jax.random.key(0), 0)
    _, features = jax.eval_shape(model.forward, params, plan, x)
    return {point: f.shape[-1] for point, f in features.items()}


def _named(key: PRNGKey, name: str) -> PRNGKey:
    return jax.random.fold_in(key, crc32(name.encode()))
