"""What answers here: the model, its certificate and its card."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from edgefrac.imaging.heat import CONTOURS, FULL_SCALE, RAMP
from edgefrac.serve.documents import EvidenceScale, ModelDocument, ServedTask
from edgefrac.serve.headers import DOCUMENT
from edgefrac.serve.problems import RefusedError, documented
from edgefrac.serve.served_model import ServedModel
from edgefrac.serve.service import ReadingRoom


def routes(room: ReadingRoom, model: ServedModel) -> APIRouter:
    """``/v1/model``, ``/v1/certificate`` and ``/v1/model-card``."""
    router = APIRouter(tags=["model"])
    document = _document(room, model)

    @router.get("/v1/model", summary="The model that answers")
    async def show_model() -> ModelDocument:
        return document

    @router.get(
        "/v1/certificate",
        summary="The model's certificate, a page",
        response_class=Response,
        responses={**_text("text/html"), **documented(404)},
    )
    async def certificate() -> Response:
        if model.certificate is None:
            raise RefusedError(404, "this model came without a certificate", "serve a bundle")
        return Response(model.certificate, headers=DOCUMENT, media_type="text/html")

    @router.get(
        "/v1/model-card",
        summary="The model's card, Markdown",
        response_class=Response,
        responses={**_text("text/markdown"), **documented(404)},
    )
    async def card() -> Response:
        if model.card is None:
            raise RefusedError(404, "this model came without a card", "serve a bundle")
        return Response(model.card, media_type="text/markdown")

    return router


def _text(kind: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {kind: {"schema": {"type": "string"}}}}}


def _document(room: ReadingRoom, model: ServedModel) -> ModelDocument:
    contract = room.readers.contract
    task = contract.task()
    maps = any(output.name == "evidence" for output in contract.outputs)
    scale = EvidenceScale(full_scale=FULL_SCALE, contours=CONTOURS, ramp=RAMP)
    return ModelDocument(
        name=contract.name,
        version=contract.version,
        precision=contract.precision,
        target=model.target,
        sha256=room.readers.model_sha256,
        task=ServedTask.model_validate(task.model_dump(include=set(ServedTask.model_fields))),
        input_size=contract.input.size,
        has_certificate=model.certificate is not None,
        has_card=model.card is not None,
        valid_until=model.valid_until,
        expired=model.expired,
        evidence_scale=scale if maps else None,
        intended_use=contract.intended_use,
    )
