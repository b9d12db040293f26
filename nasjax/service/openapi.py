"""The interface of the service as an OpenAPI 3.1 document."""

from collections.abc import Mapping
from typing import Any

import nasjax

_TEXT = {"type": "string"}
_NUMBER = {"type": "number"}
_COUNT = {"type": "integer", "minimum": 0}
_FILE = {"type": "string", "contentMediaType": "application/octet-stream"}
_REASONS = {
    "401": "The key is missing or wrong.",
    "403": "A page of another site calls; only without a key.",
    "404": "There is no such job or result, or it has expired.",
    "408": "The request arrived too slowly.",
    "409": "Not all pictures have ended.",
    "413": "Too many bytes, pixels or pictures.",
    "415": "The body is no form, or a file no picture that can be read.",
    "421": "Another name leads here; only without a key.",
    "422": "A field is missing or wrong, or a picture is damaged.",
    "429": "Too many pictures wait; Retry-After says when to come again.",
    "500": "The service failed; its log says why.",
    "503": "The service is stopping, or its table of jobs cannot be used now.",
    "504": "The picture was not edited in time.",
    "507": "There is no room for more jobs, or the disk is full.",
}
_STATES = ["waiting", "running", "done", "failed"]


def document() -> dict[str, Any]:
    """The whole document, as plain data."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "nasjax serve", "version": nasjax.__version__, "description": "Pictures edited by networks."},
        "security": [{"key": []}, {}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Error": _object({"detail": _TEXT}), "Job": _job(), "Models": _models()},
        },
    }


def _paths() -> dict[str, Any]:
    image = {"image/*": {"schema": _FILE}}
    job, number = _parameter("job", _TEXT), _parameter("number", _COUNT)
    refused = ("408", "413", "415", "422", "429", "503", "507")
    return {
        "/v1/models": {"get": _does("The models and the limits.", _json("Models"))},
        "/v1/edit": {"post": _does("Edit one picture.", image, *refused, "504", body=_form(many=False))},
        "/v1/jobs": {"post": _does("Edit many.", _json("Job"), *refused, body=_form(many=True), status="202")},
        "/v1/jobs/{job}": {
            "get": _does("What became of each picture.", _json("Job"), "404", "503", parameters=[job]),
            "delete": _does("Stop and forget a job.", {}, "404", "503", "507", parameters=[job], status="204"),
        },
        "/v1/jobs/{job}/result": {
            "get": _does("All results.", {"application/zip": {"schema": _FILE}}, "404", "409", "503", parameters=[job])
        },
        "/v1/jobs/{job}/pictures/{number}": {
            "get": _does("One result.", image, "404", "409", "422", "503", parameters=[job, number])
        },
        "/metrics": {"get": _does("Counts and times, for Prometheus.", _plain(), "503")},
        "/livez": {"get": _does("Whether it works at all.", _plain(), "503", open_to_all=True)},
        "/readyz": {"get": _does("Whether it takes requests.", _plain(), "503", open_to_all=True)},
        "/openapi.json": {"get": _does("This document.", {"application/json": {}}, open_to_all=True)},
        "/": {"get": _does("The page for people.", {"text/html": {}}, open_to_all=True)},
    }


def _does(
    summary: str,
    content: Mapping[str, Any],
    *refused: str,
    body: Mapping[str, Any] | None = None,
    parameters: list[Any] | None = None,
    status: str = "200",
    open_to_all: bool = False,
) -> dict[str, Any]:
    """One operation; `refused` are the statuses that say no, beside those that any answer may have."""
    error = _json("Error")
    said = ("403", "421", *refused) if open_to_all else ("401", "403", "421", "500", *refused)
    responses: dict[str, Any] = {status: {"description": summary} | ({"content": content} if content else {})}
    responses |= {
        # What /livez and /readyz say themselves is a word; what is said before them is not theirs.
        code: {"description": _REASONS[code], "content": _plain() if open_to_all and code == "503" else error}
        for code in sorted(said)
    }
    found: dict[str, Any] = {"summary": summary, "responses": responses}
    found |= {"requestBody": body} if body else {}
    found |= {"parameters": parameters} if parameters else {}
    return found | ({"security": []} if open_to_all else {})


def _form(*, many: bool) -> dict[str, Any]:
    fields = {
        "picture": {"type": "array", "items": _FILE, "minItems": 1} if many else _FILE,
        "model": _TEXT,
        "strength": {"type": "number", "minimum": 0, "maximum": 1, "default": 1},
        "style": _FILE,
        "wrap": {"type": "boolean", "default": False},
        "format": {"enum": ["png", "jpg", "jpeg", "webp"]},
    }
    schema = _object(fields, required=["picture", "model"])
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}


def _job() -> dict[str, Any]:
    picture = {"number": _COUNT, "name": _TEXT, "state": {"enum": _STATES}, "error": _TEXT}
    picture |= {"notes": {"type": "array", "items": _TEXT}, "seconds": {"type": ["number", "null"]}}
    fields = {"id": _TEXT, "model": _TEXT, "strength": _NUMBER, "wrap": {"type": "boolean"}}
    fields |= {"state": {"enum": ["waiting", "running", "ended"]}}
    fields |= {"created": _NUMBER, "expires": {"type": ["number", "null"]}}
    fields |= {"counts": _object(dict.fromkeys(_STATES, _COUNT))}
    return _object(fields | {"pictures": {"type": "array", "items": _object(picture)}})


def _models() -> dict[str, Any]:
    flag = {"type": "boolean"}
    model = {"name": _TEXT, "kind": _TEXT, "title": _TEXT, "scale": _COUNT, "style": flag, "strength": flag}
    limits = {name: _NUMBER for name in ("max_bytes", "max_pixels", "queue", "timeout", "expire")}
    return _object({"models": {"type": "array", "items": _object(model)}, "limits": _object(limits)})


def _object(fields: Mapping[str, Any], required: list[str] | None = None) -> dict[str, Any]:
    return {"type": "object", "properties": dict(fields), "required": required or [*fields]}


def _parameter(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


def _plain() -> dict[str, Any]:
    return {"text/plain": {"schema": _TEXT}}
