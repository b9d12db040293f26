"""Search spaces as data: named choices, the options still allowed, and the stages that decide them.

An arch is an `int32[num_choices]` vector of option indices. It is *canonical* when every inactive choice (one whose
parent choice does not ask for it) is 0, so that each network has exactly one arch.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from nasjax.choice import Choice, check_choices, find
from nasjax.typing import Arch, Archs, Mask


@dataclass(frozen=True, repr=False)
class SearchSpace:
    """Named choices with options, and a mask of the options still allowed; immutable and hashable.

    Parents come before their children in `choices`. `allowed` defaults to every option.
    Raises ValueError for duplicate or malformed names, unknown parents, stages or options, and empty masks.
    """

    name: str
    choices: tuple[Choice, ...]
    stages: tuple[str, ...]
    allowed: tuple[tuple[bool, ...], ...] = ()

    def __post_init__(self):
        if not self.allowed:
            object.__setattr__(self, "allowed", tuple((True,) * len(c.options) for c in self.choices))
        check_choices(self.name, self.choices, self.stages, allowed=self.allowed)

    def __repr__(self) -> str:
        size = self.size()
        networks = f"{size:,}" if size < 10**9 else f"10^{math.log10(size):.1f}"
        return f"SearchSpace({self.name}: {self.num_choices} choices, {networks} networks)"

    @property
    def num_choices(self) -> int:
        """Length of an arch."""
        return len(self.choices)

    def index(self, choice: str) -> int:
        """Position of a choice in an arch; raises ValueError naming the known choices."""
        return find(choice, [c.name for c in self.choices], f"choice of {self.name}")

    def option(self, choice: str, option: str) -> int:
        """Index of an option of a choice; raises ValueError naming the known options."""
        return find(option, self.choices[self.index(choice)].options, f"option of {self.name}.{choice}")

    def options(self, choice: str) -> tuple[int, ...]:
        """Indices of the allowed options of a choice."""
        return tuple(np.flatnonzero(self.allowed[self.index(choice)]).tolist())

    @property
    def possible(self) -> tuple[bool, ...]:
        """Whether each choice can still be active under the mask."""
        out: list[bool] = []
        for link in self._links:
            out.append(link is None or (out[link.parent] and bool(np.any(link.asked & self.allowed[link.parent]))))
        return tuple(out)

    @property
    def free(self) -> tuple[str, ...]:
        """Names of the choices still open: they can be active and have more than one allowed option."""
        return tuple(
            c.name for c, p, a in zip(self.choices, self.possible, self.allowed, strict=True) if p and sum(a) > 1
        )

    def size(self) -> int:
        """Number of distinct canonical archs under the mask, exact."""

        def count(i: int, option: int) -> int:
            links = enumerate(self._links)
            return math.prod(total(j) for j, link in links if link and link.parent == i and link.asked[option])

        def total(i: int) -> int:
            return sum(count(i, o) for o in self.options(self.choices[i].name))

        return math.prod(total(i) for i, c in enumerate(self.choices) if c.active is None)

    def active(self, archs: Archs) -> Mask:
        """Which choices exist in each arch; shapes `[..., k]` -> `[..., k]`; numpy unless traced."""
        xp = jnp if isinstance(archs, Tracer) else np  # eager jax would compile every step for every shape
        archs = xp.asarray(archs)
        parents, asked, depth = self._conditions
        # One look-up for all choices: a look-up a choice takes XLA tens of seconds to compile in a search step.
        asks = xp.asarray(asked)[np.arange(self.num_choices), archs[..., parents]]
        flags = asks
        for _ in range(depth - 1):
            flags = asks & flags[..., parents]
        return flags

    def canonical(self, archs: Archs) -> Archs:
        """The archs with every inactive choice set to 0; idempotent."""
        return archs * self.active(archs).astype(archs.dtype)

    def contains(self, archs: Archs) -> np.ndarray:
        """Whether each arch is canonical and uses allowed options only; `[..., k]` -> `bool[...]`."""
        archs = np.asarray(archs)
        known = (archs >= 0) & (archs < np.array([len(c.options) for c in self.choices]))
        archs = np.where(known, archs, 0)  # so that no parent is looked up beyond its options
        active = self.active(archs)
        allowed = [np.asarray(mask)[archs[..., i]] for i, mask in enumerate(self.allowed)]
        return np.asarray(np.all(known & np.where(active, np.stack(allowed, -1), archs == 0), -1))

    def check(self, arch: Arch) -> np.ndarray:
        """The arch as canonical int32 numpy; raises ValueError naming the first choice outside the space."""
        arch = self.known(arch)
        for value, choice, mask, live in zip(
            arch.tolist(), self.choices, self.allowed, self.active(arch).tolist(), strict=True
        ):
            if live and not mask[value]:
                names = ", ".join(o for o, on in zip(choice.options, mask, strict=True) if on)
                raise ValueError(
                    f"{self.name}.{choice.name}: option {choice.options[value]!r} is not allowed; allowed: {names}"
                )
        return arch

    def known(self, arch: Arch) -> np.ndarray:
        """The arch as canonical int32 numpy, whether its options are allowed or not; raises ValueError as `check`."""
        arch = np.asarray(arch)
        if arch.shape != (self.num_choices,):
            raise ValueError(f"an arch of {self.name} is {self.num_choices} integers, got {arch.tolist()}")
        for value, choice in zip(arch.tolist(), self.choices, strict=True):
            if not 0 <= value < len(choice.options):
                raise ValueError(f"{self.name}.{choice.name} has options 0..{len(choice.options) - 1}, got {value}")
        return np.asarray(self.canonical(arch.astype(np.int32)))

    def encode(self, options: Mapping[str, str]) -> np.ndarray:
        """A canonical arch from `{choice: option}`; missing choices take their default (or first allowed option).

        Raises ValueError for an unknown or disallowed choice or option.
        """
        arch = self._defaults()
        for name, option in options.items():
            arch[self.index(name)] = self.option(name, option)
        return self.check(arch)

    def decode(self, arch: Arch) -> dict[str, str]:
        """`{choice: option}` of the active choices of one arch."""
        arch = self.known(arch)
        return self._named(arch.tolist(), self.active(arch).tolist())

    def text(self, arch: Arch) -> str:
        """One pasteable word, e.g. `toy:width=16,b1=conv3.8,b2=off@1f0c3a`; the inverse of `parse`.

        Choices that share a prefix up to the first dot are grouped; inactive choices are left out; the six
        hexadecimal digits after `@` are a checksum that catches typing mistakes and archs of another space.
        """
        return self.texts(self.known(arch)[None])[0]

    def texts(self, archs: Archs) -> list[str]:
        """The text of many archs of the space at once, `[n, k]`."""
        rows = zip(self.canonical(archs).tolist(), self.active(archs).tolist(), strict=True)
        return [_word(self.name, self._named(values, live)) for values, live in rows]

    def parse(self, text: str) -> np.ndarray:
        """The arch that `text` names (its checksum may be left out).

        Raises ValueError naming the malformed part and what is allowed there.
        """
        body, _, digest = text.strip().partition("@")
        if digest and digest != _digest(body):
            raise ValueError(f"arch {text!r}: checksum {digest!r} does not match ({_digest(body)!r}): mistyped?")
        name, colon, rest = body.partition(":")
        if not colon or name != self.name:
            raise ValueError(f"arch {text!r} is not of space {self.name!r}; it must start with '{self.name}:'")
        return self._assign(_groups(rest, text), text)

    def digest(self, arch: Arch) -> str:
        """The six hexadecimal digits of an arch's text form."""
        return self.text(arch).rpartition("@")[2]

    def restrict(self, options: Mapping[str, Sequence[str]]) -> "SearchSpace":
        """The space with only these options of these choices allowed (of those allowed so far).

        Raises ValueError for unknown names, or when nothing would be left of a choice.
        """
        masks = list(self.allowed)
        for name, keep in options.items():
            i, kept = self.index(name), {self.option(name, o) for o in keep}
            masks[i] = tuple(on and o in kept for o, on in enumerate(masks[i]))
        return replace(self, allowed=tuple(masks))

    def at_stage(self, stage: str, decided: Arch | None = None) -> "SearchSpace":
        """The space that one stage searches: earlier choices as `decided`, later ones at their default.

        A choice with `coarse` groups takes one representative a group at its coarse stage, and the members of the
        decided group at its own. A choice that could not be active at its own stage is decided at the first later one
        where it can. `decided` is required from the second stage on; raises ValueError otherwise.
        """
        now = find(stage, self.stages, f"stage of {self.name}")
        if now > 0 and decided is None:
            raise ValueError(f"stage {stage!r} of {self.name} needs the arch that {self.stages[now - 1]!r} decided")
        values = [None] * self.num_choices if decided is None else self._decided(decided)
        masks: list[tuple[bool, ...]] = []
        possible: list[bool] = []
        for i, (choice, link) in enumerate(zip(self.choices, self._links, strict=True)):
            # A parent that this stage still decides keeps its children open, whatever stood in for it so far.
            possible.append(link is None or (possible[link.parent] and bool(np.any(link.asked & masks[link.parent]))))
            kept = self._stage_options(i, now, values[i]) if possible[i] else {int(self._defaults()[i])}
            masks.append(tuple(o in kept for o in range(len(choice.options))))
        return replace(self, allowed=tuple(masks))

    def default_arch(self) -> np.ndarray:
        """The canonical arch with every choice at its default (or its first allowed option)."""
        return np.asarray(self.canonical(self._defaults()))

    def to_json(self) -> str:
        """The whole space as JSON; `SearchSpace.from_json` is the inverse."""
        choices = [c._asdict() for c in self.choices]
        return json.dumps({"name": self.name, "stages": self.stages, "choices": choices, "allowed": self.allowed})

    @staticmethod
    def from_json(text: str) -> "SearchSpace":
        """The space that `to_json` wrote; raises ValueError where the text is not one."""
        try:
            data = _tuples(json.loads(text))
            choices = tuple(Choice(**c) for c in data["choices"])
            return SearchSpace(data["name"], choices, data["stages"], data["allowed"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a search space in JSON (name, stages, choices, allowed): {error!r}") from error

    def fingerprint(self) -> dict[str, Any]:
        """All that archs, masks and stages mean, as JSON values, to be kept beside a result (`nasjax.basis`)."""
        parts = {
            choice.name: choice._asdict() | {"allowed": [o for o, on in zip(choice.options, mask, strict=True) if on]}
            for choice, mask in zip(self.choices, self.allowed, strict=True)
        }
        return json.loads(json.dumps({"name": self.name, "stages": self.stages, "choices": parts}))

    @cached_property
    def _links(self) -> tuple["_Link | None", ...]:
        """The condition of each choice, by position: computed once, archs are parsed by the thousand."""
        position = {c.name: i for i, c in enumerate(self.choices)}

        def link(parent: str, asked: tuple[str, ...]) -> _Link:
            i = position[parent]
            return _Link(i, np.array([o in asked for o in self.choices[i].options]))

        return tuple(None if c.active is None else link(*c.active) for c in self.choices)

    @cached_property
    def _conditions(self) -> tuple[np.ndarray, np.ndarray, int]:
        """`_links` as arrays: parent positions (a root is its own), asked options `bool[k, max options]`, depth."""
        own = range(self.num_choices)
        parents = np.array([i if link is None else link.parent for i, link in zip(own, self._links, strict=True)])
        asked = np.ones((self.num_choices, max(len(c.options) for c in self.choices)), bool)
        depths: list[int] = []
        for i, link in enumerate(self._links):
            depths.append(0 if link is None else depths[link.parent] + 1)
            if link is not None:
                asked[i, : len(link.asked)] = link.asked
        return parents, asked, max(depths)

    def _defaults(self) -> np.ndarray:
        values = [c.default if a[c.default] else a.index(True) for c, a in zip(self.choices, self.allowed, strict=True)]
        return np.array(values, np.int32)

    def _decided(self, arch: Arch) -> list[int | None]:
        """The option of each choice, None where the choice is inactive: nothing was decided about it."""
        arch = self.check(arch)
        return [v if live else None for v, live in zip(arch.tolist(), self.active(arch).tolist(), strict=True)]

    def _stage_options(self, i: int, now: int, value: int | None) -> set[int]:
        """Options of choice `i` at stage number `now`; `value` is what the stages before decided, if anything."""
        choice, allowed = self.choices[i], set(self.options(self.choices[i].name))
        fine = self.stages.index(choice.stage)
        rough = fine if choice.coarse is None else self.stages.index(choice.coarse[0])
        if now < rough:
            return {int(self._defaults()[i])}
        if choice.coarse is not None and (now == rough or (now < fine and value is None)):
            groups = [[self.option(choice.name, o) for o in group] for group in choice.coarse[1]]
            return {next(o for o in g if o in allowed) for g in groups if allowed & set(g)}
        if now == fine or value is None:
            return allowed & self._group_of(choice, value)
        return {value}

    def _named(self, values: list[int], live: list[bool]) -> dict[str, str]:
        return {c.name: c.options[v] for c, v, on in zip(self.choices, values, live, strict=True) if on}

    def _group_of(self, choice: Choice, value: int | None) -> set[int]:
        if choice.coarse is None or value is None:
            return set(range(len(choice.options)))
        group = next(g for g in choice.coarse[1] if choice.options[value] in g)
        return {choice.options.index(o) for o in group}

    def _assign(self, groups: dict[str, list[str]], text: str) -> np.ndarray:
        """Hand the tokens of each group to its active choices, in order."""
        arch = np.zeros(self.num_choices, np.int32)
        live = [True] * self.num_choices
        for i, (choice, link) in enumerate(zip(self.choices, self._links, strict=True)):
            live[i] = link is None or bool(live[link.parent] and link.asked[arch[link.parent]])
            if not live[i]:
                continue
            tokens = groups.get(choice.name.split(".")[0], [])
            if not tokens:
                raise ValueError(
                    f"arch {text!r} says nothing about {choice.name!r}; options: {', '.join(choice.options)}"
                )
            arch[i] = self.option(choice.name, tokens.pop(0))
        left = {name: tokens for name, tokens in groups.items() if tokens}
        if left:
            raise ValueError(f"arch {text!r}: {left} belongs to no choice that is active in {self.name}")
        return self.check(arch)


class _Link(NamedTuple):
    """When a conditional choice exists: its parent's position, and which of the parent's options ask for it."""

    parent: int
    asked: np.ndarray


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:6]


def _word(space: str, named: dict[str, str]) -> str:
    groups: dict[str, list[str]] = {}
    for name, option in named.items():
        groups.setdefault(name.split(".")[0], []).append(option)
    body = f"{space}:" + ",".join(f"{g}={'.'.join(options)}" for g, options in groups.items())
    return f"{body}@{_digest(body)}"


def _groups(rest: str, text: str) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for part in rest.split(","):
        name, equals, options = part.partition("=")
        if not equals or not name or not options or name in groups:
            raise ValueError(
                f"arch {text!r}: {part!r} is malformed or repeated; expected 'name=option' or 'name=option.option'"
            )
        groups[name] = options.split(".")
    return groups


def _tuples(value: Any) -> Any:
    """JSON lists back to tuples, so that spaces compare and hash."""
    if isinstance(value, dict):
        return {k: _tuples(v) for k, v in value.items()}
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value
