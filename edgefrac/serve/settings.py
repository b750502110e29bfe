"""How a reading room meets its clients: where it listens, who may speak to it, and how much they may ask of it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Settings(BaseModel):
    """Of one server.

    ``token`` is what clients must show; None lets everybody in whose request names one of ``host_names``, so that no
    page from elsewhere can speak to a server on the reader's own machine.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    token: str | None = None
    host_names: frozenset[str] = LOOPBACK
    max_megabytes: Annotated[int, Field(ge=1, le=1024, description="largest body of a request, in MiB")] = 512
    bodies_megabytes: Annotated[int, Field(ge=1, description="all bodies that are being received or read")] = 2048
    requests_per_second: Annotated[float, Field(ge=0, description="of one client; 0 sets no limit")] = 100.0
    body_seconds: Annotated[float, Field(gt=0, description="longest pause in a body")] = 15.0
    slowest_bytes_per_second: Annotated[int, Field(gt=0, description="of a body, after body_seconds")] = 32 << 10
    header_seconds: Annotated[float, Field(gt=0, description="until a request's head is here")] = 15.0
    connections: Annotated[int, Field(ge=1, description="at once")] = 512

    @property
    def max_bytes(self) -> int:
        """Largest body of a request."""
        return self.max_megabytes << 20
