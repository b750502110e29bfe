"""A DICOMweb server as a client sees it: who we say we are, how long we wait, what its answers mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgefrac.errors import UsageError
from edgefrac.serve.dicom.destinations import Bearer, WebDestination
from edgefrac.serve.dicom.silence import hush

if TYPE_CHECKING:
    from dicomweb_client.web import DICOMwebClient
    from requests import PreparedRequest, Session

SECONDS = (10.0, 60.0)
"""For a connection, and for each answer on it."""
_ONE_BODY = 1 << 30  # bytes up to which the client sends a body whole, with its length, not in chunks


def session_for(server: WebDestination) -> Session:
    """An HTTP session with the server's credentials; without any, those of ``~/.netrc`` count."""
    import requests
    from requests.auth import AuthBase, HTTPBasicAuth

    class _Bearer(AuthBase):
        def __init__(self, token: str) -> None:
            self._token = token

        def __call__(self, request: PreparedRequest) -> PreparedRequest:
            request.headers["Authorization"] = f"Bearer {self._token}"
            return request

    session, known = requests.Session(), server.credentials
    if isinstance(known, Bearer):
        session.auth = _Bearer(known.bearer.get_secret_value())
    elif known:
        session.auth = HTTPBasicAuth(known.user, known.password.get_secret_value())
    return session


def client_for(server: WebDestination, session: Session) -> DICOMwebClient:
    """A client that tries once: when to try again is for the caller to say. Raises ``UsageError``."""
    from dicomweb_client.web import DICOMwebClient

    hush()
    try:
        client = DICOMwebClient(server.url, session=session, timeout=SECONDS, chunk_size=_ONE_BODY, permissive_uid=True)
    except ValueError:  # it knows no IPv6 addresses
        raise UsageError(f"{server.url}: not an address that the DICOMweb client takes") from None
    client.set_http_retry_params(retry=False)
    return client
