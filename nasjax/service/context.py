"""What the routes of a service share, and the folders of uploads that are on their way."""

import asyncio
import contextlib
import secrets
import shutil
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request

from nasjax.service.metrics import Metrics
from nasjax.service.models import Model, check
from nasjax.service.names import safe_stem, safe_suffix
from nasjax.service.settings import Settings
from nasjax.service.store import Store
from nasjax.service.uploads import FILES, Form, Upload, UploadLimits, receive
from nasjax.service.work import look, suffix_of_result
from nasjax.service.worker import Worker

_UPLOADS = 32  # requests that may arrive at a time; each may fill the disk up to its limit
_FIELDS = ("model", "strength", "format", "wrap")
_FLAGS = {"": False, "false": False, "0": False, "true": True, "1": True}


class Service(NamedTuple):
    """All that a running service is made of."""

    settings: Settings
    models: Mapping[str, Model]
    store: Store
    worker: Worker
    metrics: Metrics
    uploads: asyncio.Semaphore


class Wanted(NamedTuple):
    """A form that makes sense: the model, the strength, pictures, a style where the model takes one, and `wrap`."""

    model: Model
    strength: float
    pictures: list["Picture"]
    style: Upload | None
    wrap: bool


class Picture(NamedTuple):
    """An upload, the name of its result, and why there will be none, if so."""

    upload: Upload
    name: str
    error: str = ""


def service_of(request: Request) -> Service:
    """The service that a request came to."""
    return request.app.state.service


def incoming(data: Path) -> Path:
    """The folder of uploads that are not accepted yet; nothing in it outlives the process."""
    return data / "incoming"


def uploads() -> asyncio.Semaphore:
    """How many requests may arrive at a time."""
    return asyncio.Semaphore(_UPLOADS)


@contextlib.asynccontextmanager
async def upload_folder(service: Service) -> AsyncIterator[Path]:
    """A new folder for one request's files; removed afterwards, unless it was moved away."""
    folder = incoming(service.settings.data) / secrets.token_hex(8)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def wanted(request: Request, folder: Path, *, most: int) -> Wanted:
    """Read and check a form with at most so many pictures; one that is wrong says so and stops no other.

    Raises HTTPException 429 where too many requests arrive at this moment; as `uploads.receive`; as `work.look` and
    `work.suffix_of_result` where all pictures, or the style, are wrong; and 422 where fields are missing, unknown, or
    do not go with the model.
    """
    service = service_of(request)
    settings = service.settings
    total = min((most + 1) * settings.max_bytes + (1 << 20), settings.max_stored)
    limits = UploadLimits(settings.max_bytes, total, most + 1, settings.upload_timeout, settings.idle_timeout)
    if service.uploads.locked():
        raise HTTPException(429, "too many requests arrive at this moment", {"Retry-After": "1"})
    async with service.uploads:
        form = await receive(request, folder, limits)
    return await asyncio.to_thread(_checked, service, form, most)


def _checked(service: Service, form: Form, most: int) -> Wanted:
    unknown = [*(set(form.fields) - set(_FIELDS)), *({f.field for f in form.files} - {*FILES})]
    if unknown:
        raise HTTPException(422, f"unknown field {unknown[0][:40]!r}; fields are {', '.join((*FILES, *_FIELDS))}")
    pictures, styles = ([f for f in form.files if f.field == field] for field in FILES)
    if not 1 <= len(pictures) <= most or len(styles) > 1:
        raise HTTPException(422, f"send 1 to {most} files 'picture', got {len(pictures)}; and one 'style' at most")
    model = service.models.get(name := form.fields.get("model", ""))
    if model is None:
        raise HTTPException(422, f"'model' must be one of {', '.join(service.models)}, got {name[:64]!r}")
    strength = _strength(model, form.fields.get("strength", ""), bool(styles))
    wrap = _FLAGS.get(form.fields.get("wrap", "").lower())
    if wrap is None:
        raise HTTPException(422, f"'wrap' must be true or false, got {form.fields['wrap'][:20]!r}")
    for style in styles:
        look(style.path, style.name, service.settings.max_pixels)
    looked = [_looked(service, model, upload, form.fields.get("format", "")) for upload in pictures]
    wrong = [each for each in looked if isinstance(each, HTTPException)]
    if len(wrong) == len(looked):
        raise wrong[0]
    named = [
        each if isinstance(each, Picture) else Picture(upload, _shown(upload), each.detail)
        for upload, each in zip(pictures, looked, strict=True)
    ]
    return Wanted(model, strength, named, styles[0] if styles else None, wrap)


def _strength(model: Model, text: str, style: bool) -> float:
    try:
        strength = float(text or 1)
    except ValueError as error:
        raise HTTPException(422, f"'strength' must be a number of 0 to 1, got {text[:20]!r}") from error
    try:
        check(model, strength, style=style)
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
    return strength


def _looked(service: Service, model: Model, upload: Upload, wanted: str) -> Picture | HTTPException:
    """The picture with the name of its result, or what is wrong with it."""
    most = service.settings.max_pixels
    try:
        header = look(upload.path, upload.name, most)
        suffix = suffix_of_result(header, model, wanted=wanted, name=upload.name, max_pixels=most)
    except HTTPException as error:
        return error
    return Picture(upload, _shown(upload, suffix))


def _shown(upload: Upload, suffix: str | None = None) -> str:
    """The name of an upload, made harmless, with its own suffix or another."""
    stem = safe_stem(upload.name, int(upload.path.name[:5]))
    return stem + (safe_suffix(upload.name) if suffix is None else suffix)
