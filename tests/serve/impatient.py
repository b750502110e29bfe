"""A reading room with little patience, run by ``python -m``: what a test waits for is not an option of the command."""

from __future__ import annotations

import sys
from pathlib import Path

from edgefrac.serve.app import create_app
from edgefrac.serve.readers import Readers
from edgefrac.serve.served_model import served_model
from edgefrac.serve.server import listen, serve
from edgefrac.serve.service import ReadingRoom
from edgefrac.serve.settings import Settings
from edgefrac.serve.state import State

SECONDS = 1.0


def main(model: str, state: str) -> None:
    """As ``edgefrac serve``, with other settings."""
    served = served_model(Path(model))
    room = ReadingRoom(State(Path(state)), Readers(served.path, 1))
    room.start()
    settings = Settings(
        header_seconds=SECONDS,
        body_seconds=SECONDS,
        slowest_bytes_per_second=100_000,
        bodies_megabytes=4,
        max_megabytes=3,
        requests_per_second=5,
        connections=30,
    )
    listening = listen("127.0.0.1", 0)
    print(f"reading room: http://127.0.0.1:{listening.getsockname()[1]}/ ", flush=True)
    serve(create_app(room, served, settings), listening, settings)
    room.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
