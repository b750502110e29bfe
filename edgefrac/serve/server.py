"""The process: listens, serves until it is told to end, and finishes what it has begun."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address

import uvicorn
from fastapi import FastAPI

from edgefrac.errors import UsageError
from edgefrac.serve.settings import LOOPBACK, Settings
from edgefrac.serve.slow_clients import impatient

_ENDING_SECONDS = 30
_BACKLOG = 256


def is_loopback(host: str) -> bool:
    """Whether a server at that address is for its own machine only."""
    try:
        return host in LOOPBACK or ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections; raises ``UsageError`` where the port is taken or the host is not here."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        found = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        cause = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise UsageError(
            f"{host}:{port}: cannot listen there ({cause})", hint="choose another --port or --host"
        ) from None
    # its connections inherit it; asyncio sets it only for sockets that name their protocol, and without it every
    # answer on a kept connection waits 40 ms for the client's acknowledgement
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return found


def serve(app: FastAPI, at: socket.socket, settings: Settings) -> None:
    """Until SIGTERM or SIGINT; requests at work are finished."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        http=impatient(settings),
        loop="asyncio",
        proxy_headers=False,
        limit_concurrency=settings.connections,
        timeout_graceful_shutdown=_ENDING_SECONDS,
    )
    _Server(config).run(sockets=[at])


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Uvicorn raises a signal again when it has ended, which would end the process before the room is closed."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.handle_exit)
        yield


def log_to_stderr() -> None:
    """Ours at INFO, of libraries warnings only."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("edgefrac").setLevel(logging.INFO)
