"""A PACS in small: sends images by C-STORE, and receives what comes back, with the time of each arrival."""

from __future__ import annotations

import io
import socket
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.sop_class import (
    Comprehensive3DSRStorage,  # type: ignore[attr-defined]
    ComprehensiveSRStorage,  # type: ignore[attr-defined]
    DigitalXRayImageStorageForPresentation,  # type: ignore[attr-defined]
    EnhancedSRStorage,  # type: ignore[attr-defined]
    MultiFrameTrueColorSecondaryCaptureImageStorage,  # type: ignore[attr-defined]
    SecondaryCaptureImageStorage,  # type: ignore[attr-defined]
)

from edgefrac.serve.dicom.senders import AnswerQueue

TITLE = "BENCHPACS"
_ANSWERS = (
    SecondaryCaptureImageStorage,
    MultiFrameTrueColorSecondaryCaptureImageStorage,
    EnhancedSRStorage,
    ComprehensiveSRStorage,
    Comprehensive3DSRStorage,
)


@dataclass(frozen=True)
class Arrival:
    """One object that came back: when (``time.monotonic``), and which it was."""

    at: float
    uid: str
    kind: str
    digest: str


class Pacs:
    """Listens on a port of this machine from the start; ``arrivals`` by the SOP Instance UID of their source."""

    def __init__(self, port: int) -> None:
        self.arrivals: dict[str, list[Arrival]] = defaultdict(list)
        self._lock = threading.Lock()
        entity = AE(TITLE)
        for answer in _ANSWERS:
            entity.add_supported_context(answer)
        self._server = entity.start_server(
            ("127.0.0.1", port), block=False, evt_handlers=[(evt.EVT_C_STORE, self._stored)]
        )
        _at_once(self._server.socket)

    def close(self) -> None:
        """Stop to listen."""
        self._server.shutdown()

    def answers(self, source: str, wait: float = 0.0, wanted: int = 2) -> list[Arrival]:
        """What came back to an image, waiting so many seconds for so many objects."""
        end = time.monotonic() + wait
        while True:
            with self._lock:
                found = list(self.arrivals[source])
            if len({each.uid for each in found}) >= wanted or time.monotonic() > end:
                return found
            time.sleep(0.002)

    def _stored(self, event: Any) -> int:
        at = time.monotonic()
        data = event.encoded_dataset(include_meta=True)
        found = dcmread(io.BytesIO(data), stop_before_pixels=True)
        with self._lock:
            self.arrivals[_source(found)].append(
                Arrival(at, str(found.SOPInstanceUID), str(found.Modality), sha256(data[132:]).hexdigest())
            )
        return 0


def _at_once(connection: Any) -> None:
    """Send each packet when it is written, as DCMTK and Orthanc do."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _source(answer: Any) -> str:
    """The image that an answer speaks of: of a picture its source, of a report its evidence."""
    if "SourceImageSequence" in answer:
        return str(answer.SourceImageSequence[0].ReferencedSOPInstanceUID)
    series = answer.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    return str(series[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID)


class Sender:
    """Sends images to a reading room over one association, opened again when it was cut."""

    def __init__(self, port: int, title: str = "EDGEFRAC") -> None:
        self._port, self._title = port, title
        self._entity = AE("BENCH")
        self._entity.add_requested_context(DigitalXRayImageStorageForPresentation)
        self._entity.connection_timeout = self._entity.acse_timeout = self._entity.dimse_timeout = 30
        self._association: Association | None = None

    def send(self, path: Path) -> int | None:
        """The status of one C-STORE, 0 is success; None where there was no answer."""
        try:
            if self._association is None or not self._association.is_established:
                self._association = self._entity.associate(
                    "127.0.0.1",
                    self._port,
                    ae_title=self._title,
                    evt_handlers=[(evt.EVT_CONN_OPEN, lambda event: _at_once(event.assoc.dul.socket.socket))],
                )
                self._association.dimse.msg_queue = AnswerQueue()
            if not self._association.is_established:
                return None
            status = self._association.send_c_store(str(path))
            return int(status.Status) if "Status" in status else None
        except (RuntimeError, OSError, ValueError):
            return None

    def close(self) -> None:
        """End the association."""
        if self._association and self._association.is_established:
            self._association.release()
