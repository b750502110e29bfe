"""Peers that do what good programs cannot be made to do: raw requests, archives that answer as they are told."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pydicom import dcmread
from pydicom.uid import UID
from pynetdicom import AE, evt
from pynetdicom.dimse_primitives import C_STORE

from edgefrac.serve.dicom.senders import AnswerQueue
from tests.serve.dcmtk import free_port


def split(file: bytes) -> tuple[UID, bytes]:
    """The transfer syntax of a DICOM file, and its data set as it is encoded."""
    start = 144 + int.from_bytes(file[140:144], "little")
    return dcmread(io.BytesIO(file), stop_before_pixels=True).file_meta.TransferSyntaxUID, file[start:]


class Requester:
    """An association with a node on ``port``, for storage of one SOP class in one transfer syntax."""

    def __init__(self, port: int, sop_class: str, syntax: str, title: str = "TEST") -> None:
        entity = AE(ae_title=title)
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 10
        entity.add_requested_context(sop_class, syntax)
        self.association = entity.associate("127.0.0.1", port)
        self._sop_class = sop_class
        self.association.dimse.msg_queue = AnswerQueue()

    def store(self, data_set: bytes, sop_instance: str, sop_class: str | None = None) -> int | None:
        """Send bytes as a data set; the status, or None if the peer has gone."""
        request = C_STORE()
        request.MessageID, request.Priority = 1, 2
        request.AffectedSOPClassUID = sop_class or self._sop_class
        request.AffectedSOPInstanceUID = sop_instance
        request.DataSet = io.BytesIO(data_set)
        association = self.association
        association.dimse.send_msg(request, association.accepted_contexts[0].context_id)
        _, answer = association.dimse.get_msg(block=True)
        return int(answer.Status) if answer is not None else None

    def close(self) -> None:
        if self.association.is_established:
            self.association.release()


@contextmanager
def archive(*statuses: int, classes: tuple[str, ...]) -> Iterator[tuple[int, list[bytes]]]:
    """A storage SCP that answers with these statuses in turn, the last for ever; its port, and all that it was sent."""
    received: list[bytes] = []

    def store(event: evt.Event) -> int:
        received.append(event.encoded_dataset(include_meta=False))
        return statuses[min(len(received), len(statuses)) - 1]

    entity = AE(ae_title="ARCHIVE")
    for sop_class in classes:
        entity.add_supported_context(sop_class)
    port = free_port()
    server = entity.start_server(("127.0.0.1", port), block=False, evt_handlers=[(evt.EVT_C_STORE, store)])
    try:
        yield port, received
    finally:
        server.shutdown()


@contextmanager
def web_server(answer: Callable[[int], tuple[int, bytes]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """An HTTP server whose POST number n gets ``answer(n)``, status and DICOM JSON; its URL, and what it was sent."""
    requests: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            requests.append({**self.headers, "path": self.path, "body": body})
            status, text = answer(len(requests))
            self.send_response(status)
            self.send_header("Content-Type", "application/dicom+json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", requests
    finally:
        server.shutdown()
        server.server_close()
