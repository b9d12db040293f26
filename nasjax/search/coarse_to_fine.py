"""Coarse to fine: search the stages of a space one after the other, each around what the earlier ones decided.

The greedy split makes the space of a stage small enough to search (arXiv 2104.09223, abstract); what it loses against a
joint search is to be measured, not assumed.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from nasjax.search.archive import Archive
from nasjax.search.pareto import best
from nasjax.space import Choice, SearchSpace
from nasjax.typing import Arch

# search_stage(stage, its narrowed space, archive) -> the archive with that stage's evaluations
SearchStage: TypeAlias = Callable[[str, SearchSpace, Archive], Archive]
# choose(objectives[n, m], violation[n]) -> row; e.g. `pareto.best` or `pareto.knee`
Choose: TypeAlias = Callable[[np.ndarray, np.ndarray], int]


class Decision(NamedTuple):
    """What one stage searched and decided.

    `space` is the narrowed space, `before` and `after` the spaces that were open before and after the decision, `arch`
    the winner: decided choices, with defaults for what later stages decide. `row` is None where it was given, or where
    the earlier decisions left nothing open.
    """

    stage: str
    space: SearchSpace
    before: SearchSpace
    after: SearchSpace
    arch: np.ndarray
    row: int | None

    def record(self) -> dict[str, Any]:
        """What the stage left open and what it decided, with the size of the space before and after: JSON values.

        Options that stand for a group which a later stage decides are under `stands_for`, with their group.
        """
        space = self.space
        free = {name: [space.choices[space.index(name)].options[o] for o in space.options(name)] for name in space.free}
        groups = {name: space.choices[space.index(name)].coarse or ("", ()) for name in free}
        stands_for = {
            name: {o: list(group) for o in free[name] for group in coarse if o in group and len(group) > 1}
            for name, (stage, coarse) in groups.items()
            if stage == self.stage
        }
        return {
            "stage": self.stage,
            "free": free,
            "stands_for": {name: found for name, found in stands_for.items() if found},
            "size_before": str(self.before.size()),
            "size_after": str(self.after.size()),
            "decided": {name: option for name, option in space.decode(self.arch).items() if name in free},
        }


def coarse_to_fine(
    space: SearchSpace,
    search_stage: SearchStage,
    *,
    archive: Archive,
    choose: Choose = best,
    given: Mapping[str, Arch] | None = None,
    on_decision: Callable[[Decision, Archive], None] | None = None,
) -> tuple[Archive, tuple[Decision, ...]]:
    """Searches stage after stage and returns the archive with one decision a stage; the last one's arch is the result.

    `search_stage` trains what it needs and searches the space it is given, usually by `run_search`; the archive it
    receives is labelled with the stage. `choose` then picks among all that the stage evaluated. Stages in `given`
    are skipped with that winner: how an interrupted chain goes on without repeating them. A stage in which nothing
    is open is decided without a search. `on_decision` is called after each searched stage. Raises ValueError for an
    unknown stage in `given`, or a stage that evaluated nothing.
    """
    given = {} if given is None else given
    if unknown := sorted(set(given) - set(space.stages)):
        known = ", ".join(space.stages)
        raise ValueError(f"coarse_to_fine: {unknown[0]!r} is no stage of {space.name}; stages: {known}")
    decisions: list[Decision] = []
    before, arch = space, None
    for stage in space.stages:
        narrowed, row = space.at_stage(stage, arch), None
        if stage in given:
            arch = narrowed.check(given[stage])
        elif not narrowed.free:
            arch = narrowed.default_arch()
        else:
            archive = search_stage(stage, narrowed, archive.at(stage)).at(stage)
            row = _choose(archive, choose)
            arch = narrowed.check(np.array(archive.rows[row].arch, np.int32))
        after = still_open(space, stage, arch)
        decisions.append(Decision(stage, narrowed, before, after, arch, row))
        if on_decision is not None and row is not None:
            on_decision(decisions[-1], archive)
        before = after
    return archive, tuple(decisions)


def still_open(space: SearchSpace, stage: str, arch: Arch) -> SearchSpace:
    """The part of `space` that remains once `arch` was decided at `stage`: what later stages may still reach."""
    now, arch = space.stages.index(stage), space.check(arch)
    live = space.active(arch)
    kept = {}
    for i, choice in enumerate(space.choices):
        options = _kept(space, choice, now, choice.options[arch[i]])
        if live[i] and options is not None:
            kept[choice.name] = options
    return space.restrict(kept)


def _kept(space: SearchSpace, choice: Choice, now: int, option: str) -> tuple[str, ...] | None:
    """The options that the stages up to `now` leave of an active choice; None leaves all."""
    if space.stages.index(choice.stage) <= now:
        return (option,)
    if choice.coarse is not None and space.stages.index(choice.coarse[0]) <= now:
        return next(group for group in choice.coarse[1] if option in group)
    return None


def _choose(archive: Archive, choose: Choose) -> int:
    places = [i for i, r in enumerate(archive.rows) if r.stage == archive.stage]
    if not places:
        raise ValueError(f"stage {archive.stage!r} evaluated nothing")
    rows = [archive.rows[i] for i in places]
    return places[choose(np.array([r.objectives for r in rows]), np.array([r.violation for r in rows]))]
