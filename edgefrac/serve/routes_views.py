"""What a viewer needs of one image: its numbers, its heat, its overlay and its report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from fastapi import APIRouter, Response

from edgefrac.reporting.reading_page import reading_page
from edgefrac.serve import numbers, pictures
from edgefrac.serve.answer import Answer
from edgefrac.serve.headers import DOCUMENT
from edgefrac.serve.problems import RefusedError, documented
from edgefrac.serve.reading_report import reading
from edgefrac.serve.routes_worklist import Id
from edgefrac.serve.served_model import ServedModel
from edgefrac.serve.service import ReadingRoom
from edgefrac.serve.worklist import Item

T = TypeVar("T")

_BYTES = "application/octet-stream"


def routes(room: ReadingRoom, model: ServedModel) -> APIRouter:
    """``/v1/worklist/{id}/`` with ``values``, ``greys``, ``heat.png``, ``overlay.png`` and ``report.html``."""
    router = APIRouter(tags=["views"])
    seen = _Seen(room)

    @router.get(
        "/v1/worklist/{id}/values",
        summary="The image's numbers, uint8 or little-endian uint16 by answer.picture.display, row by row",
        **_answers(_BYTES),
    )
    def values(id_: Id) -> Response:
        found = seen.of(id_, numbers.values)
        return Response(found.astype(found.dtype.newbyteorder("<"), copy=False).tobytes(), media_type=_BYTES)

    @router.get(
        "/v1/worklist/{id}/greys",
        summary="The grey of each value in the raster that was predicted on, uint8",
        **_answers(_BYTES),
    )
    def greys(id_: Id) -> Response:
        return Response(seen.of(id_, numbers.greys).tobytes(), media_type=_BYTES)

    @router.get(
        "/v1/worklist/{id}/heat.png",
        summary="The evidence by itself, RGBA, to be laid over the whole image",
        **_answers("image/png"),
    )
    def heat(id_: Id) -> Response:
        answer, evidence = seen.explained(id_)
        return Response(pictures.png(pictures.heat(answer, evidence)), media_type="image/png")

    @router.get(
        "/v1/worklist/{id}/overlay.png",
        summary="The evidence drawn over the image, with its caption",
        **_answers("image/png"),
    )
    def overlay(id_: Id) -> Response:
        answer, evidence = seen.explained(id_)
        drawn = pictures.overlay(answer, seen.of(id_, numbers.raster), evidence)
        return Response(pictures.png(drawn), media_type="image/png")

    @router.get(
        "/v1/worklist/{id}/report.html",
        summary="One page about the image that fetches nothing and names nobody",
        **_answers("text/html", {"type": "string"}),
    )
    def report(id_: Id) -> Response:
        item = seen.answered(id_)
        raster = seen.of(id_, numbers.raster)
        assert item.answer
        evidence = seen.of(id_, numbers.evidence) if item.answer.scale else None
        page = reading_page(reading(item, raster, evidence, model.verdicts))
        return Response(page, headers=DOCUMENT, media_type="text/html")

    return router


def _answers(media_type: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    content = {media_type: {"schema": schema or {"type": "string", "format": "binary"}}}
    return {"response_class": Response, "responses": {200: {"content": content}, **documented(404, 409)}}


class _Seen:
    """Images of the work list that have an answer, and their numbers."""

    def __init__(self, room: ReadingRoom) -> None:
        self._room = room

    def answered(self, id_: str) -> Item:
        """The image; 404 where there is none, 409 where it has no answer."""
        item = self._room.worklist.item(id_)
        if item is None:
            raise RefusedError(404, "no such image in the work list")
        if item.answer is None:
            raise RefusedError(409, "the image has no answer", "look at its state")
        return item

    def of(self, id_: str, read: Callable[[Path], T]) -> T:
        """Some of its numbers; 404 where they are gone."""
        self.answered(id_)
        try:
            return read(self._room.state.images / id_)
        except OSError:
            raise RefusedError(404, "the image's numbers are gone") from None

    def explained(self, id_: str) -> tuple[Answer, numbers.Map]:
        """Its answer and its evidence; 404 where the model has none."""
        answer = self.answered(id_).answer
        assert answer
        if answer.scale is None:
            raise RefusedError(404, "the model has no evidence map")
        return answer, self.of(id_, numbers.evidence)
