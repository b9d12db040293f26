"""Reads the sources of nasjax with `ast`, for the tests that measure them; imports nothing of nasjax."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "nasjax"
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Module(NamedTuple):
    """One parsed source file."""

    path: str  # relative to the repository
    name: str  # dotted
    lines: int
    tree: ast.Module

    @property
    def area(self) -> str:
        """The module or package directly under nasjax; '' for nasjax itself."""
        return (self.name.split(".") + [""])[1]


class Import(NamedTuple):
    """One imported module."""

    name: str
    line: int
    late: bool  # inside a function, or for the type checker only


@cache
def modules() -> tuple[Module, ...]:
    return tuple(_read(path) for path in sorted(PACKAGE.rglob("*.py")))


def _read(path: Path) -> Module:
    text, relative = path.read_text(encoding="utf-8"), path.relative_to(ROOT)
    parts = relative.with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return Module(relative.as_posix(), name, len(text.splitlines()), ast.parse(text, str(path)))


def _statements(node: ast.AST, *, late: bool = False) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Every import statement, and whether it is inside a function or for the type checker only."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, late
        checker = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)
        yield from _statements(child, late=late or checker or isinstance(child, Function))


@cache
def imports(module: Module) -> tuple[Import, ...]:
    """All imports of a module, relative ones made absolute; `from nasjax import space` counts as `nasjax.space`."""
    return tuple(each for node, late in _statements(module.tree) for each in _imported(module, node, late=late))


def _imported(module: Module, node: ast.Import | ast.ImportFrom, *, late: bool) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from (Import(alias.name, node.lineno, late) for alias in node.names)
        return
    package = module.name.split(".") if module.path.endswith("__init__.py") else module.name.split(".")[:-1]
    base = package[: len(package) - node.level + 1] if node.level else []
    name = ".".join([*base, *([node.module] if node.module else [])])
    names = [f"nasjax.{alias.name}" for alias in node.names] if name == "nasjax" else [name]
    yield from (Import(each, node.lineno, late) for each in names)


class Callable(NamedTuple):
    """One function or method, at any depth."""

    module: Module
    node: Function
    public: bool  # reachable from outside by public names only
    method: bool

    @property
    def where(self) -> str:
        return f"{self.module.path}:{self.node.lineno} {self.node.name}"


@cache
def functions() -> tuple[Callable, ...]:
    return tuple(each for m in modules() for each in callables(m, m.tree, public=True, method=False))


def callables(module: Module, parent: ast.AST, *, public: bool, method: bool) -> Iterator[Callable]:
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, Function):
            yield Callable(module, node, public and not node.name.startswith("_"), method)
            yield from callables(module, node, public=False, method=False)
        elif isinstance(node, ast.ClassDef):
            yield from callables(module, node, public=public and not node.name.startswith("_"), method=True)
        else:
            yield from callables(module, node, public=public, method=method)


def body_lines(node: Function) -> int:
    """Lines from the first statement after the docstring to the end."""
    first = node.body[0]
    documented = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    body = node.body[1:] if documented else node.body
    return (node.end_lineno or 0) - body[0].lineno + 1 if body else 0


def positional(each: Callable) -> int:
    static = any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in each.node.decorator_list)
    args = each.node.args
    return len(args.posonlyargs) + len(args.args) - (each.method and not static)


def parameters(each: Callable) -> int:
    return positional(each) + len(each.node.args.kwonlyargs)


def _names(target: ast.AST) -> Iterator[str]:
    return (node.id for node in ast.walk(target) if isinstance(node, ast.Name))


def public_names(module: Module) -> list[str]:
    """What a module defines for others: functions, classes and constants without a leading underscore."""
    names: list[str] = []
    for node in module.tree.body:
        if isinstance(node, Function | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign):
            names += [name for target in node.targets for name in _names(target)]
        elif isinstance(node, ast.AnnAssign):
            names += _names(node.target)
    # A name that overloads define again is one name.
    return [name for name in dict.fromkeys(names) if not name.startswith("_")]
