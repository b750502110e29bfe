"""What one client may ask for: so many requests, bodies so large, sent so fast; and what all bodies may take together.

ASGI middlewares. A body is refused while it is received: it is never whole in memory, and never on the disk.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edgefrac.serve.problems import RETRY_SECONDS, RefusedError, problem
from edgefrac.serve.settings import Settings

_UNLIMITED = frozenset({"/health", "/ready"})
_MOST_CLIENTS = 10_000
_BURST_SECONDS = 2.0


class RequestRate:
    """A bucket of tokens for each client, by address, of IPv6 by network: 429 with ``Retry-After`` once it is empty."""

    def __init__(self, app: ASGIApp, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._app, self._per_second, self._clock = app, per_second, clock
        self._most = max(1.0, per_second * _BURST_SECONDS)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._per_second and scope["path"] not in _UNLIMITED:
            seconds = self._seconds_to_wait(_client(scope))
            if seconds > 0:
                headers = {"Retry-After": str(int(seconds) + 1)}
                refusal = problem(429, "too many requests from this client", "send them slower", headers)
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _seconds_to_wait(self, client: str) -> float:
        now = self._clock()
        tokens, since = self._buckets.pop(client, (self._most, now))
        tokens = min(self._most, tokens + (now - since) * self._per_second)
        allowed = tokens >= 1
        self._buckets[client] = (tokens - allowed, now)
        if len(self._buckets) > _MOST_CLIENTS:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - tokens) / self._per_second


class Bodies:
    """Bodies under limits of size and speed: 413, 408, 415 for compressed ones, 503 where all of them are too much."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings
        self._received = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(receive, self._settings, self._take)
        try:
            self._check_head(Headers(scope=scope))
            await self._app(scope, body.receive, send)
        except RefusedError as error:
            await problem(error.status, error.error, error.hint, error.headers)(scope, receive, send)
        finally:
            self._received -= body.size

    def _check_head(self, headers: Headers) -> None:
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise RefusedError(415, "compressed bodies are not taken", "send the image's own bytes")
        # h11 has made sure that it is one number
        if int(headers.get("content-length", 0)) > self._settings.max_bytes:
            raise _too_large(self._settings)

    def _take(self, size: int) -> None:
        if self._received + size > self._settings.bodies_megabytes << 20:
            hint = "send it again in some seconds"
            raise RefusedError(503, "too much is being received already", hint, {"Retry-After": str(RETRY_SECONDS)})
        self._received += size


class _Body:
    """One body; ``size`` is what has been taken of it."""

    def __init__(self, receive: Receive, settings: Settings, take: Callable[[int], None]) -> None:
        self._receive, self._settings, self._take = receive, settings, take
        self._started = time.monotonic()
        self._complete = False
        self.size = 0

    async def receive(self) -> Message:
        """The next part; raises ``RefusedError``. After the last one it waits for the client to go, however long."""
        if self._complete:
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), self._patience())
        except TimeoutError:
            raise RefusedError(408, "the body came too slowly", headers={"Connection": "close"}) from None
        self._complete = not message.get("more_body", False)
        size = len(message.get("body", b""))
        if self.size + size > self._settings.max_bytes:
            raise _too_large(self._settings)
        self._take(size)
        self.size += size
        return message

    def _patience(self) -> float:
        settings = self._settings
        end = self._started + settings.body_seconds + self.size / settings.slowest_bytes_per_second
        return max(0.0, min(settings.body_seconds, end - time.monotonic()))


def _too_large(settings: Settings) -> RefusedError:
    return RefusedError(413, f"the body is larger than {settings.max_megabytes} MiB", "send fewer images at once")


def _client(scope: Scope) -> str:
    address = scope["client"][0] if scope.get("client") else ""
    try:
        parsed = ip_address(address)
    except ValueError:
        return ""
    if isinstance(parsed, IPv6Address) and not parsed.ipv4_mapped:
        return str(ip_network((parsed, 64), strict=False))
    return address
