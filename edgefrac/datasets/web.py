"""The standard library's HTTP client, kept to the web and with errors in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from http.client import HTTPException, HTTPResponse
from typing import cast
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from edgefrac.errors import DatasetError

TIMEOUT = 60.0  # seconds without a byte


def open_url(url: str, headers: Mapping[str, str] | None = None) -> HTTPResponse:
    """GET ``url``, following redirects; raises ``OSError`` (``urllib.error.HTTPError`` for an HTTP status)."""
    request = Request(url, headers={"User-Agent": "edgefrac", **(headers or {})})
    try:
        return cast(HTTPResponse, urlopen(request, timeout=TIMEOUT))
    except HTTPException as error:
        raise URLError(error) from error


def in_words(error: Exception) -> str:
    """Why a request failed, in one line."""
    if isinstance(error, HTTPError):
        return f"HTTP status {error.code}"
    cause = error.reason if isinstance(error, URLError) else error
    return " ".join(str(getattr(cause, "strerror", None) or cause or type(cause).__name__).split())


def unreachable(url: str, error: Exception, hint: str) -> DatasetError:
    """The error of a publisher that does not answer."""
    return DatasetError(f"{url}: cannot be had ({in_words(error)})", hint=hint)
