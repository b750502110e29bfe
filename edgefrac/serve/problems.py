"""Failures as answers of the REST interface: JSON with ``error`` and ``hint``, no traceback, nothing of an image."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from edgefrac.errors import BusyError, EdgeFracError, ImageError, OutputError, UsageError
from edgefrac.serve.documents import Problem
from edgefrac.shortage import is_memory

log = logging.getLogger("edgefrac.serve")

RETRY_SECONDS = 2

_MEANINGS = {
    400: "The request is malformed.",
    401: "The access token is missing or wrong.",
    403: "The request comes from a page of another site.",
    404: "There is no such thing here.",
    405: "The resource has no such method.",
    406: "None of the types that the client accepts can be given.",
    408: "The request came too slowly.",
    409: "The image is not in a state for this.",
    413: "The body is larger than this server takes.",
    415: "The body is of a type or encoding that this server does not take.",
    422: "The image cannot be read, or a parameter is not what it should be.",
    429: "Too many requests from this client; Retry-After says when to come again.",
    503: "Too much waits already, or memory is short; Retry-After says when to come again.",
    507: "The server's disk is full.",
}


class RefusedError(Exception):
    """A request that is answered by a problem of that status."""

    def __init__(self, status: int, error: str, hint: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(error)
        self.status, self.error, self.hint, self.headers = status, error, hint, dict(headers or {})


def problem(status: int, error: str, hint: str = "", headers: Mapping[str, str] | None = None) -> Response:
    """The answer to a request that fails."""
    return JSONResponse(Problem(error=error, hint=hint).model_dump(), status, dict(headers or {}))


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For OpenAPI: the failures that a route may answer with, besides those that all have."""
    return {status: {"model": Problem, "description": _MEANINGS[status]} for status in statuses}


EVERYWHERE = documented(400, 401, 403, 413, 415, 422, 429, 503)
"""What the middlewares may answer to any request, and 422."""


def install(app: FastAPI) -> None:
    """Have every failure of a route leave the app as a problem."""

    @app.exception_handler(RefusedError)
    async def refused(_: Request, error: RefusedError) -> Response:
        return problem(error.status, error.error, error.hint, error.headers)

    @app.exception_handler(EdgeFracError)
    async def known(_: Request, error: EdgeFracError) -> Response:
        return of_error(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        # neither the value nor its name where the client chose it
        found = error.errors()[0]
        where = found["loc"][1] if len(found["loc"]) > 1 and found["loc"][0] in ("query", "path") else "body"
        return problem(422, f"{where}: {found['msg']}")

    @app.exception_handler(HTTPException)
    async def plain(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if error.status_code == 405 and (methods := _methods(request)):
            headers["Allow"] = methods
        return problem(error.status_code, _MEANINGS.get(error.status_code, "not possible"), "", headers)

    @app.exception_handler(ClientDisconnect)
    async def gone(_: Request, error: Exception) -> Response:
        return problem(400, "the client went away")  # to nobody; the log gets one line like any other

    @app.exception_handler(MemoryError)
    @app.exception_handler(RuntimeError)  # as which a thread that cannot be started is told
    async def short(_: Request, error: Exception) -> Response:
        if not is_memory(error):
            raise error
        log.error("memory is short")
        return problem(503, "the server is short of memory", "send it again later", {"Retry-After": str(RETRY_SECONDS)})

    @app.exception_handler(Exception)
    async def unexpected(_: Request, error: Exception) -> Response:
        return problem(500, "internal error", "the server's log says more")


def _methods(request: Request) -> str:
    """All methods of a resource; the framework names those of one of its routes."""
    template = getattr(request.scope.get("route"), "path", "")
    return ", ".join(sorted(name.upper() for name in request.app.openapi()["paths"].get(template, ())))


def of_error(error: EdgeFracError) -> Response:
    """What an error of EdgeFrac means to a client."""
    if isinstance(error, BusyError):
        return problem(503, error.message, error.hint, {"Retry-After": str(RETRY_SECONDS)})
    if isinstance(error, OutputError):
        # its message names a folder of the server
        log.error("%s", error.message)
        return problem(507, "the server's disk is full or cannot be written", "free some room, then send it again")
    if isinstance(error, ImageError | UsageError):
        return problem(422, error.message, error.hint)
    log.error("%s", error.message)
    return problem(503, "the server cannot do this now", "", {"Retry-After": str(RETRY_SECONDS)})
