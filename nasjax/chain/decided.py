"""What a stage decided, as `stages.json` keeps it."""

from typing import Any

from nasjax.search.coarse_to_fine import Decision
from nasjax.space import SearchSpace


def decided(decision: Decision) -> dict[str, Any]:
    """What a stage left open and what it decided, with the size of the space before and after."""
    space = decision.space
    free = {n: [space.choices[space.index(n)].options[o] for o in space.options(n)] for n in space.free}
    return {
        "stage": decision.stage,
        "free": free,
        "stands_for": {n: found for n in free if (found := _stands_for(space, n, decision.stage))},
        "size_before": str(decision.before.size()),
        "size_after": str(decision.after.size()),
        "decided": {n: option for n, option in space.decode(decision.arch).items() if n in space.free},
    }


def _stands_for(space: SearchSpace, name: str, stage: str) -> dict[str, list[str]]:
    """The options that represent a whole group at a choice's coarse stage, with the group that is decided later."""
    choice = space.choices[space.index(name)]
    if choice.coarse is None or choice.coarse[0] != stage:
        return {}
    open_options = [choice.options[o] for o in space.options(name)]
    return {o: list(group) for o in open_options for group in choice.coarse[1] if o in group and len(group) > 1}
