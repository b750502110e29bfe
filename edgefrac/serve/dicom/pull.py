"""Fetching images from a DICOMweb server: looks there by QIDO-RS now and then, and takes what is new by WADO-RS.

What was fetched is what the work list knows, so that a restart goes on where it was. Without a ``StudyDate`` among the
filters, only studies of today and yesterday are looked for: the list to compare must not grow with the archive.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

from edgefrac.errors import BusyError, EdgeFracError
from edgefrac.serve.dicom.destinations import WebDestination
from edgefrac.serve.dicom.identity import identity_of_file
from edgefrac.serve.dicom.node import SOP_CLASSES
from edgefrac.serve.dicom.web import SECONDS, client_for, session_for
from edgefrac.serve.service import ReadingRoom

log = logging.getLogger("edgefrac.serve")

_PAGE = 200
_LAST_WORDS = 5.0  # seconds that a server has left to answer when nothing more is wanted of it
_UIDS = ("0020000D", "0020000E", "00080018")  # study, series, instance
_SOP_CLASS = "00080016"


class FetchError(EdgeFracError):
    """A DICOMweb server that cannot be reached, or does not answer as one."""


class Puller:
    """Looks every so many ``seconds`` from ``start`` to ``close``; takes objects of ``object_bytes`` at most."""

    def __init__(
        self, room: ReadingRoom, source: WebDestination, *, seconds: float = 10.0, object_bytes: int = 256 << 20
    ) -> None:
        self._room, self._source, self._seconds, self._object_bytes = room, source, seconds, object_bytes
        self._session = session_for(source)
        self._client = client_for(source, self._session)
        self._own: set[bytes] = set()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dicomweb-pull", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """Look no more; what is half fetched is fetched at the next start."""
        self._closing.set()
        self._thread.join(_LAST_WORDS)

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self.fetch()
            except EdgeFracError as error:
                log.warning("fetching: %s", error.message)
            except Exception as error:  # its text may quote what was fetched
                log.error("fetching: %s", type(error).__name__)
            self._closing.wait(self._seconds)

    def fetch(self) -> int:
        """Look once; how many images were new. Raises ``FetchError``, ``BusyError`` and ``OutputError``."""
        taken = 0
        for uids in self._listed():
            if self._closing.is_set():
                break
            key = self._room.state.key(uids[-1].encode())
            if key in self._own or self._room.worklist.known(key):
                continue
            if (data := self._retrieve(*uids)) is None:
                continue
            if (identity := identity_of_file(data)) and identity.own:
                self._own.add(key)  # answering it would never end
                continue
            taken += self._receive(data, uids[-1])
        return taken

    def _receive(self, data: bytes, instance: str) -> bool:
        while True:
            try:
                return self._room.receive(data, "dicomweb", instance.encode()).new
            except BusyError:
                if self._closing.wait(1):
                    return False

    def _listed(self) -> Iterator[tuple[str, str, str]]:
        """Study, series and instance of all images that match, page by page."""
        filters = dict(self._source.filters)
        if "StudyDate" not in filters:
            yesterday = datetime.now() - timedelta(days=1)
            filters["StudyDate"] = f"{yesterday:%Y%m%d}-{yesterday + timedelta(days=1):%Y%m%d}"
        offset = 0
        while True:
            try:
                found = self._client.search_for_instances(search_filters=filters, limit=_PAGE, offset=offset)
            except Exception as error:  # requests' and JSON's errors, whose words quote the URL
                raise FetchError(f"{self._source.url}: cannot be searched ({type(error).__name__})") from None
            for one in found:
                uids = tuple(_text(one, tag) for tag in _UIDS)
                if all(uids) and _text(one, _SOP_CLASS) in ("", *SOP_CLASSES):
                    yield uids  # type: ignore[misc]
            if len(found) < _PAGE:
                return
            offset += _PAGE

    def _retrieve(self, study: str, series: str, instance: str) -> bytes | None:
        """One object as a DICOM file; None where the server does not give it, or it is too large."""
        import requests

        url = f"{self._source.url}/studies/{study}/series/{series}/instances/{instance}"
        accept = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}
        body = bytearray()
        try:
            with closing(self._session.get(url, headers=accept, stream=True, timeout=SECONDS)) as response:
                response.raise_for_status()
                for part in response.iter_content(1 << 20):
                    body += part
                    if len(body) > self._object_bytes:
                        log.warning("fetching: an object of more than %d MiB was refused", self._object_bytes >> 20)
                        return None
                return first_part(bytes(body), response.headers.get("Content-Type", ""))
        except requests.HTTPError:
            log.warning("fetching: an object was not given (HTTP %d)", response.status_code)
            return None
        except requests.RequestException as error:
            raise FetchError(f"{self._source.url}: cannot be reached ({type(error).__name__})") from None


def first_part(body: bytes, content_type: str) -> bytes | None:
    """The first part of a multipart message (RFC 2046), a body that is none as it is; None if it is damaged."""
    kind, _, parameters = content_type.partition(";")
    if not kind.strip().lower().startswith("multipart/"):
        return body
    given = dict(part.strip().split("=", 1) for part in parameters.split(";") if "=" in part)
    boundary = b"--" + given.get("boundary", "").strip('"').encode()
    head = body.find(b"\r\n\r\n", body.find(boundary))
    end = body.find(b"\r\n" + boundary, head)
    return body[head + 4 : end] if len(boundary) > 2 and 0 <= head < end else None


def _text(one: dict[str, Any], tag: str) -> str:
    """The first value of an attribute in DICOM JSON."""
    values = one.get(tag, {}).get("Value") or [""]
    return str(values[0])
