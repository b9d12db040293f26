"""Array annotations, checked at every call: an import hook for the package, installed by tests/conftest.py.

Every function whose annotations name an array is wrapped, nested ones and methods as well: its arguments and its result
must have the dtypes and the shapes that they say, letters meaning the same in all of them. jaxtyping has a hook of its
own, which wraps every function of a package whether it knows of arrays or not: that took a fifth of the time of all
tests, most of it in functions that pyright has read already.
"""

import ast
import contextlib
import functools
import hashlib
import inspect
import marshal
import sys
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder, SourceFileLoader
from importlib.util import cache_from_source, decode_source
from pathlib import Path
from types import CodeType
from typing import Any, get_args

from beartype import BeartypeConf, beartype
from jaxtyping import AbstractArray, jaxtyped

_NAME = "tests.typed.checked"
_OWN = Path(__file__).read_bytes()  # another decorator makes another module
_AS_PYTHON_DOES = BeartypeConf(violation_type=TypeError)


def checked(given: Any) -> Any:
    """The decorator: `given` itself, where no array is spoken of."""
    if inspect.isclass(given):
        hints = getattr(given, "__annotations__", {}) if hasattr(given, "__dataclass_fields__") else {}
        if any(speaks_of_arrays(hint) for hint in hints.values()):
            given.__init__ = _checked(given.__init__)  # type: ignore[misc]
        return given
    if inspect.isfunction(given) and any(speaks_of_arrays(hint) for hint in given.__annotations__.values()):
        return _checked(given)
    return given


def _checked(function: Callable[..., Any]) -> Callable[..., Any]:
    inner = beartype(function, conf=_AS_PYTHON_DOES)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        with jaxtyped("context"):  # in which the letters of shapes have one meaning
            return inner(*args, **kwargs)

    return call


def speaks_of_arrays(hint: Any) -> bool:
    """Whether an annotation is, or has in it, an array with dtype and shape."""
    if isinstance(hint, str):
        assert "[" not in hint or "Array" not in hint, f"an array in quotes cannot be checked: {hint!r}"
        return False
    if inspect.isclass(hint) and issubclass(hint, AbstractArray):
        return True
    return any(speaks_of_arrays(one) for one in (hint if isinstance(hint, list) else get_args(hint)))


class _Decorate(ast.NodeTransformer):
    """Every function and class gets the decorator, innermost: other decorators often take annotations away."""

    def _decorated(self, node: Any, where: int) -> Any:
        name = ast.parse(f"__import__('sys').modules['{_NAME.rpartition('.')[0]}'].checked", mode="eval").body
        node.decorator_list.insert(where, ast.copy_location(name, node))
        return self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        """Innermost."""
        return self._decorated(node, len(node.decorator_list))

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        """Outermost: a dataclass is one by then."""
        return self._decorated(node, 0)


class _Loader(SourceFileLoader):
    """Compiles a module's source anew, for its usual compiled form knows nothing of the decorator."""

    def get_code(self, fullname: str) -> CodeType:
        """The module, decorated; kept beside its usual compiled form, for two seconds of every process."""
        path = self.get_filename(fullname)
        source, kept = self.get_data(path), cache_from_source(path, optimization="typed")
        digest = hashlib.sha256(_OWN + source).digest()
        with contextlib.suppress(OSError, EOFError, ValueError, TypeError):
            found = self.get_data(kept)
            if found[: len(digest)] == digest:
                return marshal.loads(found[len(digest) :])
        tree = _Decorate().visit(ast.parse(decode_source(source), path))
        code = compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)
        self.set_data(kept, digest + marshal.dumps(code))  # whole or not at all; nothing where it may not be written
        return code


class _Finder(MetaPathFinder):
    def __init__(self, package: str):
        self.package = package

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        """That of the package's modules, with the loader above."""
        if fullname.partition(".")[0] != self.package:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


def check_annotations(package: str) -> None:
    """Install the hook; modules that were imported before go unchecked, so there must be none."""
    loaded = [name for name in sys.modules if name.startswith(f"{package}.")]
    assert not loaded, f"imported before the annotation checks: {', '.join(loaded)}"
    sys.meta_path.insert(0, _Finder(package))
