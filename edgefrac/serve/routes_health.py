"""Whether the process lives."""

from __future__ import annotations

from fastapi import APIRouter

from edgefrac.serve.documents import Health


def routes() -> APIRouter:
    """``/health``."""
    router = APIRouter(tags=["operation"])

    @router.get("/health", summary="The process lives")
    async def health() -> Health:
        return Health()

    return router
