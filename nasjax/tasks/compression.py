"""A small generator learns from a large one that is being trained beside it (OMGD, arXiv 2108.06908, section 3.1).

    teacher = translation(Translation(pairs=True, l1=100, adversarial=Adversarial()), teacher_networks, single_stream)
    student = translation(Translation(pairs=True, teaching=Teaching(ssim=1, likeness=1)), networks, sampler)
    task = beside(teacher, student)                     # networks.teacher = live_teacher(model)

The teacher plays against the discriminator; the student has none and follows the teacher as it is in each step. With a
teacher that is trained already (`networks.fixed_teacher`) a plain `translation` is all that is needed.
"""

from collections.abc import Callable, Mapping
from typing import Any

from nasjax.task import Batch, Logs, Loss, Players, Task
from nasjax.typing import Archs, Params, PRNGKey, Scalar, Spec

TEACHER = "teacher"
_TAKEN = {"generator": TEACHER, "back": "teacher_back", "heads": "teacher_heads", "adapters": "teacher_adapters"}


def beside(teacher: Task, student: Task) -> Task:
    """Both tasks as one: in each step the teacher's players move first, then the student, which sees them moved.

    The teacher's generator is the player "teacher" (and so on). The batch must be the same for both: give the teacher's
    task one stream and as many images as the student's streams have together; a student of single images is given the
    teacher's inputs. ValueError where it is not.
    """
    if set(student.batch_spec) == {"image"} and "input" in teacher.batch_spec:
        student = _of_inputs(student, teacher.batch_spec)
    if dict(teacher.batch_spec) != dict(student.batch_spec):
        raise ValueError(
            f"beside: the teacher's batch {dict(teacher.batch_spec)} must be the student's {dict(student.batch_spec)}"
        )
    first = _renamed(teacher, _TAKEN)
    if both := sorted({*first.players} & {*student.players} | {*first.memory} & {*student.memory}):
        raise ValueError(f"beside: teacher and student both have {', '.join(both)}; only one of them can")
    return student._replace(
        name=f"{student.name} beside its teacher",
        init=lambda key: {**first.init(key), **student.init(key)},
        losses={**first.losses, **student.losses},
        together={**first.together, **student.together},
        memory={**first.memory, **student.memory},
        after={**first.after, **student.after},
    )


def _of_inputs(task: Task, spec: Mapping[str, Spec]) -> Task:
    """The task of single images, which are the inputs of a batch of `spec`."""
    seen: Callable[[Batch], Batch] = lambda batch: {**batch, "image": batch["input"]}  # noqa: E731

    def loss_of(loss: Loss) -> Loss:
        return lambda params, plan, batch, key: loss(params, plan, seen(batch), key)

    return task._replace(
        losses={name: loss_of(loss) for name, loss in task.losses.items()},
        predict=lambda params, plan, batch: task.predict(params, plan, seen(batch)),
        target=lambda batch: task.target(seen(batch)),
        batch_spec={"input": task.batch_spec["image"]} | {n: s for n, s in spec.items() if n != "input"},
    )


def _renamed(task: Task, names: Mapping[str, str]) -> Task:
    """The task with other names for some of its players."""
    new: Callable[[str], str] = lambda name: names.get(name, name)  # noqa: E731

    def seen(players: Players) -> dict[str, Params]:
        return {name: players[new(name)] for name in task.players if new(name) in players}

    def loss_of(loss: Loss) -> Loss:
        def renamed(params: Players, plan: Archs, batch: Batch, key: PRNGKey) -> tuple[Scalar, Logs]:
            return loss(seen(params), plan, batch, key)

        return renamed

    def keyed(mapping: Mapping[str, Any]) -> dict[str, Any]:
        return {new(name): value for name, value in mapping.items()}

    return task._replace(
        init=lambda key: keyed(task.init(key)),
        losses=keyed({name: loss_of(loss) for name, loss in task.losses.items()}),
        predict=lambda params, plan, batch: task.predict(seen(params), plan, batch),
        together=keyed({name: tuple(map(new, group)) for name, group in task.together.items()}),
        after=keyed(task.after),
    )
