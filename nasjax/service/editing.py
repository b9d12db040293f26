"""Routes that take pictures: one at once, or many as a job."""

import asyncio
import json
import secrets
import shutil
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse

from nasjax.service.context import Service, Wanted, service_of, upload_folder, wanted
from nasjax.service.disk import sync
from nasjax.service.names import archived, distinct
from nasjax.service.store import NewJob, NewPicture
from nasjax.service.work import Done, Work

_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}
_CHUNK = 1 << 16  # small enough for slow readers to take within the time that none may take nothing
_GONE = "its result is not on the disk of the service any more"


async def edit_one(request: Request) -> Response:
    """POST /v1/edit: one picture in, its result out."""
    service = service_of(request)
    service.worker.check_room()
    async with upload_folder(service) as folder:
        form = await wanted(request, folder, most=1)
        (upload, name, _), style = form.pictures[0], form.style
        target = folder / f"result{Path(name).suffix}"
        style_file = None if style is None else style.path
        work = Work(form.model.name, upload.path, target, form.strength, style_file, form.wrap)
        done = await _in_time(request, service.worker.submit(work), service.settings.timeout)
        headers = _as_download(name) | {"Content-Length": str(target.stat().st_size)}
        if done.notes:
            headers["Nasjax-Notes"] = json.dumps(done.notes)
        # Opened before the folder goes: nothing is left behind, however the sending ends.
        return StreamingResponse(_sent(target.open("rb")), headers=headers, media_type=_TYPES[target.suffix])


async def _in_time(request: Request, future: Future[Done], seconds: float) -> Done:
    """What a future gives, unless the caller leaves or time is up; then its turn is given up."""
    result = asyncio.wrap_future(future)
    left = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({result, left}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if result.done():
            return result.result()
        raise HTTPException(499 if left.done() else 504, f"the picture was not edited within {seconds:g} s")
    finally:
        left.cancel()
        result.cancel()


async def _left(request: Request) -> None:
    """Returns when the caller has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _sent(file: Any) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK):
            yield chunk


async def add_job(request: Request) -> Response:
    """POST /v1/jobs: many pictures; 202 says that each will end, whatever happens to the service meanwhile."""
    service = service_of(request)
    service.worker.check_room()
    await run_in_threadpool(service.worker.check_space)
    async with upload_folder(service) as folder:
        form = await wanted(request, folder, most=service.settings.queue)
        job = secrets.token_urlsafe(16)
        await run_in_threadpool(_accept, service, job, form, folder)
    return JSONResponse(_shown(service, job), 202, {"Location": f"/v1/jobs/{job}"})


def _accept(service: Service, job: str, form: Wanted, folder: Path) -> None:
    service.worker.check_room(len(form.pictures))
    (folder / "out").mkdir()
    names = distinct(picture.name for picture in form.pictures)
    pictures = [
        NewPicture(name, each.upload.path.name, f"out/{each.upload.path.name[:5]}{Path(name).suffix}", each.error)
        for each, name in zip(form.pictures, names, strict=True)
    ]
    uploads = [each.upload for each in form.pictures] + ([form.style] if form.style else [])
    size = sum(upload.size for upload in uploads)
    style = form.style.path.name if form.style else ""
    new = NewJob(form.model.name, form.strength, style, pictures, size, form.wrap)
    sync(*filter(Path.is_file, folder.iterdir()), folder)
    service.worker.accept(job, new, folder)


async def show_job(request: Request) -> Response:
    """GET /v1/jobs/ID: the state of each picture."""
    return JSONResponse(await run_in_threadpool(_shown, service_of(request), request.path_params["job"]))


async def delete_job(request: Request) -> Response:
    """DELETE /v1/jobs/ID: no further work on it, and its files are gone."""
    if not await run_in_threadpool(service_of(request).worker.delete, request.path_params["job"]):
        raise HTTPException(404, "there is no such job; perhaps it has expired")
    return Response(status_code=204)


async def result_of_job(request: Request) -> Response:
    """GET /v1/jobs/ID/result: a ZIP archive of the results, with a list of what failed."""
    service, job = service_of(request), await run_in_threadpool(_found, request)
    open_ones = sum(picture["state"] in ("waiting", "running") for picture in job["pictures"])
    if open_ones:
        raise HTTPException(409, f"{open_ones} of {len(job['pictures'])} pictures have not ended", {"Retry-After": "1"})
    place = service.store.folder / job["id"]
    done = [(each["name"], place / each["output"]) for each in job["pictures"] if each["state"] == "done"]
    files: list[tuple[str, Path | bytes]] = [(name, path) for name, path in done if path.is_file()]
    failed = [f"{each['name']}: {each['error']}" for each in job["pictures"] if each["state"] == "failed"]
    failed += [f"{name}: {_GONE}" for name, path in done if not path.is_file()]
    if failed:
        files.append(("failed.txt", ("\n".join(failed) + "\n").encode()))
    return StreamingResponse(archived(files), headers=_as_download("pictures.zip"), media_type="application/zip")


async def result_of_picture(request: Request) -> Response:
    """GET /v1/jobs/ID/pictures/N: one result."""
    service, job = service_of(request), await run_in_threadpool(_found, request)
    number = request.path_params["number"]
    if number >= len(job["pictures"]):
        raise HTTPException(404, f"the job has {len(job['pictures'])} pictures, numbered from 0")
    picture = job["pictures"][number]
    if picture["state"] == "failed":
        raise HTTPException(422, picture["error"])
    if picture["state"] != "done":
        raise HTTPException(409, "the picture has not ended", {"Retry-After": "1"})
    path = service.store.folder / job["id"] / picture["output"]
    if not path.is_file():
        raise HTTPException(404, f"{picture['name']}: {_GONE}")
    return FileResponse(path, headers=_as_download(picture["name"]), media_type=_TYPES[path.suffix])


def _found(request: Request) -> dict[str, Any]:
    job = service_of(request).store.job(request.path_params["job"])
    if job is None:
        raise HTTPException(404, "there is no such job; perhaps it has expired")
    return job


def _shown(service: Service, name: str) -> dict[str, Any]:
    """A job as callers see it."""
    job = service.store.job(name)
    if job is None:
        raise HTTPException(404, "there is no such job; perhaps it has expired")
    states = [picture["state"] for picture in job["pictures"]]
    ended = job["ended"]
    begun = "running" if set(states) != {"waiting"} else "waiting"
    keys = ("number", "name", "state", "error", "notes", "seconds")
    return {
        "id": name,
        "model": job["model"],
        "strength": job["strength"],
        "wrap": bool(job["wrap"]),
        "state": begun if ended is None else "ended",
        "created": job["created"],
        "expires": None if ended is None else ended + service.settings.expire,
        "counts": {state: states.count(state) for state in ("waiting", "running", "done", "failed")},
        "pictures": [{key: picture[key] for key in keys} for picture in job["pictures"]],
    }


def _as_download(name: str) -> dict[str, str]:
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}", "Cache-Control": "no-store"}


def remove_incoming(folder: Path) -> None:
    """Remove uploads that a process before this one did not get to accept."""
    shutil.rmtree(folder, ignore_errors=True)
