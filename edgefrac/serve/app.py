"""The web application: its routes, and what every request passes on the way to them."""

from __future__ import annotations

from fastapi import FastAPI

from edgefrac import __version__
from edgefrac.serve import (
    auth,
    problems,
    routes_health,
    routes_model,
    routes_page,
    routes_predict,
    routes_views,
    routes_worklist,
)
from edgefrac.serve.auth import Access
from edgefrac.serve.limits import Bodies, RequestRate
from edgefrac.serve.metrics import Metrics
from edgefrac.serve.requests_seen import RequestsSeen
from edgefrac.serve.served_model import ServedModel
from edgefrac.serve.service import ReadingRoom
from edgefrac.serve.settings import Settings


def create_app(room: ReadingRoom, model: ServedModel, settings: Settings) -> FastAPI:
    """The application of a room, which the caller starts and closes."""
    app = FastAPI(
        title="EdgeFrac reading room",
        version=__version__,
        summary="Radiographs in, what a model sees on them out. Research software, not a medical device.",
        docs_url=None,
        redoc_url=None,
        responses=problems.EVERYWHERE,
    )
    problems.install(app)
    metrics = Metrics(room)
    app.include_router(routes_health.routes(room, metrics))
    app.include_router(auth.routes(settings))
    app.include_router(routes_model.routes(room, model))
    app.include_router(routes_predict.routes(room, metrics))
    app.include_router(routes_worklist.routes(room))
    app.include_router(routes_views.routes(room, model))
    routes_page.mount(app)
    # the last one added is the first one met
    app.add_middleware(Bodies, settings=settings)
    app.add_middleware(Access, settings=settings)
    app.add_middleware(RequestRate, per_second=settings.requests_per_second)
    app.add_middleware(RequestsSeen, metrics=metrics)
    return app
