"""Where answers go and images are fetched, as people write it:

    dicom://TITLE@HOST:PORT             C-STORE; TITLE is the receiver's AE title
    https://HOST/PREFIX                 STOW-RS under that DICOMweb prefix
    https://HOST/PREFIX?Modality=DX     QIDO-RS and WADO-RS: what to look for

Credentials for DICOMweb are in a file of their owner's only, named by ``EDGEFRAC_DICOMWEB_CREDENTIALS``; JSON, by host:

    {"pacs.example:8443": {"bearer": "…"}, "archive.example": {"user": "…", "password": "…"}}
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import BaseModel, ConfigDict, SecretStr, TypeAdapter, ValidationError

from edgefrac.errors import UsageError
from edgefrac.serve.settings import LOOPBACK

CREDENTIALS = "EDGEFRAC_DICOMWEB_CREDENTIALS"
"""The environment variable that names the file of credentials."""
_PORT = 104
_FORMS = "dicom://TITLE@HOST:PORT or https://HOST/PREFIX"


class Bearer(BaseModel):
    """A token."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
    bearer: SecretStr


class Basic(BaseModel):
    """A user's name and password."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
    user: str
    password: SecretStr


@dataclass(frozen=True)
class DicomDestination:
    """A storage SCP; ``name`` is how it was written."""

    name: str
    title: str
    host: str
    port: int


@dataclass(frozen=True)
class WebDestination:
    """A DICOMweb server; ``url`` is its prefix, ``name`` how it was written, ``filters`` what to look for there."""

    name: str
    url: str
    filters: tuple[tuple[str, str], ...] = ()
    credentials: Bearer | Basic | None = field(default=None, repr=False)


Destination = DicomDestination | WebDestination


def parse_destination(text: str) -> Destination:
    """Where to send; raises ``UsageError``."""
    found = _parse(text)
    if isinstance(found, WebDestination) and found.filters:
        raise UsageError(f"{text}: a destination has no query")
    return found


def parse_source(text: str) -> WebDestination:
    """Where to fetch; raises ``UsageError``."""
    found = _parse(text)
    if not isinstance(found, WebDestination):
        raise UsageError(f"{text}: images are fetched by DICOMweb only", hint="https://HOST/PREFIX?Modality=DX")
    return found


def _parse(text: str) -> Destination:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UsageError("a destination that is no URL", hint=_FORMS) from None
    if parts.password is not None or (parts.scheme != "dicom" and parts.username is not None):
        hint = f"write them to a file and name it by {CREDENTIALS}"
        raise UsageError(f"{parts.scheme}://…@{host}: credentials do not belong in a URL", hint=hint)
    if not host or parts.fragment or parts.scheme not in ("dicom", "http", "https"):
        raise UsageError(f"{text}: not a destination", hint=_FORMS)
    if parts.scheme == "dicom":
        title = unquote(parts.username or "")
        if not _is_title(title) or parts.path.strip("/") or parts.query:
            raise UsageError(f"{text}: not a DICOM destination", hint="dicom://TITLE@HOST:PORT")
        return DicomDestination(text, title, host, port or _PORT)
    credentials = _credentials(parts.netloc)
    if credentials and parts.scheme == "http" and host not in LOOPBACK:
        raise UsageError(f"{text}: credentials are sent by https only", hint="write https://")
    url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
    return WebDestination(text, url, tuple(parse_qsl(parts.query, keep_blank_values=True)), credentials)


def _is_title(text: str) -> bool:
    """Whether it is an AE title (PS3.5 6.2)."""
    return bool(text.strip()) and len(text) <= 16 and "\\" not in text and all(" " <= c <= "~" for c in text)


def _credentials(host: str) -> Bearer | Basic | None:
    if not (named := os.environ.get(CREDENTIALS)):
        return None
    path = Path(named)
    try:
        if path.stat().st_mode & 0o077:
            raise UsageError(f"{path}: others may read these credentials", hint=f"chmod 600 {path}")
        known = TypeAdapter(dict[str, Bearer | Basic]).validate_json(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: credentials cannot be read ({error.strerror})") from None
    except ValidationError:
        hint = '{"HOST": {"bearer": "…"}} or {"HOST": {"user": "…", "password": "…"}}'
        raise UsageError(f"{path}: no credentials of the form that is expected", hint=hint) from None
    return known.get(host)
