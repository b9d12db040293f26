"""Independent trainings beside one another, one a device: finalists, seeds, rivals."""

import contextlib
from collections.abc import Callable, Generator, Sequence

from jax.sharding import Mesh

from nasjax.train.loop import Interrupted, Signals, Training, train
from nasjax.train.state import TrainState

Steps = Generator[None, None, TrainState]


def fit_beside(
    trainings: Sequence[Callable[[], Training]],
    *,
    meshes: Sequence[Mesh],
    alone: bool,
    on_end: Callable[[int, TrainState], None],
) -> None:
    """Train all of them, each as `fit` would on the devices of a mesh, as many at once as there are meshes.

    `alone`: without other processes. A training is made when its turn comes; `on_end(place, state)` is told when it has
    ended. Steps are dispatched in turns, so that devices work beside one another. SIGTERM and SIGINT save all that are
    running, and raise Interrupted; so does the first failure of one, which it raises when the others are saved.
    """
    waiting, running = list(enumerate(trainings)), {}
    with Signals() as signals, contextlib.ExitStack() as stack:
        while waiting or running:
            for mesh in [m for m in meshes if m not in running][: len(waiting)]:
                place, make = waiting.pop(0)
                steps = train(make(), mesh, signals, alone=alone)
                running[mesh] = place, stack.enter_context(contextlib.closing(steps))
            for mesh, (place, steps) in list(running.items()):
                try:
                    next(steps)
                except StopIteration as end:
                    del running[mesh]
                    on_end(place, end.value)
                except BaseException:
                    del running[mesh]
                    _stop(signals, [others for _, others in running.values()])
                    raise


def _stop(signals: Signals, running: Sequence[Steps]) -> None:
    """Let the other trainings save what they have, as after a signal."""
    signals.signum = signals.signum or signals.STOP
    for steps in running:
        with contextlib.suppress(Interrupted):
            next(steps)
