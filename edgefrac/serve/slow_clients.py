"""Connections whose clients take their time: HTTP/1.1 as uvicorn speaks it, but with an end to its patience.

A request's head must be here some seconds after the connection, or after the last answer; what is left of a body that
was refused counts into them. An answer must be taken at some speed. Bodies that are wanted are timed in ``limits``.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

from edgefrac.serve.settings import Settings


def impatient(settings: Settings) -> type[asyncio.Protocol]:
    """The protocol with the patience of ``settings``."""
    least = int(settings.slowest_bytes_per_second * settings.header_seconds)
    return type("Impatient", (_ImpatientProtocol,), {"seconds": settings.header_seconds, "least_taken": least})


class _ImpatientProtocol(H11Protocol):
    seconds: float
    least_taken: int
    _until_asked: asyncio.TimerHandle | None = None
    _until_taken: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_request()

    def connection_lost(self, exc: Exception | None) -> None:
        _stop(self._until_asked)
        _stop(self._until_taken)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle and not self.cycle.response_complete:
            _stop(self._until_asked)

    def on_response_complete(self) -> None:
        self._wait_for_request()
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._wait_for_taking()

    def resume_writing(self) -> None:
        _stop(self._until_taken)
        super().resume_writing()

    def _wait_for_request(self) -> None:
        _stop(self._until_asked)
        self._until_asked = self.loop.call_later(self.seconds, self._not_asked)

    def _not_asked(self) -> None:
        if self.transport.get_write_buffer_size():
            # the last answer is still being taken, at whose speed is seen below
            self._wait_for_request()
        else:
            self.transport.abort()

    def _wait_for_taking(self) -> None:
        left = self.transport.get_write_buffer_size()
        self._until_taken = self.loop.call_later(self.seconds, self._taken, left)

    def _taken(self, before: int) -> None:
        taken = before - self.transport.get_write_buffer_size()
        if taken < min(self.least_taken, before // 2):
            self.transport.abort()
        else:
            self._wait_for_taking()


def _stop(timer: asyncio.TimerHandle | None) -> None:
    if timer:
        timer.cancel()
