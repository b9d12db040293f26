"""A service with models that cost nothing, and ways to send it pictures."""

import contextlib
import io
import re
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from starlette.testclient import TestClient

from nasjax.apply.photo import repaint
from nasjax.service import EditOptions, Model, Settings, make_app
from nasjax.service.openapi import document
from tests.commands.cases import SCENE


def _negative(picture, options: EditOptions):
    return repaint(picture, (1 - 2 * np.float32(options.strength)) * picture.rgb)


def _twice(picture, options: EditOptions):
    return picture._replace(pixels=picture.pixels.repeat(2, 0).repeat(2, 1))


def _average(picture, options: EditOptions):
    return repaint(picture, (picture.rgb + options.style.rgb) / 2)


MODELS = {
    name: Model(name, kind, scale, {}, change)
    for name, kind, scale, change in (
        ("negative", "filter", 1, _negative),
        ("twice", "enlarge", 2, _twice),
        ("average", "style", 1, _average),
    )
}


def encoded(pixels: np.ndarray = SCENE, kind: str = "PNG") -> bytes:
    """Pixels as the bytes of a file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def decoded(content: bytes) -> np.ndarray:
    """The pixels of a file's bytes."""
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


class Service(NamedTuple):
    """A running service, called within the process."""

    client: TestClient

    def edit(self, picture: bytes, model: str = "negative", *, name: str = "a.png", style: bytes | None = None, **data):
        """POST /v1/edit."""
        files = {"picture": (name, picture)} | ({"style": ("s.png", style)} if style is not None else {})
        return self.client.post("/v1/edit", files=files, data={"model": model, **data})

    def add(self, *pictures: tuple[str, bytes], model: str = "negative", **data):
        """POST /v1/jobs."""
        files = [("picture", each) for each in pictures]
        return self.client.post("/v1/jobs", files=files, data={"model": model, **data})

    def ended(self, job: str) -> dict[str, Any]:
        """The job, once it has ended."""
        return self.until(job, lambda found: found["state"] == "ended")

    def until(self, job: str, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The job, once something is so."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            found = self.client.get(f"/v1/jobs/{job}").json()
            if is_so(found):
                return found
            time.sleep(0.01)
        raise AssertionError(found)


@contextlib.contextmanager
def running(data, models=MODELS, **settings) -> Iterator[Service]:
    """A service on a data folder; whatever it answers, its OpenAPI document has to have announced."""
    app = make_app(Settings(data, **settings), models)
    with TestClient(app, base_url="http://localhost") as client:
        client.event_hooks = {"response": [_announced]}
        yield Service(client)


_PATHS = {re.compile(re.sub(r"{\w+}", "[^/]+", path)): methods for path, methods in document()["paths"].items()}


def _announced(answer) -> None:
    asked = answer.request
    for path, methods in _PATHS.items():
        if path.fullmatch(asked.url.path) and asked.method.lower() in methods:
            said = methods[asked.method.lower()]["responses"]
            assert str(answer.status_code) in said, (
                f"{asked.method} {asked.url.path}: {answer.status_code} of {[*said]}"
            )
