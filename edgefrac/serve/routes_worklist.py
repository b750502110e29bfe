"""The work list over HTTP: put images in, see what was said of them, forget them."""

from __future__ import annotations

import time
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from edgefrac.serve.bodies import SENDS_IMAGES, sent_images
from edgefrac.serve.documents import (
    ItemWithDeliveries,
    ReceivedImage,
    WorklistDocument,
    item_document,
    item_with_deliveries,
)
from edgefrac.serve.problems import RefusedError, documented
from edgefrac.serve.service import ReadingRoom
from edgefrac.serve.worklist import ImageState, Item

Id = Annotated[str, Path(alias="id", pattern="^[0-9a-f]{32}$", description="as the work list gives it")]


def routes(room: ReadingRoom) -> APIRouter:
    """``/v1/worklist`` and what is under it, but for the pictures."""
    router = APIRouter(tags=["work list"])

    @router.post(
        "/v1/worklist",
        status_code=202,
        summary="Put images in; they are kept from here on, also through a crash",
        responses=documented(408, 507),
        openapi_extra=SENDS_IMAGES,
    )
    async def receive(request: Request, origin: Literal["api", "page"] = "api") -> list[ReceivedImage]:
        sent = await sent_images(request)
        receipts = [await run_in_threadpool(room.receive, image.data, origin) for image in sent.images]
        return [ReceivedImage(id=receipt.id, new=receipt.new) for receipt in receipts]

    @router.get(
        "/v1/worklist",
        summary="The newest images",
        response_model=WorklistDocument,
        responses={304: {"description": "Nothing has changed since that ETag."}},
    )
    def items(
        response: Response,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        before: Annotated[int | None, Query(ge=1, le=1 << 62, description="a number: images before that one")] = None,
        state: ImageState | None = None,
        if_none_match: Annotated[str | None, Header()] = None,
    ) -> WorklistDocument | Response:
        tag = f'"{room.worklist.version()}-{limit}-{before or ""}-{state or ""}"'
        if if_none_match == tag:
            return Response(status_code=304, headers={"ETag": tag})
        response.headers["ETag"] = tag
        return WorklistDocument(
            items=tuple(map(item_document, room.worklist.items(limit, before, state))),
            counts=room.worklist.counts(),
            deliveries=room.worklist.delivery_counts(),
        )

    @router.get("/v1/worklist/{id}", summary="One image, its answer and where that goes", responses=documented(404))
    def item(id_: Id) -> ItemWithDeliveries:
        return item_with_deliveries(_found(room, id_), room.worklist.deliveries(id_))

    @router.delete(
        "/v1/worklist/{id}",
        status_code=204,
        summary="Forget an image that is done",
        responses=documented(404, 409, 507),
    )
    def remove(id_: Id) -> None:
        _found(room, id_)
        if not room.remove(id_):
            raise RefusedError(409, "the image is waiting to be read", "wait until it is done")

    @router.post("/v1/worklist/{id}/deliver", summary="Try failed deliveries again", responses=documented(404, 507))
    def deliver(id_: Id) -> ItemWithDeliveries:
        room.worklist.retry(id_, time.time())
        return item_with_deliveries(_found(room, id_), room.worklist.deliveries(id_))

    return router


def _found(room: ReadingRoom, id_: str) -> Item:
    item = room.worklist.item(id_)
    if item is None:
        raise RefusedError(404, "no such image in the work list")
    return item
