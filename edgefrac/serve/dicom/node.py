"""The DICOM node: answers C-ECHO, takes images by C-STORE, and says Success once the work list has them on the disk."""

from __future__ import annotations

import io
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pynetdicom import AE, evt
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from edgefrac.errors import BusyError, OutputError, UsageError
from edgefrac.serve.dicom.derived import IMPLEMENTATION_NAME
from edgefrac.serve.dicom.identity import identity_of
from edgefrac.serve.dicom.origin import CREATOR_UID
from edgefrac.serve.dicom.silence import hush
from edgefrac.serve.dicom.transport import MAXIMUM_PDU, BoundedServer, Bounds

log = logging.getLogger("edgefrac.serve")

Receive = Callable[[bytes, bytes], object]
"""Puts (Part 10 file, SOP Instance UID) in the work list for good, or raises ``BusyError`` or ``OutputError``."""

SOP_CLASSES = (
    "1.2.840.10008.5.1.4.1.1.1",  # Computed Radiography
    "1.2.840.10008.5.1.4.1.1.1.1",  # Digital X-Ray, for presentation
    "1.2.840.10008.5.1.4.1.1.1.1.1",  # Digital X-Ray, for processing
    "1.2.840.10008.5.1.4.1.1.2",  # CT
    "1.2.840.10008.5.1.4.1.1.2.1",  # Enhanced CT
    "1.2.840.10008.5.1.4.1.1.4",  # MR
    "1.2.840.10008.5.1.4.1.1.4.1",  # Enhanced MR
    "1.2.840.10008.5.1.4.1.1.7",  # Secondary Capture, and its multi-frame kinds: grey of 8 and 16 bits, colour
    "1.2.840.10008.5.1.4.1.1.7.2",
    "1.2.840.10008.5.1.4.1.1.7.3",
    "1.2.840.10008.5.1.4.1.1.7.4",
)
"""What is accepted for storage."""
TRANSFER_SYNTAXES = (
    "1.2.840.10008.1.2.1",  # Explicit VR Little Endian
    "1.2.840.10008.1.2",  # Implicit VR Little Endian
    "1.2.840.10008.1.2.1.99",  # deflated
    "1.2.840.10008.1.2.2",  # Explicit VR Big Endian
    "1.2.840.10008.1.2.4.50",  # JPEG baseline, extended, lossless
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80",  # JPEG-LS lossless, near-lossless
    "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.4.90",  # JPEG 2000 lossless, lossy
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.5",  # RLE
)
"""In the order of preference."""

_SUCCESS = 0x0000
_OUT_OF_RESOURCES = 0xA700
_NOT_OF_THAT_CLASS = 0xA900
_CANNOT_UNDERSTAND = 0xC000
_PROCESSING_FAILURE = 0x0110
_BEGINNING = 1 << 20  # bytes of a data set that are looked at here
_LAST_WORDS = 5.0  # seconds that peers have when the node is closed


@dataclass(frozen=True)
class NodeRules:
    """Who may send, and how much: AE titles of callers (none: anybody), peers at once, bytes of an object, seconds.

    ``seconds`` is how long a peer may be silent, or take for one PDU.
    """

    title: str = "EDGEFRAC"
    callers: frozenset[str] = frozenset()
    associations: int = 16
    object_bytes: int = 256 << 20
    seconds: float = 30.0


class DicomNode:
    """Listens on ``host`` and ``port`` (0: any that is free) from ``start`` to ``close``.

    Raises ``UsageError`` for an impossible AE title.
    """

    def __init__(self, receive: Receive, host: str, port: int, rules: NodeRules | None = None) -> None:
        hush()
        self._receive, self._address = receive, (host, port)
        self.rules = rules or NodeRules()
        self._server: BoundedServer | None = None
        self._entity = _entity(self.rules)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1]) if self._server else self._address[1]

    def start(self) -> None:
        """Begin to listen; raises ``UsageError`` where the port is taken or not allowed."""
        bounds = Bounds(self.rules.object_bytes, self.rules.seconds, 2 * self.rules.associations)
        try:
            server = BoundedServer(self._entity, self._address, bounds, [(evt.EVT_C_STORE, self._store)])
        except OSError as error:
            host, port = self._address
            hint = "choose another port by --dicom-port"
            raise UsageError(f"cannot listen for DICOM on {host}:{port} ({error.strerror})", hint=hint) from None
        self._server = server
        threading.Thread(target=server.serve_forever, args=(0.5,), name="dicom-node", daemon=True).start()

    def close(self) -> None:
        """Listen no more; let peers finish what they send, for some seconds."""
        if (server := self._server) is None:
            return
        self._server = None
        server.shutdown()
        end = time.monotonic() + _LAST_WORDS
        while any(one.is_established for one in server.active_associations) and time.monotonic() < end:
            time.sleep(0.02)
        server.end_connections()

    def _store(self, event: evt.Event) -> Any:
        """One C-STORE request; what is returned is its status (PS3.4 B.2.3)."""
        try:
            return _answer(*self._status(event))
        except Exception as error:  # our fault; its text may quote the object
            log.error("dicom: an object was not stored (%s)", type(error).__name__)
            return _answer(_PROCESSING_FAILURE, "internal error")

    def _status(self, event: evt.Event) -> tuple[int, str]:
        request = event.request
        assert isinstance(request, C_STORE) and isinstance(request.DataSet, io.BytesIO)
        beginning = bytes(request.DataSet.getbuffer()[:_BEGINNING])
        stated = identity_of(beginning, event.context.transfer_syntax)
        if stated is None:
            return _CANNOT_UNDERSTAND, "not a data set, or without SOP class and instance"
        if stated.sop_class != request.AffectedSOPClassUID or stated.sop_instance != request.AffectedSOPInstanceUID:
            return _NOT_OF_THAT_CLASS, "data set and request differ in SOP class or instance"
        if stated.own:
            return _SUCCESS, ""  # comes back from an archive that forwards all it gets: answering it would never end
        try:
            self._receive(event.encoded_dataset(), stated.sop_instance.encode())
        except BusyError as error:
            return _OUT_OF_RESOURCES, error.message
        except OutputError as error:
            log.error("%s", error.message)
            return _OUT_OF_RESOURCES, "cannot be stored"
        return _SUCCESS, ""


def _entity(rules: NodeRules) -> AE:
    try:
        entity = AE(ae_title=rules.title)
        entity.require_calling_aet = sorted(rules.callers)
    except (ValueError, TypeError):
        raise UsageError("an AE title has 1 to 16 printable ASCII characters, and no backslash") from None
    entity.implementation_class_uid = CREATOR_UID
    entity.implementation_version_name = IMPLEMENTATION_NAME
    entity.maximum_associations = rules.associations
    entity.maximum_pdu_size = MAXIMUM_PDU
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = rules.seconds
    entity.add_supported_context(Verification)
    for sop_class in SOP_CLASSES:
        entity.add_supported_context(sop_class, list(TRANSFER_SYNTAXES))
    return entity


def _answer(status: int, comment: str) -> Any:
    from pydicom.dataset import Dataset

    answer = Dataset()
    answer.Status = status
    if comment:
        answer.ErrorComment = comment[:64]
    return answer
