"""The node's connections, bounded: how large a message, how long a PDU takes, how many peers at once.

pynetdicom reads as many bytes as a PDU's header announces, 4 GiB if it says so, and waits for them without end.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.dul import DULServiceProvider
from pynetdicom.transport import AssociationServer, AssociationSocket, RequestHandler

from edgefrac.serve.dicom.latency import without_delay

log = logging.getLogger("edgefrac.serve")

MAXIMUM_PDU = 1 << 17
"""Bytes of a data PDU that peers are asked not to exceed."""
_LARGEST_PDU = 1 << 20  # association requests have no agreed size
_HEADER = 6
_P_DATA = 4
# A-ABORT by the service provider, reason not specified (PS3.8 9.3.8)
_ABORT = bytes((7, 0, 0, 0, 0, 4, 0, 0, 2, 0))
# without an asynchronous operations window, which is never agreed on, a peer has one request out
_PENDING_MESSAGES = 2


@dataclass(frozen=True)
class Bounds:
    """Of one connection: bytes of a message, seconds for a PDU to arrive; and connections at the same time."""

    message_bytes: int
    seconds: float
    connections: int


class BoundedSocket(AssociationSocket):
    """A connection that is given up once it exceeds its bounds."""

    def __init__(self, assoc: Association, connection: socket.socket, bounds: Bounds) -> None:
        super().__init__(assoc, client_socket=connection)
        self._bounds = bounds
        self._kind = 0
        self._received = 0

    def message_is_whole(self) -> None:
        """Begin to count anew."""
        self._received = 0

    def recv(self, nr_bytes: int) -> bytearray:
        """Exactly so many bytes, or fewer where the peer has closed; raises ``OSError`` beyond the bounds."""
        assert self.socket
        if nr_bytes > _LARGEST_PDU or self.assoc.dimse.msg_queue.qsize() > _PENDING_MESSAGES:
            raise self._broken_off("a peer broke the protocol")
        if self._kind == _P_DATA and nr_bytes != _HEADER:
            self._received += nr_bytes
        if self._received > self._bounds.message_bytes:
            raise self._broken_off(f"an object of more than {self._bounds.message_bytes >> 20} MiB was refused")
        found, end = bytearray(), time.monotonic() + self._bounds.seconds
        while len(found) < nr_bytes:
            left = end - time.monotonic()
            if left <= 0:
                raise self._broken_off(f"a peer took more than {self._bounds.seconds:g} seconds for a message")
            self.socket.settimeout(left)
            without_delay(self.socket)
            part = self.socket.recv(min(nr_bytes - len(found), 1 << 16))
            if not part:
                self._no_request_will_come()
                break
            found += part
        self.socket.settimeout(self._bounds.seconds)
        if nr_bytes == _HEADER and found:
            self._kind = found[0]
        return found

    def drop(self) -> None:
        """End a connection on which there is no association yet."""
        self._no_request_will_come()
        if self.socket:
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)

    def _shutdown_socket(self) -> None:
        super()._shutdown_socket()
        if self.socket:
            self.socket.close()  # which the above leaves out where the peer was faster

    def _no_request_will_come(self) -> None:
        """Let the association's thread end, which else waits for it, and holds a place, until its time is up."""
        if self.assoc.requestor.primitive is None:
            self.assoc.dul.to_user_queue.put(None)  # type: ignore[arg-type]

    def _broken_off(self, why: str) -> OSError:
        log.warning("dicom: %s", why)
        self._no_request_will_come()
        assert self.socket
        with suppress(OSError):  # then the peer learns it from the closed connection
            self.socket.settimeout(1)
            self.socket.sendall(_ABORT)
        return OSError(why)


class BoundedServer(AssociationServer):
    """Listens; closes connections beyond the bounds at once.

    Connections are set up one after the other, so that they are counted; each then runs in a thread of its own.
    """

    request_queue_size = 64

    def __init__(
        self, entity: AE, address: tuple[str, int], bounds: Bounds, handlers: list[evt.EventHandlerType]
    ) -> None:
        self.bounds = bounds
        contexts = entity.supported_contexts
        super().__init__(entity, address, entity.ae_title, contexts, evt_handlers=handlers, request_handler=_Handler)
        entity._servers.append(self)  # type: ignore[arg-type]  # which counts its associations, and from which shutting down removes it

    def end_connections(self) -> None:
        """End those that are left."""
        for association in self.active_associations:
            if association.is_established:
                association.abort(block=False)
            elif isinstance(association.dul.socket, BoundedSocket):
                association.dul.socket.drop()

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether there is room for one more connection."""
        return len(self.active_associations) < self.bounds.connections

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that fails while it is set up is closed; who it was is nobody's business."""


class _Handler(RequestHandler):
    server: BoundedServer

    def _create_association(self) -> Association:
        association = super()._create_association()
        association.dul.event_queue.get_nowait()  # the first socket's announcement, which the next one makes again
        bounded = BoundedSocket(association, self.request, self.server.bounds)
        association.dul.socket = bounded
        whole: Callable[[evt.Event], None] = lambda _: bounded.message_is_whole()  # noqa: E731
        association.bind(evt.EVT_DIMSE_RECV, whole)
        association.dul.run = partial(_run_and_say_so, association.dul, association.dul.run)  # type: ignore[method-assign]
        return association


def _run_and_say_so(provider: DULServiceProvider, run: Callable[[], None]) -> None:
    """Run a connection's thread; however it ends, the association's, which may wait for word from it, hears of it."""
    try:
        run()
    finally:
        provider.to_user_queue.put(None)  # type: ignore[arg-type]
