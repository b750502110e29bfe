"""``edgefrac serve``: the reading room."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from edgefrac.cli.options import Model
from edgefrac.cli.output import note


def serve(
    model: Model = None,
    host: Annotated[str, typer.Option(help="Address to listen at; beyond this machine, clients need a token.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen at; 0 takes a free one.")] = 8000,
    state: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the work list [default: edgefrac in the XDG state folder]."),
    ] = None,
    readers: Annotated[
        int | None, typer.Option(min=1, max=256, help="Processes that read images [default: one per core].")
    ] = None,
    token: Annotated[
        bool | None,
        typer.Option("--token/--no-token", help="Whether clients need the token [default: beyond this machine]."),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Name of this server that requests may use without token; may be repeated."),
    ] = None,
    max_megabytes: Annotated[int, typer.Option(min=1, max=1024, help="Largest body of a request, in MiB.")] = 512,
    requests_per_second: Annotated[float, typer.Option(min=0, help="Of one client; 0 sets no limit.")] = 100.0,
    waiting: Annotated[int, typer.Option(min=1, help="Images that may wait before further ones are refused.")] = 1000,
    keep_days: Annotated[float, typer.Option(min=0, help="How long an image stays in the list when it is done.")] = 7.0,
) -> None:
    """Read radiographs that come by page, REST or folder, and keep a work list."""
    from edgefrac.serve.app import create_app
    from edgefrac.serve.readers import Readers
    from edgefrac.serve.served_model import served_model
    from edgefrac.serve.server import is_loopback, listen, log_to_stderr
    from edgefrac.serve.server import serve as serve_app
    from edgefrac.serve.service import ReadingRoom, Rules
    from edgefrac.serve.settings import LOOPBACK, Settings
    from edgefrac.serve.state import State, state_folder

    log_to_stderr()
    served = served_model(model)
    listening = listen(host, port)
    folder = State(state or state_folder())
    needs_token = not is_loopback(host) if token is None else token
    settings = Settings(
        token=folder.token() if needs_token else None,
        host_names=LOOPBACK | {host, *(allow_host or ())},
        max_megabytes=max_megabytes,
        requests_per_second=requests_per_second,
    )
    room = ReadingRoom(
        folder,
        Readers(served.path, readers or os.cpu_count() or 1),
        rules=Rules(waiting=waiting, keep_seconds=keep_days * 86400),
    )
    try:
        room.start()
        shown = f"[{host}]" if ":" in host else host
        note(
            f"EdgeFrac reads at http://{shown}:{listening.getsockname()[1]}/ ({served.path.name}, not a medical device)"
        )
        if settings.token:
            note(f"access token: {settings.token}")
        serve_app(create_app(room, served, settings), listening, settings)
    finally:
        room.close()
