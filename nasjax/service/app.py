"""The service as an ASGI application."""

import asyncio
import contextlib
import functools
import logging
import sqlite3
from collections.abc import AsyncIterator, Mapping

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from nasjax.service import about, editing
from nasjax.service.context import Service, incoming, uploads
from nasjax.service.disk import FULL, is_full
from nasjax.service.guard import Guard
from nasjax.service.metrics import Metrics
from nasjax.service.models import Model
from nasjax.service.settings import Settings
from nasjax.service.store import Store
from nasjax.service.work import do
from nasjax.service.worker import Limits, Worker

_LOG = logging.getLogger("nasjax.service")
ROUTES = (
    Route("/", about.show_page),
    Route("/v1/models", about.list_models),
    Route("/v1/edit", editing.edit_one, methods=["POST"]),
    Route("/v1/jobs", editing.add_job, methods=["POST"]),
    Route("/v1/jobs/{job}", editing.show_job),
    Route("/v1/jobs/{job}", editing.delete_job, methods=["DELETE"]),
    Route("/v1/jobs/{job}/result", editing.result_of_job),
    Route("/v1/jobs/{job}/pictures/{number:int}", editing.result_of_picture),
    Route("/livez", about.live),
    Route("/readyz", about.ready),
    Route("/metrics", about.show_metrics),
    Route("/openapi.json", about.show_openapi),
)


def make_app(settings: Settings, models: Mapping[str, Model]) -> Starlette:
    """The application, which has the data folder for itself until its end, and goes on with the jobs in it.

    Raises ValueError where another service has the folder.
    """
    store, metrics = Store(settings.data), Metrics()
    limits = Limits(settings.queue, settings.expire, settings.max_stored)
    worker = Worker(store, functools.partial(do, models, settings.max_pixels), limits, metrics)
    service = Service(settings, models, store, worker, metrics, uploads())
    guard = Middleware(Guard, settings=settings, metrics=metrics)
    return Starlette(
        routes=list(ROUTES),
        middleware=[guard],
        exception_handlers={
            HTTPException: _refused,
            OSError: _not_kept,
            sqlite3.OperationalError: _not_kept,
            Exception: _failed,
        },
        lifespan=lambda app: _running(app, service),
    )


@contextlib.asynccontextmanager
async def _running(app: Starlette, service: Service) -> AsyncIterator[None]:
    editing.remove_incoming(incoming(service.settings.data))
    app.state.service = service
    service.worker.start()
    try:
        yield
    finally:
        await asyncio.to_thread(service.worker.stop)
        service.store.close()


async def _refused(request: Request, error: Exception) -> Response:
    """What was wrong, in JSON."""
    assert isinstance(error, HTTPException)
    return JSONResponse({"detail": error.detail}, error.status_code, error.headers)


async def _not_kept(request: Request, error: Exception) -> Response:
    """What cannot be written at this moment is the caller's to send again; another error of files is a failure."""
    if is_full(error):
        return JSONResponse({"detail": FULL}, 507, {"Retry-After": "600"})
    if isinstance(error, sqlite3.Error):
        _LOG.error("the table of jobs cannot be used", exc_info=error)
        return JSONResponse({"detail": "the table of jobs cannot be used now"}, 503, {"Retry-After": "10"})
    raise error


async def _failed(request: Request, error: Exception) -> Response:
    """What went wrong is in the log, and nobody else's business."""
    return JSONResponse({"detail": "the service failed; its log says why"}, 500)
