"""The code blocks of a documentation page, and what its commands may be."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block: its text, the line of the page it starts at, and the output that the page shows below it."""

    text: str
    line: int
    output: str | None = None


def pages() -> list[Path]:
    """The README and every page under docs/ but the reference, which has no code of its own."""
    found = sorted((ROOT / "docs").rglob("*.md"))
    return [ROOT / "README.md", *(p for p in found if p.relative_to(ROOT / "docs").parts[0] != "reference")]


def blocks(page: Path, language: str) -> list[Block]:
    """The blocks of one language; a ```text block right behind a ```python block is what that prints."""
    source = page.read_text(encoding="utf-8")
    found = list(_FENCE.finditer(source))
    return [
        Block(match[2], source.count("\n", 0, match.start()) + 2, _output(source, match, after))
        for match, after in zip(found, [*found, None][1:], strict=True)
        if match[1] == language
    ]


def _output(source: str, match: re.Match, after: re.Match | None) -> str | None:
    if after is None or after[1] != "text" or source[match.end() : after.start()].strip():
        return None
    return after[2]


def commands(page: Path, program: str) -> list[str]:
    """The commands of a page's shell blocks that start with `program`, continued lines joined, comments left out."""
    lines = "\n".join(b.text for b in blocks(page, "bash")).replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip().startswith(program)]
