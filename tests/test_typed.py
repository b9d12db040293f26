"""The check of array annotations: what it catches, and that it is on."""

import dataclasses
import importlib
import sys

import jax.numpy as jnp
import pytest
from jaxtyping import Array, Float

from nasjax.ops.resize import resize_bicubic
from tests.typed import check_annotations, checked

MODULE = """
import dataclasses
import functools
from collections.abc import Mapping
from jaxtyping import Array, Float

Row = Float[Array, "n"]

def whole(a: Row, b: Row) -> Row:
    return a * b

def result(a: Row) -> Row:
    return a[:-1]

def outer(a):
    def inner(a: Mapping[str, Row]):
        return a
    return inner(a)

@functools.cache
def plain(a: int) -> str:
    return a

class Kept:
    def method(self, a: "Kept", b: Row):
        return b

@dataclasses.dataclass
class Fields:
    a: Row
"""


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    """A module of a package that is checked."""
    folder = tmp_path_factory.mktemp("typed")
    (folder / "typed_example").mkdir()
    (folder / "typed_example" / "__init__.py").touch()
    (folder / "typed_example" / "functions.py").write_text(MODULE.replace('"n"', '" n"'))
    finders = [*sys.meta_path]
    sys.path.insert(0, str(folder))
    check_annotations("typed_example")
    yield importlib.import_module("typed_example.functions")
    sys.path.remove(str(folder))
    sys.meta_path[:] = finders


X, Y, WRONG = jnp.ones(3), jnp.ones(4), jnp.ones(3, int)


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda m: m.whole(X, Y), id="a letter has one meaning"),
        pytest.param(lambda m: m.whole(X, b=WRONG), id="dtype"),
        pytest.param(lambda m: m.result(X), id="result"),
        pytest.param(lambda m: m.outer({"a": WRONG}), id="nested function, nested annotation"),
        pytest.param(lambda m: m.Kept().method(m.Kept(), b=WRONG), id="method"),
        pytest.param(lambda m: m.Fields(WRONG), id="dataclass"),
    ],
)
def test_what_is_wrong_is_refused(module, call):
    """Whatever the kind of function that speaks of arrays."""
    with pytest.raises(TypeError, match="violates type hint"):
        call(module)


def test_what_is_right_passes_and_what_knows_no_arrays_is_left_alone(module):
    """Calls do not share the meaning of letters; pyright reads what has no arrays."""
    assert (module.whole(X, X) == X).all() and (module.whole(Y, Y) == Y).all()
    assert module.outer({"a": X}) == {"a": X} and module.plain(3) == 3
    assert module.Fields(X).a is X and dataclasses.is_dataclass(module.Fields)


def test_it_is_on():
    """Functions of the package refuse arrays of another rank than they say."""
    with pytest.raises(TypeError, match="violates type hint"):
        resize_bicubic(X, 2)


def test_an_array_in_quotes_is_refused():
    """It would go unchecked."""

    def quoted(a: "Float[Array, ' n']"):
        return a

    with pytest.raises(AssertionError, match="in quotes"):
        checked(quoted)
