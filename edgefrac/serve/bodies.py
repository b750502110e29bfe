"""The images in a request: its whole body, or the files of a multipart one; in memory, never in a temporary file."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from edgefrac.serve.problems import RefusedError

MOST_FILES = 1000
FIELD = "files"


@dataclass(frozen=True)
class SentImage:
    """``name`` is what the client calls it, for the answer to that client alone: it may be a patient's."""

    name: str
    data: bytes


@dataclass(frozen=True)
class Sent:
    """``several``: in a multipart body, even if it is one."""

    images: list[SentImage]
    several: bool


class _InMemory(MultiPartParser):
    spool_max_size = 0  # no size: a file on the disk would outlive a crash, outside of the state folder


async def sent_images(request: Request) -> Sent:
    """Raises ``RefusedError`` for a body without an image; how large it may be, a middleware says."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "multipart/form-data":
        data = await request.body()
        if not data:
            raise RefusedError(400, "the body is empty", "send the image's bytes")
        return Sent([SentImage("", data)], several=False)
    return Sent(await _files(request.headers, request.stream()), several=True)


async def _files(headers: Headers, stream: AsyncGenerator[bytes, None]) -> list[SentImage]:
    try:
        form = await _InMemory(headers, stream, max_files=MOST_FILES, max_fields=0).parse()
    except MultiPartException:
        raise RefusedError(400, "the multipart body is malformed", _EXPECTED) from None
    found = []
    for name, file in form.multi_items():
        if name != FIELD or not isinstance(file, UploadFile):
            raise RefusedError(400, "the multipart body has a part that is no file of 'files'", _EXPECTED)
        found.append(SentImage(file.filename or "", await file.read()))
    if not found:
        raise RefusedError(400, "the multipart body has no file", _EXPECTED)
    return found


def _sends(most: int) -> dict[str, Any]:
    """What OpenAPI says of such a request; what a body is, its content says, never its type."""
    binary = {"type": "string", "format": "binary"}
    form = {
        "type": "object",
        "properties": {FIELD: {"type": "array", "items": binary, "minItems": 1, "maxItems": most}},
        "required": [FIELD],
        "additionalProperties": False,
    }
    types = ("application/octet-stream", "application/dicom", "image/png", "image/jpeg")
    content = {name: {"schema": binary | {"minLength": 1}} for name in types} | {
        "multipart/form-data": {"schema": form}
    }
    return {"requestBody": {"required": True, "content": content}}


SENDS_IMAGES, SENDS_IMAGE = _sends(MOST_FILES), _sends(1)
_EXPECTED = f"send files under the name '{FIELD}', {MOST_FILES} at most, and nothing else"
