"""Sending DICOM files on: C-STORE as a client (SCU), and STOW-RS. What an answer means: done, again later, or never."""

from __future__ import annotations

import io
import queue
import threading
from collections.abc import Sequence
from typing import Any, Protocol

import requests
from pydicom import Dataset, dcmread
from pydicom.uid import (
    ComprehensiveSRStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
)
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.events import Event, EventHandlerType
from pynetdicom.presentation import build_context

from edgefrac.errors import EdgeFracError
from edgefrac.serve.dicom.derived import IMPLEMENTATION_NAME
from edgefrac.serve.dicom.destinations import Destination, DicomDestination, WebDestination
from edgefrac.serve.dicom.latency import without_delay
from edgefrac.serve.dicom.origin import CREATOR_UID
from edgefrac.serve.dicom.silence import hush
from edgefrac.serve.dicom.web import client_for, session_for

_SECONDS = 60.0
_CONNECTION_SECONDS = 10.0
_IS_THERE_ALREADY = 0x0111
_PROCESSING_FAILURE = 0x0110
# of requests that are wrong in themselves; what is said of the caller or the server (401, 404, 500) can be put right
_NEVER_BY_HTTP = (400, 406, 409, 411, 413, 415, 422)


class NotDeliveredError(EdgeFracError):
    """What was sent was not taken; ``again`` says whether it may be another time."""

    def __init__(self, message: str, *, again: bool) -> None:
        super().__init__(message)
        self.again = again


class Sender(Protocol):
    """Brings DICOM files somewhere, all of them; sending the same once more does no harm."""

    def send(self, files: Sequence[bytes]) -> None:
        """Raises ``NotDeliveredError``, which quotes nothing of the files."""


def sender_for(destination: Destination, title: str) -> Sender:
    """The sender for a destination; ``title`` is the AE title that EdgeFrac calls with."""
    if isinstance(destination, DicomDestination):
        return DicomSender(destination, title)
    return WebSender(destination)


class DicomSender:
    """C-STORE; one association for all files of an image."""

    def __init__(self, destination: DicomDestination, title: str) -> None:
        hush()
        self._destination = destination
        self._contexts = [
            build_context(sop_class, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
            for sop_class in (SecondaryCaptureImageStorage, ComprehensiveSRStorage)
        ]
        self._entity = AE(ae_title=title)
        self._entity.implementation_class_uid = CREATOR_UID
        self._entity.implementation_version_name = IMPLEMENTATION_NAME
        self._entity.connection_timeout = _CONNECTION_SECONDS
        self._entity.acse_timeout = self._entity.dimse_timeout = self._entity.network_timeout = _SECONDS

    def send(self, files: Sequence[bytes]) -> None:
        """As ``Sender.send`` says."""
        association = self.associate()
        try:
            for file in files:
                _store(association, dcmread(io.BytesIO(file)))
        finally:
            if association.is_established:
                association.release()

    def associate(self) -> Association:
        """An association with the destination; raises ``NotDeliveredError``."""
        to = self._destination
        handlers: list[EventHandlerType] = [(evt.EVT_CONN_OPEN, _at_once), (evt.EVT_DATA_SENT, _at_once)]
        try:
            association = self._entity.associate(
                to.host, to.port, self._contexts, ae_title=to.title, evt_handlers=handlers
            )
        except OSError:  # there is no such host
            raise NotDeliveredError("cannot be reached", again=True) from None
        if not association.is_established:
            why = "rejects the association" if association.is_rejected else "cannot be reached"
            raise NotDeliveredError(why, again=True)
        association.dimse.msg_queue = AnswerQueue()
        return association


class AnswerQueue(queue.Queue[Any]):
    """Messages for the thread that waits for them, and for no other.

    pynetdicom's own thread, which looks for requests without waiting, else takes an answer now and then that another
    thread waits for (one of about 600), when it is interrupted between being told to pause and doing so.
    """

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """As ``queue.Queue.get``."""
        if not block:
            raise queue.Empty
        return super().get(block, timeout)


def _at_once(event: Event) -> None:
    if (wrapper := event.assoc.dul.socket) and wrapper.socket:
        without_delay(wrapper.socket)


def _store(association: Association, dataset: Dataset) -> None:
    try:
        answer = association.send_c_store(dataset)
    except ValueError:
        kind = "Structured Reports" if dataset.Modality == "SR" else "Secondary Capture images"
        raise NotDeliveredError(f"takes no {kind}", again=False) from None
    except RuntimeError:
        raise NotDeliveredError("broke the association off", again=True) from None
    if "Status" not in answer:
        raise NotDeliveredError("gave no answer", again=True)
    _judge(int(answer.Status))


def _judge(status: int) -> None:
    """Raise ``NotDeliveredError`` unless a status of storage (PS3.4 B.2.3, PS3.7 C) means that the object is there."""
    if status in (0, _IS_THERE_ALREADY) or status >> 12 == 0xB:  # Bxxx: stored, with a warning
        return
    again = status >> 8 == 0xA7 or status == _PROCESSING_FAILURE
    raise NotDeliveredError(f"refused with status 0x{status:04X}", again=again)


class WebSender:
    """STOW-RS."""

    def __init__(self, destination: WebDestination) -> None:
        self._client = client_for(destination, session_for(destination))
        self._lock = threading.Lock()

    def send(self, files: Sequence[bytes]) -> None:
        """As ``Sender.send`` says."""
        datasets = [dcmread(io.BytesIO(file)) for file in files]
        try:
            with self._lock:  # a session is not made for several threads
                answer = self._client.store_instances(datasets)
        except requests.HTTPError as error:
            raise _refusal(error.response) from None
        except requests.RequestException as error:
            raise NotDeliveredError(f"cannot be reached ({type(error).__name__})", again=True) from None
        except Exception as error:  # stored, by its status; but its answer is no DICOM JSON or XML
            raise NotDeliveredError(f"gave no answer that can be read ({type(error).__name__})", again=True) from None
        _judge_each(answer)


def _refusal(response: requests.Response | None) -> NotDeliveredError:
    """What a response with an HTTP status of failure means, by the failures it names, else by that status."""
    if response is None:
        return NotDeliveredError("gave no answer", again=True)
    try:
        _judge_each(Dataset.from_json(response.json()))
    except NotDeliveredError as error:
        return error
    except Exception:  # no DICOM JSON, or no JSON
        pass
    return NotDeliveredError(
        f"refused with HTTP {response.status_code}", again=response.status_code not in _NEVER_BY_HTTP
    )


def _judge_each(answer: Dataset) -> None:
    """Raise ``NotDeliveredError`` for the worst of the failures that a STOW-RS response names (PS3.18 10.5.3)."""
    refused = []
    for failed in answer.get("FailedSOPSequence") or []:
        try:
            _judge(int(failed.get("FailureReason", _PROCESSING_FAILURE)))
        except NotDeliveredError as error:
            refused.append(error)
    if refused:
        raise min(refused, key=lambda error: error.again) from None
