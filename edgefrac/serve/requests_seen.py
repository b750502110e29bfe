"""What every request leaves: a line in the log, a count, and headers that keep a browser from doing more than shown.

A line names the method, the route's template and the status: no query, no name that a client chose.
"""

from __future__ import annotations

import logging
import time
import traceback

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edgefrac.serve.headers import HEADERS
from edgefrac.serve.metrics import Metrics
from edgefrac.serve.problems import problem

log = logging.getLogger("edgefrac.serve")

_QUIET = frozenset({"/health", "/ready", "/metrics"})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})


class RequestsSeen:
    """ASGI middleware, the outermost: no failure gets past it, and none shows more than that there was one."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        started = time.perf_counter()
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:
            # the message may be of the image's making
            where = "".join(traceback.format_tb(error.__traceback__))
            log.error("internal error: %s\n%s", type(error).__name__, where)
            if not status:
                await problem(500, "internal error", "the server's log says where")(scope, receive, sending)
        finally:
            self._note(scope, status, (time.perf_counter() - started) * 1000)

    def _note(self, scope: Scope, status: int, milliseconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = getattr(scope.get("route"), "path", "other")
        self._metrics.requests.labels(method, route, str(status)).inc()
        quiet = route in _QUIET or status == 304
        log.log(logging.DEBUG if quiet else logging.INFO, "%s %s %d %.1f ms", method, route, status, milliseconds)
