"""The Python blocks of a documentation page, run as its reader would."""

import contextlib
import doctest
import io
from pathlib import Path

import pytest

from tests.docs.blocks import blocks


def run_blocks(page: Path, name: str) -> None:
    """A page's Python blocks run in order in one namespace, in the current folder, and print what the page shows."""
    namespace = {"__name__": "__main__"}
    for block in blocks(page, "python"):
        # Line numbers of the page, so that a traceback points into it.
        code = compile("\n" * (block.line - 1) + block.text, name, "exec")
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(code, namespace)
        if block.output is not None:
            _check_same(printed.getvalue(), block.output, f"{name}:{block.line}")


def _check_same(printed: str, shown: str, where: str) -> None:
    if not doctest.OutputChecker().check_output(shown, printed, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE):
        pytest.fail(f"{where} shows\n{shown}\nbut prints\n{printed}", pytrace=False)
