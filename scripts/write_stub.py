"""Write `nasjax/__init__.pyi`: what type checkers and editors read in place of the lazy public names.

    python scripts/write_stub.py

`nasjax.PUBLIC` is where names are added; a test compares.
"""

from pathlib import Path

import nasjax

STUB = Path(__file__).parents[1] / "nasjax" / "__init__.pyi"


def stub() -> str:
    """The stub's text."""
    lines = [f"from {module} import {name} as {name}" for name, module in sorted(nasjax.PUBLIC.items(), key=_place)]
    head = '"""Written by scripts/write_stub.py from nasjax.PUBLIC."""'
    return "\n".join([head, "", *lines, "", "__version__: str", "PUBLIC: dict[str, str]", ""])


def _place(item: tuple[str, str]) -> tuple[str, str]:
    name, module = item
    return module, name


if __name__ == "__main__":
    STUB.write_text(stub(), encoding="utf-8")
    print(STUB)
