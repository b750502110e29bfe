"""How the server is: whether it lives, whether it can take images, and what it counts."""

from __future__ import annotations

import shutil

from fastapi import APIRouter, Response

from edgefrac.serve.documents import Health
from edgefrac.serve.metrics import Metrics
from edgefrac.serve.problems import RETRY_SECONDS, RefusedError
from edgefrac.serve.service import ReadingRoom

_LEAST_BYTES = 256 << 20
_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def routes(room: ReadingRoom, metrics: Metrics) -> APIRouter:
    """``/health``, ``/ready`` and ``/metrics``."""
    router = APIRouter(tags=["operation"])

    @router.get("/health", summary="The process lives")
    async def health() -> Health:
        return Health()

    @router.get("/ready", summary="Images can be taken; 503 says why not")
    def ready() -> Health:
        if reason := _why_not(room):
            raise RefusedError(503, reason, headers={"Retry-After": str(RETRY_SECONDS)})
        return Health()

    @router.get(
        "/metrics",
        summary="Counts for Prometheus",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    def numbers() -> Response:
        return Response(metrics.text(), media_type=_METRICS_TYPE)

    return router


def _why_not(room: ReadingRoom) -> str:
    if not room.readers.up:
        return "no reader is up"
    if room.full:
        return "too many images wait"
    if shutil.disk_usage(room.state.root).free < _LEAST_BYTES:
        return f"less than {_LEAST_BYTES >> 20} MiB of disk are left"
    return ""
