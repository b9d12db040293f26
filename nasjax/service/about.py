"""Routes that say what the service is and how it is, and the page for people."""

import base64
import hashlib
from functools import cache
from pathlib import Path

import psutil
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from nasjax.service.context import service_of
from nasjax.service.openapi import document

_PAGE = Path(__file__).parent / "page"


async def list_models(request: Request) -> Response:
    """GET /v1/models: what there is to choose from."""
    models = [
        {
            "name": model.name,
            "kind": model.kind,
            "title": model.card.get("task", model.kind),
            "scale": model.scale,
            "style": model.takes_style,
            "strength": model.takes_strength,
        }
        for model in service_of(request).models.values()
    ]
    settings = service_of(request).settings
    limits = {name: getattr(settings, name) for name in ("max_bytes", "max_pixels", "queue", "timeout", "expire")}
    return JSONResponse({"models": models, "limits": limits})


async def live(request: Request) -> Response:
    """GET /livez: 200 while pictures are edited, or would be; 503 asks for a restart."""
    alive = service_of(request).worker.alive
    return PlainTextResponse("ok\n" if alive else "the worker has ended\n", 200 if alive else 503)


async def ready(request: Request) -> Response:
    """GET /readyz: 200 while requests are taken; 503 says why they are not."""
    worker = service_of(request).worker
    wrong = worker.trouble or ("" if worker.alive else "stopping")
    return PlainTextResponse(f"{wrong or 'ok'}\n", 503 if wrong else 200)


async def show_metrics(request: Request) -> Response:
    """GET /metrics, for Prometheus."""
    service = service_of(request)
    gauges = {
        "nasjax_waiting": lambda: service.worker.waiting,
        "nasjax_stored_bytes": service.store.stored,
        "nasjax_resident_bytes": lambda: psutil.Process().memory_info().rss,
    }
    text = await run_in_threadpool(service.metrics.text, gauges)
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


async def show_openapi(request: Request) -> Response:
    """GET /openapi.json: this interface, for programs."""
    return JSONResponse(document())


async def show_page(request: Request) -> Response:
    """GET /: the page for people; it loads nothing and calls nobody but this service."""
    html, policy = _page()
    return HTMLResponse(html, headers={"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"})


@cache
def _page() -> tuple[str, str]:
    """The page in one piece, and what its browser is to hold it to."""
    html, style, script = ((_PAGE / name).read_text(encoding="utf-8") for name in ("page.html", "page.css", "page.js"))
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    policy = (
        f"default-src 'none'; style-src 'sha256-{digests[0]}'; script-src 'sha256-{digests[1]}'; "
        "img-src blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return html.replace("/*style*/", style).replace("/*script*/", script), policy
