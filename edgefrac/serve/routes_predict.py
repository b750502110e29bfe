"""Answers for callers who wait: nothing is stored, and what a client calls its images goes back to it alone."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query, Request, Response

from edgefrac.errors import BusyError, ImageError, UsageError
from edgefrac.imaging.voi import CT_PRESETS, WindowChoice, window_from
from edgefrac.serve.answer import Answer
from edgefrac.serve.bodies import SENDS_IMAGE, SENDS_IMAGES, SentImage, sent_images
from edgefrac.serve.documents import Explanation, PredictionRow
from edgefrac.serve.metrics import Metrics
from edgefrac.serve.problems import RefusedError, documented
from edgefrac.serve.service import ReadingRoom
from edgefrac.workers.framing import Message

T = TypeVar("T")

_WAIT_FOR_ROOM = 0.05  # seconds, between tries to queue one more image of a batch
_PNG: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}}
}

Window = Annotated[
    str | None,
    Query(
        max_length=64,
        description="DICOM window 'centre,width' instead of the file's own, or for CT a preset",
        examples=["300,1500", *CT_PRESETS],
    ),
]


def routes(room: ReadingRoom, metrics: Metrics) -> APIRouter:
    """``/v1/predict`` and ``/v1/explain``."""
    router = APIRouter(tags=["predict"])
    caller = _Caller(room, metrics)

    @router.post(
        "/v1/predict",
        summary="Predict images at once, in their order; of a multipart body, also if some cannot be read",
        response_model_exclude_unset=True,
        responses=documented(408),
        openapi_extra=SENDS_IMAGES,
    )
    async def predict(request: Request, window: Window = None) -> list[PredictionRow]:
        chosen = parsed(window)
        sent = await sent_images(request)
        return await unless_gone(request, caller.rows(sent.images, chosen, several=sent.several))

    @router.post(
        "/v1/explain",
        summary="Where the evidence of one image is: as JSON, or drawn over it for 'Accept: image/png'",
        response_model=Explanation,
        response_model_exclude_unset=True,
        responses={**_PNG, **documented(408)},
        openapi_extra=SENDS_IMAGE,
    )
    async def explain(request: Request, window: Window = None) -> Explanation | Response:
        chosen = parsed(window)
        sent = await sent_images(request)
        if len(sent.images) != 1:
            raise RefusedError(422, "one image at a time")
        drawn = "image/png" in request.headers.get("accept", "").lower()
        job = caller.ask("picture" if drawn else "answer", sent.images[0], chosen)
        answer, blobs = await unless_gone(request, job)
        if answer.finding is None:
            raise RefusedError(422, "the model has no evidence map to explain with")
        if drawn:
            return Response(blobs[0], media_type="image/png")
        return Explanation.of(answer, sent.images[0].name)

    return router


def parsed(window: str | None) -> WindowChoice | None:
    """What a query says of the window. Raises ``UsageError``, which doesn't quote it."""
    if window is None:
        return None
    try:
        return window_from(window)
    except ValueError:
        raise UsageError(f"window: expected CENTRE,WIDTH, such as 300,1500, or {' or '.join(CT_PRESETS)}") from None


class _Caller:
    """Hands images to the readers of a room, and waits."""

    def __init__(self, room: ReadingRoom, metrics: Metrics) -> None:
        self._readers, self._metrics = room.readers, metrics

    async def rows(self, images: list[SentImage], window: object, *, several: bool) -> list[PredictionRow]:
        """A row for each image; raises ``ImageError`` for one alone, ``BusyError`` where no reader has time."""
        if not several:
            answer, _ = await self.ask("answer", images[0], window)
            return [PredictionRow.of(answer, images[0].name)]
        first = self._submit("answer", images[0], window)
        # a batch may keep the readers busy, and not fill their queue, which others need
        at_once = asyncio.Semaphore(2 * self._readers.count)

        async def row(image: SentImage, submitted: Future[Message] | None) -> PredictionRow:
            async with at_once:
                try:
                    answer, _ = await self._reply(submitted or await self._patiently(image, window))
                except ImageError as error:
                    return PredictionRow(file=image.name, error=error.message)
                return PredictionRow.of(answer, image.name)

        return await asyncio.gather(row(images[0], first), *(row(image, None) for image in images[1:]))

    async def ask(self, do: str, image: SentImage, window: object) -> tuple[Answer, list[bytes]]:
        """What a reader says of an image; raises ``ImageError``, ``BusyError`` and ``OutputError``."""
        return await self._reply(self._submit(do, image, window))

    async def _patiently(self, image: SentImage, window: object) -> Future[Message]:
        while True:
            try:
                return self._submit("answer", image, window)
            except BusyError:
                await asyncio.sleep(_WAIT_FOR_ROOM)

    async def _reply(self, submitted: Future[Message]) -> tuple[Answer, list[bytes]]:
        try:
            head, blobs = await asyncio.wrap_future(submitted)
        except ImageError:
            self._metrics.refused_at_once()
            raise
        answer = Answer.model_validate(head["answer"])
        self._metrics.answered_at_once(answer)
        return answer, blobs

    def _submit(self, do: str, image: SentImage, window: object) -> Future[Message]:
        return self._readers.submit({"do": do, "window": window}, [image.data])


async def unless_gone(request: Request, job: Coroutine[Any, Any, T]) -> T:
    """The job's result; a client that goes away takes its images out of the readers' queue."""
    work = asyncio.ensure_future(job)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise RefusedError(400, "the client went away")
        return work.result()
    finally:
        gone.cancel()
        work.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
