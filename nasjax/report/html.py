"""Markup that is escaped by construction: whatever is not `Html` already is text, and text is escaped."""

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, final

_VOID = frozenset({"br", "img", "input", "meta", "wbr", "col"})


@final
class Html(str):
    """A string that is markup already and must not be escaped again."""

    __slots__ = ()


class Column(NamedTuple):
    """Head of a table column; `numeric` columns are aligned to the right."""

    label: object
    numeric: bool = False


def escape(value: object) -> Html:
    """Return `value` as markup: `Html` unchanged, anything else as escaped text."""
    if isinstance(value, Html):
        return value
    written = str(value)
    if not written.isascii():
        # Surrogates come from files with broken bytes; they could not be written as UTF-8.
        written = written.encode("utf-8", "replace").decode("utf-8")
    return Html(html.escape(written, quote=True))


def join(parts: Iterable[object], separator: str = "") -> Html:
    """Concatenate parts, each escaped unless it is `Html`; empty parts leave no separator behind."""
    return Html(escape(separator).join(text for text in map(escape, parts) if text))


def tag(name: str, attributes: Mapping[str, object] | None = None, *children: object) -> Html:
    """Return `<name attributes>children</name>`; attributes that are None or False are left out, True has no value."""
    written = "".join(_attribute(key, value) for key, value in (attributes or {}).items())
    if name in _VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{join(children)}</{name}>")


def table(name: str, columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> Html:
    """Return a table of class `name`, its first column as row heads, in a box that scrolls sideways."""
    head = [tag("th", {"scope": "col", "class": "num" if c.numeric else None}, c.label) for c in columns]
    body = [tag("tr", None, *map(_cell, row, columns, range(len(columns)))) for row in rows]
    inner = [tag("thead", None, tag("tr", None, *head)), tag("tbody", None, *body)]
    return scroller(tag("table", {"class": name}, *inner), f"table of {name}")


def scroller(content: Html, label: str) -> Html:
    """Wrap wide content in a box that scrolls sideways and can be reached by keyboard."""
    return tag(
        "div",
        {"class": "scroll", "tabindex": "0", "role": "region", "aria-label": f"{label}, scrolls sideways"},
        content,
    )


def note(*content: object) -> Html:
    """Return a muted paragraph."""
    return tag("p", {"class": "note"}, *content)


def _attribute(key: str, value: object) -> str:
    if value is None or value is False:
        return ""
    return f" {key}" if value is True else f' {key}="{escape(str(value))}"'


def _cell(cell: object, column: Column, index: int) -> Html:
    if index == 0:
        return tag("th", {"scope": "row"}, cell)
    return tag("td", {"class": "num" if column.numeric else None}, cell)
