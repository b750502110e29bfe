"""Who may speak to the server: clients that show its token, or, without one, clients of the server's own names.

A page from elsewhere in the reader's browser may not: a name that was rebound to this address (``Host``) and requests
that change something from another origin (``Origin``) are refused, and the cookie is not sent along with them.
"""

from __future__ import annotations

import hmac
import json
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ValidationError
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Receive, Scope, Send

from edgefrac.serve.problems import RefusedError, documented, problem
from edgefrac.serve.settings import Settings

COOKIE = "edgefrac"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OPEN_PATHS = frozenset({"/", "/health", "/ready", "/login", "/logout"})
_OPEN_FOLDER = "/static/"
_LARGEST_LOGIN = 4096  # bytes
_COOKIE_SECONDS = 12 * 3600


class Access:
    """ASGI middleware: 401 without the token, 403 for what a page from elsewhere might have sent."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            refusal = self._foreign(scope["method"], headers) or self._stranger(scope["path"], headers)
            if refusal:
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _foreign(self, method: str, headers: Headers) -> Response | None:
        host = headers.get("host", "")
        if self._settings.token is None and host and _name(host) not in self._settings.host_names:
            return problem(403, "the server is not known by that name", "name it by --allow-host when it starts")
        if method in _SAFE_METHODS:
            return None
        origin = headers.get("origin")
        if headers.get("sec-fetch-site") == "cross-site" or (origin is not None and _netloc(origin) != host.lower()):
            return problem(403, "requests from pages of other sites are refused")
        return None

    def _stranger(self, path: str, headers: Headers) -> Response | None:
        token = self._settings.token
        if token is None or path in _OPEN_PATHS or path.startswith(_OPEN_FOLDER):
            return None
        scheme, _, shown = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and _same(shown.strip(), token):
            return None
        if _same(cookie_parser(headers.get("cookie", "")).get(COOKIE, ""), _session(token)):
            return None
        return problem(401, "access needs the server's token", _HINT, {"WWW-Authenticate": "Bearer"})


class Login(BaseModel):
    """What the page sends."""

    token: str


def routes(settings: Settings) -> APIRouter:
    """``/login`` and ``/logout``, for the page."""
    router = APIRouter(tags=["access"])

    @router.post(
        "/login",
        status_code=204,
        summary="Show the token once, and get a cookie for it",
        openapi_extra={"requestBody": _LOGIN_BODY},
        responses=documented(408),
    )
    async def login(request: Request) -> Response:
        shown = await _login(request)
        if settings.token is not None and not _same(shown.token, settings.token):
            raise RefusedError(401, "not the server's token", _HINT, {"WWW-Authenticate": "Bearer"})
        response = Response(status_code=204)
        if settings.token is not None:
            session = _session(settings.token)
            response.set_cookie(COOKIE, session, max_age=_COOKIE_SECONDS, httponly=True, samesite="strict")
        return response

    @router.post("/logout", status_code=204, summary="Give the cookie back")
    async def logout() -> Response:
        response = Response(status_code=204)
        response.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return response

    return router


_HINT = "the server printed it when it started: send it as 'Authorization: Bearer TOKEN'"
_LOGIN_BODY: dict[str, Any] = {
    "required": True,
    "content": {"application/json": {"schema": Login.model_json_schema()}},
}


async def _login(request: Request) -> Login:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST_LOGIN:
            raise RefusedError(413, "larger than a login is")
    try:
        return Login.model_validate(json.loads(body))
    except (ValueError, ValidationError, RecursionError):
        raise RefusedError(422, 'expected JSON: {"token": "..."}') from None


def _session(token: str) -> str:
    """What the cookie holds; the token itself stays out of the browser."""
    return hmac.digest(token.encode(), b"session", sha256).hex()


def _same(shown: str, wanted: str) -> bool:
    return hmac.compare_digest(shown.encode(), wanted.encode())


def _name(host: str) -> str:
    """'[::1]:8000' -> '::1', 'LocalHost.:8000' -> 'localhost'."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
