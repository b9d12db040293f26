"""Many short trainings of one program at once, a member each: its own params, arch, and order of the same pictures.

What a discriminator is worth shows in what it makes of its generator, so candidates cannot share weights. They share
everything else: one compiled step, the pictures on the device, and the slots, which a member leaves when it is done, or
has diverged, to the next in line. A member's numbers depend on its arch, its order and its step alone: not on its slot,
on who trains beside it, or on when it was stopped.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P
from jax.tree_util import keystr, tree_flatten_with_path, tree_map_with_path
from jaxtyping import Array, Int, UInt8

from nasjax.train.compiling import compiler_options
from nasjax.train.memory import free_bytes, num_bytes
from nasjax.train.parallel import AXIS, replicate, sharded
from nasjax.train.step import ema_decay
from nasjax.typing import Arch, Archs, Params, PRNGKey

_SHARE = 0.8  # of the free memory that slots may take
_LOOK = 8  # steps between two looks at who has diverged

# (params, arch, images uint8 [b, h, w, 3], key) -> what a member minimises
MemberLoss = Callable[[Params, Arch, Array, PRNGKey], Array]


class Member(NamedTuple):
    """One training after `step` updates; `failed` from the step on that was not finite, which is not applied.

    In a seat it is as large as the whole space, everywhere else as its own network (`Population.own`).
    """

    params: Params
    opt_state: Any
    ema: Params
    step: Int[Array, ""]
    failed: Array


@dataclass(frozen=True)
class Population:
    """What all members have in common. `beside`: members computed at once; 1: one after the other.

    In turn, a conditional runs one branch, and a CPU has no more to gain; side by side, all branches are run for all.
    `own_params(params, arch)` are the params that an arch has: leaves of the same names, or leading parts of them.
    """

    loss: MemberLoss
    optimiser: optax.GradientTransformation
    batch: int
    ema: float
    seed: int
    beside: int = 1
    own_params: Callable[[Params, Arch], Params] = lambda params, arch: params

    def member(self, params: Params) -> Member:
        """A member before its first step."""
        ema = jax.tree.map(jnp.copy, params)
        return Member(params, self.optimiser.init(params), ema, jnp.zeros((), jnp.int32), jnp.zeros((), bool))

    def own(self, member: Member, arch: Arch) -> Member:
        """What an arch has of a member of full size, as numpy: params, moments and average of its own network."""
        has = jax.eval_shape(lambda params: self.member(self.own_params(params, arch)), member.params)
        leaves = _leaves(member)
        return tree_map_with_path(lambda path, like: np.array(leaves[keystr(path)][_leading(like)]), has)

    def whole(self, member: Member, fresh: Member) -> Member:
        """`own` undone, as numpy: what the member's arch has not is that of `fresh`, and does not move."""
        own = _leaves(member)

        def filled(path: Any, leaf: Any) -> np.ndarray:
            found = np.array(leaf)
            if (part := own.get(keystr(path))) is not None:
                found[_leading(part)] = part
            return found

        return tree_map_with_path(filled, fresh)

    def step(self, member: Member, arch: Arch, order: Int[Array, ""], *, pool: UInt8[Array, "n h w 3"]) -> Member:
        """One update on the member's next pictures; a member that has failed stays as it is."""
        key = jax.random.fold_in(jax.random.key(self.seed), order)
        images = pool[pictures_of(key, member.step, len(pool), batch=self.batch)]
        grad_fn = jax.value_and_grad(self.loss)
        loss, grads = grad_fn(member.params, arch, images, jax.random.fold_in(key, member.step))
        updates, opt_state = self.optimiser.update(grads, member.opt_state, member.params)
        params: Any = optax.apply_updates(member.params, updates)
        decay = ema_decay(member.step, self.ema)
        ema = jax.tree.map(lambda e, p: decay * e + (1 - decay) * p, member.ema, params)
        failed = member.failed | ~jnp.isfinite(loss + optax.tree.norm(grads) + optax.tree.norm(updates))
        new = Member(params, opt_state, ema, member.step + 1, failed)
        kept = jax.tree.map(lambda o, n: jnp.where(failed, o, n), member, new)
        return kept._replace(failed=failed)


def _leaves(tree: Any) -> dict[str, Any]:
    return {keystr(path): leaf for path, leaf in tree_flatten_with_path(tree)[0]}


def _leading(like: Any) -> tuple[slice, ...]:
    return tuple(slice(0, n) for n in np.shape(like))


def pictures_of(key: PRNGKey, step: Int[Array, ""] | int, num: int, *, batch: int) -> Int[Array, " batch"]:
    """Which of `num` pictures a member sees at a step: each once an epoch, in an order of the member's own.

    Raises ValueError unless `batch` divides `num`.
    """
    if num % batch:
        raise ValueError(f"population: a batch of {batch} does not divide the {num} pictures; choose one that does")
    epoch, place = jnp.divmod(step, num // batch)
    order = jax.random.permutation(jax.random.fold_in(key, epoch), num)
    return jax.lax.dynamic_slice(order, (place * batch,), (batch,))


class Line(NamedTuple):
    """Members in line: the arch and the order of each, by place; `spares` are places that join where somebody fails."""

    archs: Archs
    orders: Int[np.ndarray, " n"]
    spares: Sequence[int] = ()


def train_members(
    population: Population,
    members: Sequence[Member],
    line: Line,
    *,
    until: int,
    pool: UInt8[np.ndarray, "n h w 3"],
    seats: "Seats",
    on_look: Callable[[Callable[[], list[Member]]], None] = lambda members_fn: None,
) -> list[Member]:
    """Every member trained on to `until` updates; who fails makes room at once, to a spare where nobody is in line.

    Members come and go as numpy, each of its own size.

    `on_look(members_fn)` is called now and then; `members_fn()` are all as they are, fetched from the device: what is
    kept of them can be gone on from, to the same bits.
    """
    found, steps = list(members), [int(m.step) for m in members]
    waiting = [i for i, m in enumerate(members) if steps[i] < until and not bool(m.failed) and i not in line.spares]
    spare = list(line.spares)
    while waiting or seats.taken:
        for seat, place in zip(seats.free, waiting, strict=False):
            seats.sit(seat, place, found[place], arch=line.archs[place], order=int(line.orders[place]))
        waiting = [i for i in waiting if i not in seats.taken.values()]
        ahead = min(until - steps[place] for place in seats.taken.values())
        for _ in range(number := min(_LOOK, ahead)):
            seats.step(pool)
        for place in seats.taken.values():
            steps[place] += number  # of one that has failed it is never asked again
        failed = seats.failed()
        if over := [seat for seat, place in seats.taken.items() if failed[seat] or steps[place] >= until]:
            found = _fetched(found, seats)
            for seat in over:
                waiting += [spare.pop(0)] if failed[seat] and spare else []
                seats.leave(seat)
        on_look(functools.partial(_fetched, found, seats))
    return found


def _fetched(members: Sequence[Member], seats: "Seats") -> list[Member]:
    """All members, of whom some sit: those as they are now."""
    found, now = list(members), seats.members()
    for seat, place in seats.taken.items():
        found[place] = now[seat]
    return found


class Seats:
    """The slots of a population on the devices of a mesh, and the program that moves whoever sits there by a step.

    A slot is of full size, so that one program serves all archs: `like` is a member of that size before its first step.
    """

    def __init__(self, population: Population, like: Member, num_choices: int, *, num: int, mesh: Mesh):
        self._population, self._fresh = population, jax.tree.map(np.asarray, like)
        self._mesh, self.num, self.taken = mesh, -(-num // mesh.size) * mesh.size, dict[int, int]()
        self._members = jax.tree.map(lambda x: np.zeros((self.num, *x.shape), x.dtype), self._fresh)
        self._archs = np.zeros((self.num, num_choices), np.int32)
        self._orders = np.zeros(self.num, np.int32)
        self._pool: tuple[int, Any] | None = None
        self._run, self._on_device = _program(population, mesh), None
        self._fetched = True  # whether what is here is what is on the device

    @property
    def free(self) -> list[int]:
        """Seats that nobody has."""
        return [seat for seat in range(self.num) if seat not in self.taken]

    def sit(self, seat: int, place: int, member: Member, *, arch: Arch, order: int) -> None:
        """Seat the member of a place in line."""
        self._fetch()
        self._on_device = None
        whole = self._population.whole(member, self._fresh)
        jax.tree.map(lambda all_, one: all_.__setitem__(seat, one), self._members, whole)
        self._archs[seat], self._orders[seat], self.taken[seat] = arch, order, place

    def leave(self, seat: int) -> None:
        """Make room."""
        del self.taken[seat]

    def step(self, pool: UInt8[np.ndarray, "n h w 3"]) -> None:
        """Move all who are seated by one update."""
        if self._pool is None or self._pool[0] != id(pool):
            self._pool = (id(pool), replicate(pool, self._mesh))
        active = np.array([seat in self.taken for seat in range(self.num)])
        place = sharded(self._mesh)
        if self._on_device is None:
            self._on_device = jax.device_put(self._members, place)
        given = jax.device_put((self._archs, self._orders, active), place)
        self._on_device, self._fetched = self._run(self._on_device, *given, self._pool[1]), False

    def failed(self) -> np.ndarray:
        """Whether the member of each seat has failed: all that is fetched from the device."""
        members = self._members if self._on_device is None else self._on_device
        return np.array(jax.device_get(members.failed))

    def members(self) -> dict[int, Member]:
        """Whoever sits, by seat, as numpy of its own size."""
        if self.taken:
            self._fetch()
        return {
            seat: self._population.own(jax.tree.map(lambda x, seat=seat: x[seat], self._members), self._archs[seat])
            for seat in self.taken
        }

    def _fetch(self) -> None:
        if not self._fetched:
            self._members, self._fetched = jax.tree.map(np.array, jax.device_get(self._on_device)), True


def _program(population: Population, mesh: Mesh) -> Callable[..., Member]:
    """(members, archs, orders, active, pool) -> members, for a device's seats in turn or side by side."""

    def one(given: Any, pool: Array) -> Member:
        member, arch, order, active = given
        # A seat that is empty takes no time in turn; side by side it is computed, and dropped.
        return jax.lax.cond(active, lambda m: population.step(m, arch, order, pool=pool), lambda m: m, member)

    def local(members: Member, archs: Array, orders: Array, active: Array, pool: Array) -> Member:
        given, own = (members, archs, orders, active), lambda each: one(each, pool)
        if population.beside == 1:
            return jax.lax.map(own, given)
        return jax.lax.map(own, given, batch_size=population.beside)

    spread = jax.shard_map(
        local, mesh=mesh, in_specs=(P(AXIS), P(AXIS), P(AXIS), P(AXIS), P()), out_specs=P(AXIS), check_vma=False
    )
    return jax.jit(spread, donate_argnums=0, out_shardings=sharded(mesh), compiler_options=compiler_options())


def seats_that_fit(
    population: Population, member: Member, arch: Arch, *, pool: UInt8[np.ndarray, "n h w 3"], wanted: int
) -> int:
    """As many seats of `wanted` as the memory of this process's devices holds, at least one a device; nothing is run.

    A seat is a member's state, twice while it changes, and what its gradient keeps, where members are computed side by
    side. It assumes that the compiler needs no more than that, of which a fifth of the memory is left free; it is wrong
    where frozen networks inside of the loss are larger than that.
    """
    devices = jax.local_devices()  # those that members are seated on
    free = min((n for n in map(free_bytes, devices) if n is not None), default=None)
    if free is None:
        return wanted
    work = _kept(population, member, arch, pool)
    in_turn = population.beside == 1
    each = 2 * num_bytes(member) + (0 if in_turn else work)
    room = _SHARE * free - pool.nbytes - (work if in_turn else 0)
    return int(min(wanted, max(1, room // each) * len(devices)))


def _kept(population: Population, member: Member, arch: Arch, pool: np.ndarray) -> int:
    """Bytes that the gradient of one member keeps from its forward pass, all branches of its conditionals included."""
    images = jax.ShapeDtypeStruct((1, population.batch, *pool.shape[1:]), pool.dtype)
    one = lambda tree: jax.tree.map(lambda x: jax.ShapeDtypeStruct((1, *np.shape(x)), np.asarray(x).dtype), tree)  # noqa: E731

    def residuals(params: Params, archs: Archs, images: Array) -> Any:
        losses = jax.vmap(lambda p, a, i: population.loss(p, a, i, jax.random.key(0)))
        return jax.vjp(lambda own: losses(own, archs, images).sum(), params)[1]

    return num_bytes(jax.eval_shape(residuals, one(member.params), one(np.asarray(arch)), images))
