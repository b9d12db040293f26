"""A page read strictly, and what is packed in it."""

import base64
import gzip
import json
import re
from html.parser import HTMLParser
from typing import Any

VOID = {"meta", "img", "input", "br", "wbr"}


class Outline(HTMLParser):
    """Reads a page strictly: unbalanced tags are errors; collects tags, attributes and text."""

    def __init__(self, page: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []
        self.text = self.text.replace("\xa0", " ")

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.text += data if self._open and self._open[-1] not in {"script", "style"} else ""

    def named(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of all elements of that name."""
        return [attributes for name, attributes in self.tags if name == tag]

    def ids(self) -> list[str]:
        """All ids in order."""
        return [attributes["id"] or "" for _, attributes in self.tags if "id" in attributes]


def unpacked(page: str, name: str) -> str:
    """What a packed script element holds."""
    return gzip.decompress(base64.b64decode(re.findall(rf'id="{name}">([^<]*)<', page)[0])).decode()


def charts(page: str) -> dict[str, Any]:
    """The specifications of the charts of a page."""
    return json.loads(unpacked(page, "charts"))["charts"]
